"""`wallarooctl shrink`: one way to say who leaves, and what would move is shown in words."""

import io
from collections.abc import Mapping
from typing import Any

import pytest
from support.admin_sockets import Workers

from wallarood.admin.status import ClusterStatus, JobState, Status
from wallarood.cli.ctl import main
from wallarood.cli.ctl.changing import progress


@pytest.mark.parametrize("arguments", [[], ["beta", "--to", "2"]])
def test_it_takes_names_or_a_count(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["shrink", *arguments]) == 64
    assert "shrink NAME... or shrink --to N: expected one of both" in capsys.readouterr().err


def test_a_worker_joins_by_itself_and_grow_says_how(
    workers: Workers, capsys: pytest.CaptureFixture[str]
) -> None:
    workers.start("alpha")
    assert main(["grow", "delta"]) == 76
    said = capsys.readouterr().err
    assert "start delta with --join (worker.join)" in said
    assert "wallarooctl grow --dry-run delta" in said


def test_evict_takes_names(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evict"]) == 64
    assert "NAME" in capsys.readouterr().err


def test_replace_takes_what_a_refusal_proposes(
    workers: Workers, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[dict[str, str]] = []

    def replaced(parameters: Mapping[str, str]) -> dict[str, Any]:
        asked.append(dict(parameters))
        return {"copy": "gamma", "output": []}

    workers.orders["replace"] = replaced
    workers.start("alpha")
    assert main(["replace", "beta", "--back-to", "5", "--dry-run"]) == 0
    assert "beta would be put together from the copy on gamma" in capsys.readouterr().out
    assert asked == [{"names": "beta", "back-to": "5", "dry-run": "1"}]


@pytest.mark.parametrize("command", ["evict", "replace"])
def test_a_dry_run_says_what_may_be_on_lost_disks_only(
    command: str, workers: Workers, capsys: pytest.CaptureFixture[str]
) -> None:
    risk = {"source": "in", "worker": "beta", "holder": "gamma", "back_to": 7}
    plan = {"copy": "alpha", "output": [], "at_risk": [risk], "leaving": ["beta"]}
    plan |= {"staying": ["alpha"], "moving": 0, "slots": 0, "moves": []}
    workers.orders[command] = lambda _: plan
    workers.start("alpha")
    assert main([command, "beta", "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "what source 'in' on beta has acknowledged since checkpoint 7" in said
    assert "there and on gamma only: expected --back-to 7" in said
    assert "nothing would be lost" not in said


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("command", ["evict", "replace"])
def test_at_a_terminal_who_is_certified_dead_is_to_be_confirmed(
    workers: Workers,
    command: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Said on both sides of a cut, it makes two clusters of one."""
    workers.start("alpha")
    for typed, says in (
        ("yes", "not confirmed: nothing was done"),
        ("beta", f"takes no order {command}"),
    ):
        monkeypatch.setattr("sys.stdin", Terminal(f"{typed}\n"))
        assert main([command, "beta", "--certified-dead"]) != 0
        said = capsys.readouterr().err
        assert "the cluster splits into two" in said
        assert says in said


def test_what_moves_is_said_while_it_is_waited_for_and_else_what_is_done() -> None:
    def status(name: str, waiting: str = "", moving: str = "") -> Status:
        waits = (waiting,) if waiting else ()
        return Status(name, "1", JobState.RUNNING, "running", 1.0, waiting_for=waits, moving=moving)

    moving = "moving 43 of 256 slots to beta: 61 %"
    freezing = "change to epoch 2: taking a checkpoint"
    assert progress(ClusterStatus(status("alpha", freezing))) == freezing
    both = ClusterStatus(status("alpha", freezing), (status("beta", moving, moving),))
    assert progress(both) == moving
    assert progress(ClusterStatus(status("alpha"), (status("beta"),))) == ""
