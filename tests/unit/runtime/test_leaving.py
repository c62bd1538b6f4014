"""Leaving: output is published as far as it can be, and what is left is said."""

from pathlib import Path
from typing import Any

import attrs
import trio
from structlog.testing import capture_logs
from support.lone import Lone, lone_worker
from support.patience import patiently

import wallarood as w
from wallarood.app.connector import SinkContext
from wallarood.control.worker_state import WorkerState
from wallarood.model.pipeline import Application
from wallarood.runtime.leaving import publish_what_can_be, stop_orderly
from wallarood.runtime.worker import Round


@attrs.define
class Outside:
    """What a sink writes to: it answers when `answers` is set, and refuses while it is `away`."""

    away: bool = False
    answers: trio.Event = attrs.field(factory=trio.Event)
    taken: list[Any] = attrs.field(factory=list)


@attrs.frozen(eq=False)
class OutsideSink:
    """Commits to `outside`."""

    outside: Outside

    async def open(self, context: SinkContext, state: Any) -> "_Writer":
        del context, state
        return _Writer(self.outside)


@attrs.define(eq=False)
class _Writer:
    outside: Outside
    pending: list[Any] = attrs.field(factory=list)
    state: None = None

    async def write(self, records: list[Any]) -> None:
        self.pending += records

    async def prepare(self) -> Any:
        pending, self.pending = self.pending, []
        return pending or None

    async def commit(self, prepared: Any) -> None:
        if self.outside.away:
            raise OSError("outside is away")
        await self.outside.answers.wait()
        self.outside.taken += prepared

    async def aclose(self) -> None:
        """Nothing is open."""


def into(outside: Outside) -> Application:
    source = w.source("numbers", w.GeneratorSource(rate=1000))
    return w.application("app", source.to_sink(OutsideSink(outside)))


async def committed(lone: Lone) -> tuple[Round, int]:
    """Its round, when a checkpoint that its sink is to publish is committed."""
    await lone.running()
    round_ = lone.worker.running
    assert round_ is not None
    job = round_.job
    assert job is not None
    await lone.until(lambda: job.sinks[0].unpublished)
    active = lone.worker.node.active_round
    assert active is not None
    return round_, active.checkpoint_member.committed


async def test_output_that_is_about_to_be_published_is_waited_for(tmp_path: Path) -> None:
    outside = Outside()
    async with lone_worker(tmp_path, into(outside), checkpoint__interval="50ms") as lone:
        running, number = await committed(lone)
        async with trio.open_nursery() as nursery:
            until = trio.current_time() + 20
            nursery.start_soon(publish_what_can_be, running, number, until)
            await trio.sleep(0.1)
            assert nursery.child_tasks, "it waits"
            outside.answers.set()
        assert outside.taken
        assert trio.current_time() < until


async def test_a_receiver_that_is_away_is_not_waited_for_and_what_is_left_is_said(
    tmp_path: Path,
) -> None:
    outside = Outside(away=True)
    async with lone_worker(tmp_path, into(outside), checkpoint__interval="50ms") as lone:
        running, number = await committed(lone)
        job = running.job
        assert job is not None
        await lone.until(lambda: job.sinks[0].failing)
        with capture_logs() as logs, patiently(5):
            await publish_what_can_be(running, number, trio.current_time() + 60)
        (said,) = [each for each in logs if "before all output is published" in each["event"]]
        assert said["reason"] == "outside is away"
        assert said["transactions"] >= 1


async def test_when_the_time_is_over_it_is_not_waited_for_either(tmp_path: Path) -> None:
    async with lone_worker(tmp_path, into(Outside()), checkpoint__interval="50ms") as lone:
        running, number = await committed(lone)
        with capture_logs() as logs, patiently(5):
            await publish_what_can_be(running, number, trio.current_time() + 0.05)
        assert "it takes too long" in {each.get("reason") for each in logs}


async def test_a_worker_whose_cluster_is_shut_down_publishes_and_ends(tmp_path: Path) -> None:
    outside = Outside()
    outside.answers.set()
    async with lone_worker(tmp_path, into(outside), checkpoint__interval="50ms") as lone:
        await lone.running()
        await stop_orderly(lone.worker)
        assert lone.worker.may_leave.is_set()
        await lone.until(lambda: lone.worker.node.state is WorkerState.FINISHED)
