"""The profile of a worker as a file: fresh while it runs, and also written when it fails."""

import json
from pathlib import Path

import pytest
import trio
from structlog.testing import capture_logs
from support.patience import patiently

from wallarood.daemon import profile_report
from wallarood.daemon.profile_report import as_text, profiled, summary
from wallarood.model.errors import ApplicationError, CannotCreateError
from wallarood.runtime.profile import Profile, Spent


def worked(profile: Profile) -> None:
    for what, spent, seconds in (
        ("reading", Spent.WAIT, 5.0),
        ("routing", Spent.WORK, 0.5),
        ("user code: count", Spent.WORK, 1.5),
    ):
        hop = profile.hop("count", what, spent)
        hop.calls, hop.records, hop.seconds = 10, 1000, seconds
    profile.hop("count", "backpressure", Spent.WAIT)


def test_hops_that_were_used_come_work_first_and_the_longest_first() -> None:
    profile = Profile()
    worked(profile)
    facts = summary(profile, "alpha", elapsed_s=10.0, cpu_s=3.0)
    assert [each["hop"] for each in facts["hops"]] == ["user code: count", "routing", "reading"]
    assert facts["work_s"] == 2.0
    text = as_text(facts)
    assert text.startswith("worker alpha: 10.0 s passed, 3.0 s of CPU, 2.0 s in the work below")
    assert "15.0%" in text
    assert "1,500.00" in text, "microseconds a record"


async def test_the_file_is_there_at_once_fresh_while_it_runs_and_whole_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(profile_report, "REFRESH_S", 0.02)
    file = tmp_path / "profile.json"

    async def work(*, profile: Profile | None) -> None:
        assert profile is not None
        assert json.loads(file.read_text())["hops"] == []
        worked(profile)
        with patiently(10):
            while not json.loads(file.read_text())["hops"]:  # noqa: ASYNC110 - a file
                await trio.sleep(0.01)
        profile.hop("count", "backpressure", Spent.WAIT).calls = 7

    await profiled(work, file, "alpha")
    assert len(json.loads(file.read_text())["hops"]) == 4


async def test_a_failure_of_the_worker_is_its_own_and_the_file_is_written(tmp_path: Path) -> None:
    async def work(*, profile: Profile | None) -> None:
        assert profile is not None
        worked(profile)
        raise ApplicationError("no good")

    with pytest.raises(ApplicationError, match="no good"):
        await profiled(work, tmp_path / "profile.txt", "alpha")
    assert "user code: count" in (tmp_path / "profile.txt").read_text()


async def test_a_file_that_cannot_be_written_keeps_a_worker_from_starting_and_stops_none(
    tmp_path: Path,
) -> None:
    gone = tmp_path / "gone"

    async def nothing(*, profile: Profile | None) -> None:
        del profile

    async def loses_the_directory(*, profile: Profile | None) -> None:
        del profile
        (gone / "profile.txt").unlink()
        gone.rmdir()

    with pytest.raises(CannotCreateError):
        await profiled(nothing, gone / "profile.txt", "alpha")
    gone.mkdir()
    with capture_logs() as logs:
        await profiled(loses_the_directory, gone / "profile.txt", "alpha")
    assert [each["event"] for each in logs] == ["the profile cannot be written"]
