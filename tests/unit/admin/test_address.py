"""A socket may lie deeper than the kernel's paths of sockets reach."""

import socket
from pathlib import Path

import pytest

from wallarood.admin.address import SOCKET_PATH_BYTES_MAX, short_path


def test_a_path_that_fits_stays_as_it_is(tmp_path: Path) -> None:
    path = Path("/run/admin.sock")
    with short_path(path) as name:
        assert name == str(path)


@pytest.mark.parametrize("name", ["d" * 120, "é" * 60])
def test_a_socket_with_a_long_path_is_bound_and_reached(tmp_path: Path, name: str) -> None:
    directory = tmp_path / name
    directory.mkdir()
    path = directory / "admin.sock"
    assert len(str(path).encode()) > SOCKET_PATH_BYTES_MAX
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        with short_path(path) as short:
            server.bind(short)
        server.listen()
        assert path.is_socket()
        with short_path(path) as short:
            client.connect(short)


def test_a_directory_that_is_not_there_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), short_path(tmp_path / ("d" * 120) / "x.sock"):
        pass
