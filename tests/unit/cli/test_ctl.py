"""wallarooctl finds the worker that is meant, and says what it answers."""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from threading import Semaphore, Thread

import attrs
import pytest
import trio

from wallarood.admin.server import serve_admin
from wallarood.admin.status import JobState, Status, WorkerStatus
from wallarood.cli.ctl import main
from wallarood.model.topology import Stage, StageKind, Topology

STAGE = Stage(0, "in", StageKind.SOURCE, ("in", "split"), "", ("alpha",))
TOPOLOGY = Topology(1, "words", ("alpha",), (STAGE,), ())


@attrs.define
class Workers:
    """Admin servers of workers below a directory, in a thread of their own."""

    root: Path
    shut_down: list[str] = attrs.field(factory=list)
    _threads: list[tuple[Thread, trio.lowlevel.TrioToken, trio.CancelScope]] = attrs.field(
        factory=list
    )

    def start(self, name: str) -> None:
        status = Status(
            name,
            "1",
            JobState.RUNNING,
            "running",
            1.0,
            workers=(WorkerStatus(name, "a:1", "here"),),
        )
        started: list[tuple[trio.lowlevel.TrioToken, trio.CancelScope]] = []

        async def serve() -> None:
            async with trio.open_nursery() as nursery:
                await nursery.start(
                    partial(
                        serve_admin,
                        self.root / name / "admin.sock",
                        status=lambda: status,
                        topology=lambda: TOPOLOGY,
                        orders={"shutdown": lambda _: self._shut_down(name)},
                    )
                )
                started.append((trio.lowlevel.current_trio_token(), nursery.cancel_scope))
                ready.release()

        ready = Semaphore(0)
        thread = Thread(target=trio.run, args=(serve,))
        thread.start()
        assert ready.acquire(timeout=10)
        self._threads.append((thread, *started[0]))

    def _shut_down(self, name: str) -> dict[str, list[str]]:
        self.shut_down.append(name)
        return {"absent": []}

    def stop(self) -> None:
        for thread, token, scope in self._threads:
            token.run_sync_soon(scope.cancel)
            thread.join()


@pytest.fixture
def workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workers]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("wallarood.cli.ctl.SEARCHED", (".wallarood",))
    found = Workers(tmp_path / ".wallarood")
    yield found
    found.stop()


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
    assert "2 workers answer here" in error
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


def test_the_topology_is_a_table_or_json(
    workers: Workers, capsys: pytest.CaptureFixture[str]
) -> None:
    workers.start("alpha")
    assert main(["topology"]) == 0
    assert "in + split" in capsys.readouterr().out
    assert main(["topology", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["stages"][0]["steps"] == ["in", "split"]


def test_shutdown_is_passed_on_and_waited_for(
    workers: Workers, capsys: pytest.CaptureFixture[str]
) -> None:
    workers.start("alpha")
    assert main(["shutdown", "--timeout", "0.2"]) == 69
    assert workers.shut_down == ["alpha"]
    assert "did not stop within 0.2 s" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["nothing"], ["status", "--nothing"]])
def test_a_wrong_command_line_ends_with_64(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 64
    assert "wallarooctl" in capsys.readouterr().err


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("wallarooctl ")
