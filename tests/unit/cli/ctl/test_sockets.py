"""`wallarooctl` finds the worker that is meant."""

import json
import os
import socket
import tempfile
from pathlib import Path

import pytest
from support.admin_sockets import Workers
from support.servers.process import demand

from wallarood.cli.ctl import main


def test_the_only_worker_here_is_the_one(
    workers: Workers, capsys: pytest.CaptureFixture[str]
) -> None:
    workers.start("alpha")
    assert main(["status"]) == 0
    assert "worker:      alpha (wallarood 1" in capsys.readouterr().out


def test_of_several_workers_one_must_be_chosen(
    workers: Workers, capsys: pytest.CaptureFixture[str]
) -> None:
    workers.start("alpha")
    workers.start("beta")
    assert main(["status"]) == 64
    error = capsys.readouterr().err
    assert "2 workers run here" in error
    assert "--worker alpha" in error
    assert main(["status", "--worker", "beta", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["worker"] == "beta"


def test_a_socket_that_a_dead_worker_left_is_passed_over(
    workers: Workers, capsys: pytest.CaptureFixture[str]
) -> None:
    workers.start("alpha")
    dead = workers.root / "dead"
    dead.mkdir()
    (dead / "admin.sock").touch()
    assert main(["workers"]) == 0
    assert "alpha" in capsys.readouterr().out


def test_a_worker_that_is_busy_is_not_passed_over(
    workers: Workers, capsys: pytest.CaptureFixture[str]
) -> None:
    """User code may hold it for longer than anybody wants to search."""
    workers.start("alpha")
    (workers.root / "busy").mkdir()
    with socket.socket(socket.AF_UNIX) as busy:
        busy.bind(str(workers.root / "busy" / "admin.sock"))
        busy.listen(0)
        assert main(["status"]) == 64
    assert "--worker busy" in capsys.readouterr().err


def test_who_may_not_ask_is_told_who_may(capsys: pytest.CaptureFixture[str]) -> None:
    demand("" if os.geteuid() == 0 else "only root can be another user")
    with tempfile.TemporaryDirectory(dir="/tmp") as place, socket.socket(socket.AF_UNIX) as worker:
        Path(place).chmod(0o755)
        path = Path(place) / "admin.sock"
        worker.bind(str(path))
        path.chmod(0o600)
        os.seteuid(65534)
        try:
            assert main(["status", "--socket", str(path)]) == 69
        finally:
            os.seteuid(0)
    assert "ask as root or as a member of the group wallaroo" in capsys.readouterr().err


def test_nobody_here(workers: Workers, capsys: pytest.CaptureFixture[str]) -> None:
    assert not workers.root.exists()
    assert main(["status"]) == 69
    assert "a worker was not found" in capsys.readouterr().err
    assert main(["status", "--worker", "gamma"]) == 69
    assert "worker gamma was not found" in capsys.readouterr().err


def test_a_state_directory_or_socket_may_be_named(
    workers: Workers, capsys: pytest.CaptureFixture[str]
) -> None:
    workers.start("alpha")
    workers.start("beta")
    place = workers.root / "beta"
    assert main(["status", "--state-directory", str(place), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["worker"] == "beta"
    assert main(["status", "--socket", str(place / "admin.sock"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["worker"] == "beta"
