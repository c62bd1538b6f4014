"""What the service manager is told, also when it does not listen."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from wallarood.systemd.notify import notify


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> socket.socket:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.bind(str(tmp_path / "notify"))
    return manager


def test_a_message_says_all_at_once_in_utf8(manager: socket.socket) -> None:
    with manager:
        notify("READY=1", "STATUS=waiting — γ")
        assert manager.recv(1000).decode() == "READY=1\nSTATUS=waiting — γ"


def test_what_is_ascii_says_the_same(manager: socket.socket) -> None:
    with manager:
        notify("READY=1", "STATUS=running")
        assert manager.recv(1000) == b"READY=1\nSTATUS=running"


def test_descriptors_go_with_a_message(manager: socket.socket, tmp_path: Path) -> None:
    with manager, (tmp_path / "file").open("w") as file:
        notify("FDSTORE=1", descriptors=[file.fileno()])
        message, passed, _, _ = socket.recv_fds(manager, 1000, 1)
        assert message == b"FDSTORE=1"
        assert os.fstat(passed[0]).st_ino == os.fstat(file.fileno()).st_ino
        os.close(passed[0])


# sdnotify leaves a socket that it could not connect to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("text", ["ready", "bereit — ja"])
def test_a_manager_that_is_not_there_is_no_error(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "away"))
    notify("READY=1", f"STATUS={text}")


def test_a_manager_that_is_behind_holds_nobody_up(manager: socket.socket) -> None:
    """Its queue has room for a few messages, or for some hundreds."""
    script = "from wallarood.systemd.notify import notify\n" + "notify('STATUS=x')\n" * 2000
    with manager:
        subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
        assert manager.recv(1000) == b"STATUS=x"
