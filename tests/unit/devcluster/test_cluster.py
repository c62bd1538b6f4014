"""What a local cluster starts, and how it ends: the workers here are small shell scripts."""

import signal
import sys
from itertools import pairwise
from pathlib import Path

import attrs
import pytest
import trio
from support.patience import patiently

from wallarood.config.load import load_config
from wallarood.devcluster import cluster as local_cluster
from wallarood.devcluster.cluster import run_cluster
from wallarood.devcluster.local import LocalCluster, worker_names
from wallarood.devcluster.outcome import Outcome


def test_workers_have_names_that_are_easy_to_tell_apart() -> None:
    assert worker_names(2) == ("alpha", "beta")
    assert worker_names(7)[4:] == ("epsilon", "worker-6", "worker-7")
    assert len(set(worker_names(64))) == 64


def test_the_first_worker_is_the_initializer_and_arguments_come_last(tmp_path: Path) -> None:
    cluster = LocalCluster("app.py", ("--x", "1"), ("alpha", "beta"), tmp_path, 7700)
    first, second = map(cluster.command, cluster.workers)
    assert first[:5] == [sys.executable, "-m", "wallarood", "run", "app.py"]
    assert ("--topology-initializer" in first, "--topology-initializer" in second) == (True, False)
    assert second[-3:] == ["--", "--x", "1"]


def test_configuration_of_the_user_goes_above_ours_and_each_worker_has_its_profile(
    tmp_path: Path,
) -> None:
    given, profile = tmp_path / "mine.toml", tmp_path / "time.json"
    given.write_text('checkpoint.interval = "7s"\n')
    cluster = LocalCluster(
        "app.py", (), ("alpha", "beta"), tmp_path, 7700, config=(given,), profile=profile
    )
    cluster.write_config()
    command = cluster.command("beta")
    files = [Path(path) for flag, path in pairwise(command) if flag == "--config"]
    assert load_config(files[:1], {}, None)["checkpoint.interval"] == 1.0
    assert load_config(files, {}, None)["checkpoint.interval"] == 7.0
    assert command[command.index("--profile") + 1] == str(tmp_path / "time-beta.json")


@attrs.frozen
class Scripted:
    """A cluster whose workers run Python code instead of `wallarood run`."""

    code: dict[str, str]
    directory: Path
    chaos: None = None

    @property
    def workers(self) -> tuple[str, ...]:
        return tuple(self.code)

    def state_directory(self, worker: str) -> Path:
        return self.directory / worker

    def admin_socket(self, worker: str) -> Path:
        return self.directory / worker / "admin.sock"

    def command(self, worker: str) -> list[str]:
        return [sys.executable, "-c", self.code[worker]]


async def ended(cluster: Scripted, lines: list[tuple[str, str]]) -> Outcome:
    with patiently(20):
        return await run_cluster(
            cluster,  # type: ignore[arg-type]
            on_line=lambda worker, text: lines.append((worker, text)),
            on_view=lambda _: None,
        )


FOREVER = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
print("ready", file=sys.stderr, flush=True)
time.sleep(60)
"""
STUBBORN = FOREVER.replace("lambda *_: sys.exit(0)", "signal.SIG_IGN")
FAILING = """
import pathlib, sys, time
here = pathlib.Path({directory!r})
(here / "{name} is there").touch()
while len(list(here.glob("* is there"))) < 3:  # they fail together, however long each has started
    time.sleep(0.01)
sys.exit(print("wallarood: error: it broke\\n  twice", file=sys.stderr) or {code})
"""


async def test_a_cluster_whose_workers_are_done_ends_with_0(tmp_path: Path) -> None:
    lines: list[tuple[str, str]] = []
    say = "import sys; print('hello', file=sys.stderr)"
    outcome = await ended(Scripted({"alpha": say, "beta": ""}, tmp_path), lines)
    assert (outcome.exit_code, outcome.interrupted) == (0, False)
    assert lines == [("alpha", "hello")]


async def test_the_first_cause_is_reported_not_what_followed_from_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_cluster, "FAIL_TOGETHER_S", 1.0)
    code = {
        name: FAILING.format(directory=str(tmp_path), name=name, code=code)
        for name, code in (("alpha", 69), ("delta", 65), ("beta", 65))
    }
    code["delta"] = code["delta"].replace("it broke", "the job failed on beta: it broke")
    code["gamma"] = FOREVER
    outcome = await ended(Scripted(code, tmp_path), [])
    assert (outcome.exit_code, outcome.worker) == (65, "beta")
    assert outcome.message == "it broke\n  twice"


async def test_a_killed_worker_is_named_with_its_signal(tmp_path: Path) -> None:
    code = {"alpha": "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"}
    outcome = await ended(Scripted(code, tmp_path), [])
    assert (outcome.exit_code, outcome.message) == (137, "ended by SIGKILL")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_ends_all_workers_and_the_exit_code_is_0(
    tmp_path: Path, number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_cluster, "KILL_AFTER_S", 0.5)
    ready = trio.Event()
    seen: list[str] = []
    outcomes: list[Outcome] = []

    def look(worker: str, text: str) -> None:
        seen.append(f"{worker} {text}")
        if len(seen) == 2:
            ready.set()

    async def run() -> None:
        cluster = Scripted({"alpha": FOREVER, "beta": STUBBORN}, tmp_path)
        outcomes.append(
            await run_cluster(
                cluster,  # type: ignore[arg-type]
                on_line=look,
                on_view=lambda _: None,
            )
        )

    with patiently(20):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(run)
            await ready.wait()
            signal.raise_signal(number)
    assert [(each.exit_code, each.interrupted) for each in outcomes] == [(0, True)]
