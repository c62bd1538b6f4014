"""Each effect is carried out by its branch, in the order in which a step gives them."""

from pathlib import Path
from typing import Any

import attrs
import pytest
from structlog.testing import capture_logs
from support.lone import HERE, Lone, endless, lone_worker

import wallarood as w
from wallarood.control import effects as do
from wallarood.control.effects import Level
from wallarood.control.stale import Stamp
from wallarood.model.cluster_record import RecordState
from wallarood.model.ids import Incarnation
from wallarood.model.messages import Heartbeat, Member, StatusTold
from wallarood.model.pipeline import Application
from wallarood.runtime.perform import _filled, perform


def said(effects: list[do.ShellEffect], lone: Lone) -> list[str]:
    with capture_logs() as logs:
        perform(lone.worker, effects)
    return [f"{entry['log_level']}: {entry['event']}" for entry in logs]


async def test_what_is_persisted_is_on_disk_before_the_next_effect_begins(tmp_path: Path) -> None:
    async with lone_worker(tmp_path, endless([])) as lone:
        await lone.running()
        record = lone.worker.node.record
        assert record is not None
        seen: list[Any] = []
        lone.worker.on_status = lambda *_: seen.append(lone.parts.state.load_record())
        published = attrs.evolve(record, state=RecordState.PUBLISHED)
        perform(
            lone.worker,
            [do.Persist(published), do.HandToStatus("alpha", StatusTold(1, "{}"))],
        )
        assert [each.state for each in seen] == [RecordState.PUBLISHED]


async def test_a_cluster_that_will_never_be_is_remembered_and_its_record_archived(
    tmp_path: Path,
) -> None:
    async with lone_worker(tmp_path, endless([]), driven=False) as lone:
        state = lone.parts.state
        perform(lone.worker, lone.worker.node.begin(0.0)[:2])
        record = state.load_record()
        assert record is not None
        perform(lone.worker, [do.PersistNever(record.cluster_id), do.Archive()])
        assert state.never(record.cluster_id)
        assert state.load_record() is None
        assert len(state.archives()) == 1


async def test_a_report_has_its_level_and_what_is_waited_for_is_said_once(tmp_path: Path) -> None:
    async with lone_worker(tmp_path, endless([]), driven=False) as lone:
        reports = [do.Report("joined"), do.Report("lost", Level.WARNING)]
        assert said(list(reports), lone) == ["info: joined", "warning: lost"]
        waits = [do.WaitingFor("waiting for beta"), do.WaitingFor("waiting for beta")]
        assert said(list(waits), lone) == ["info: waiting for beta"]
        assert lone.worker.waiting == "waiting for beta"
        assert said([do.WaitingFor("")], lone) == []
        assert lone.worker.waiting == ""


async def test_sources_stand_still_while_they_are_to_and_only_the_first_pause_is_a_warning(
    tmp_path: Path,
) -> None:
    async with lone_worker(tmp_path, endless([])) as lone:
        await lone.running()
        pauses = [do.PauseSources("beta is away"), do.PauseSources("gamma is away")]
        assert said(list(pauses), lone) == ["warning: sources pause", "info: sources pause"]
        assert (lone.worker.phase, lone.worker.waiting) == ("paused", "gamma is away")
        assert said([do.ResumeSources()], lone) == ["info: sources run"]
        assert lone.worker.phase == "running"


async def test_what_concerns_a_round_that_is_not_there_does_nothing(tmp_path: Path) -> None:
    peer = Member("beta", HERE, HERE, Incarnation(1, "b"))
    async with lone_worker(tmp_path, endless([]), driven=False) as lone:
        perform(
            lone.worker,
            [
                do.PeerUp(peer),
                do.PeerDown("beta"),
                do.SlowestElsewhere("numbers", None),
                do.ReleaseBarrier(1),
                do.PublishSinks(1),
                do.SendOnConnection(7, Heartbeat(()), Stamp()),
                do.Close(7),
            ],
        )
        assert lone.worker.round is None


def drifting() -> Application:
    """Numbers that are seconds, of partitions that may not drift apart."""
    time = w.event_time(lambda number: number, unit="s", out_of_order="0s", drift="1h")
    source = w.source("numbers", w.GeneratorSource(rate=1000), time=time)
    return w.application("drifting", source.to_sink(w.ListSink([])))


async def test_a_heartbeat_of_this_round_says_how_far_the_sources_here_are(tmp_path: Path) -> None:
    async with lone_worker(tmp_path, drifting()) as lone:
        await lone.running()
        ours = lone.worker.node.stamp
        filled = _filled(lone.worker, Heartbeat(()), ours)
        assert isinstance(filled, Heartbeat)
        assert [name for name, _ in filled.slowest] == ["numbers"]
        later = attrs.evolve(ours, round=ours.round + 1)
        assert _filled(lone.worker, Heartbeat(()), later) == Heartbeat(())
        told = StatusTold(1, "{}")
        assert _filled(lone.worker, told, ours) is told


@pytest.mark.parametrize("exits", [True, False])
async def test_a_job_that_is_done_says_whether_this_worker_stays(
    tmp_path: Path, *, exits: bool
) -> None:
    values = {"application__exit_on_completion": exits}
    async with lone_worker(tmp_path, endless([]), driven=False, **values) as lone:
        (text,) = said([do.JobDone()], lone)
        assert text.startswith("info: job completed")
        assert ("stays, idle" in text) is not exits


async def test_that_it_may_leave_is_told_to_whoever_waits_for_it(tmp_path: Path) -> None:
    async with lone_worker(tmp_path, endless([]), driven=False) as lone:
        assert not lone.worker.may_leave.is_set()
        perform(lone.worker, [do.ReadyToLeave()])
        assert lone.worker.may_leave.is_set()
