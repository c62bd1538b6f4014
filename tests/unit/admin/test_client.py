"""The admin client says clearly what is wrong with whom it asks."""

import socket
import threading
from pathlib import Path

import pytest

from wallarood.admin import client


def answering(path: Path, *answers: bytes) -> threading.Thread:
    """Give these answers, one to each who asks."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()

    def serve() -> None:
        with listener:
            for answer in answers:
                with listener.accept()[0] as connection:
                    connection.recv(65536)
                    connection.sendall(answer)

    thread = threading.Thread(target=serve)
    thread.start()
    return thread


def test_nobody_there(tmp_path: Path) -> None:
    with pytest.raises(client.NotAnsweringError, match=r"no worker answers on .*admin\.sock"):
        client.status(tmp_path / "admin.sock")


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"SSH-2.0-x\r\n\r\n", "no worker answers"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{{{", "no worker answers"),
        (b'HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{"worker": 1}', "no worker answers"),
        (b'HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n{"worker": 1}', "another version"),
    ],
)
def test_somebody_else_there(tmp_path: Path, answer: bytes, message: str) -> None:
    path = tmp_path / "admin.sock"
    thread = answering(path, answer)
    with pytest.raises(client.NotAnsweringError, match=message):
        client.status(path)
    thread.join()


GOES_ON = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


@pytest.mark.parametrize("before", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"])
def test_what_only_asks_is_asked_again_where_a_worker_ends(tmp_path: Path, before: bytes) -> None:
    path = tmp_path / "admin.sock"
    thread = answering(path, before, GOES_ON)
    assert client.ask(path, "GET", "/api/v1/status") == {}
    thread.join()


def test_an_order_is_not_given_twice(tmp_path: Path) -> None:
    path = tmp_path / "admin.sock"
    thread = answering(path, b"", GOES_ON)
    with pytest.raises(client.NotAnsweringError, match="no worker answers"):
        client.ask(path, "POST", "/api/v1/checkpoint")
    assert client.ask(path, "GET", "/api/v1/status") == {}, "the second answer was not taken yet"
    thread.join()
