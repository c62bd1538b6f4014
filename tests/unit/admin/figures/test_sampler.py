"""A worker's counters are looked at every second, whatever becomes of its job."""

import time
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest
import trio
from support.patience import patiently
from trio.testing import MockClock

from wallarood.admin.figures.sampler import GROWTH_AFTER_S, HISTORY_MAX, Sampler
from wallarood.model.topology import Stage, StageKind
from wallarood.runtime.checkpoint_log import CheckpointLog
from wallarood.runtime.dataflow.counters import SourceCounters, StageCounters

STAGE = Stage(0, "in + count", StageKind.SOURCE, ("in", "count"), "", ("alpha",))


class Job:
    """The counters of a job that has one stage, with a state of so many keys."""

    def __init__(self, keys: int = 0) -> None:
        self.keys = keys
        self.partition = SourceCounters()
        self.sources = {"in": SimpleNamespace(partitions={"0": self.partition})}
        self.counters: Mapping[int, StageCounters] = {0: StageCounters()}
        self.wiring = SimpleNamespace(stages=[STAGE])
        state = SimpleNamespace(size=lambda: (self.keys, 10 * self.keys))
        self.collector = SimpleNamespace(states={0: {"count": state, "a clock": state}})
        self.sinks: list[Any] = []

    def take(self, records: int) -> None:
        """Count records, or take them back."""
        self.partition.records += records
        self.counters[0].records_in += records


def sampler_of(job: Job | None) -> tuple[Any, Sampler]:
    worker: Any = SimpleNamespace(disk_problem="", job=job, checkpoint_log=CheckpointLog())
    return worker, Sampler(worker, clock=trio.current_time)


async def test_rates_are_known_before_anybody_asks(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    job = Job()
    _, sampler = sampler_of(job)
    nursery.start_soon(sampler.run)
    for _ in range(100):
        job.take(10)
        await trio.sleep(0.1)
    assert sampler.stage(0).rate_in == pytest.approx(100, rel=0.1)
    assert sampler.source("in", "0").rate_in == pytest.approx(100, rel=0.1)
    assert sampler.read_rate == pytest.approx(100, rel=0.1)
    assert sampler.stage(7).rate_in == 0


async def test_a_job_that_went_back_has_no_rate_below_zero(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    worker, sampler = sampler_of(job := Job())
    nursery.start_soon(sampler.run)
    job.take(1000)
    await trio.sleep(3)
    worker.job = None
    await trio.sleep(2)
    assert sampler.read_rate == 0
    worker.job = Job()
    worker.job.take(100)
    await trio.sleep(3)
    assert sampler.stage(0).rate_in == 0


async def test_a_long_call_is_busy_while_it_lasts(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    _, sampler = sampler_of(job := Job())
    nursery.start_soon(sampler.run)
    await trio.sleep(2)
    job.counters[0].busy.since = trio.current_time()
    await trio.sleep(10)
    assert sampler.stage(0).busy == pytest.approx(1.0)


async def test_states_are_told_with_what_they_were_minutes_ago(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    _, sampler = sampler_of(job := Job(keys=100))
    nursery.start_soon(sampler.run)
    await trio.sleep(GROWTH_AFTER_S - 5)
    assert [size.settled for size in sampler.states(0)] == [False]
    await trio.sleep(GROWTH_AFTER_S)
    job.keys = 400
    await trio.sleep(1)
    (size,) = sampler.states(0)
    assert (size.computation, size.keys, size.bytes, size.keys_before) == ("count", 400, 4000, 100)
    assert size.before_s == pytest.approx(2 * GROWTH_AFTER_S, abs=10)
    assert size.settled


async def test_an_hour_is_remembered_and_no_more(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    worker, sampler = sampler_of(job := Job())
    nursery.start_soon(sampler.run)
    worker.checkpoint_log.job_began(0.0)
    worker.checkpoint_log.barrier(1, 1.0, records=10)
    worker.checkpoint_log.committed(1, 2.0)
    await trio.sleep(11)
    assert [m.delivery_s for m in sampler.history if m.delivery_s] == [pytest.approx(1.5)]
    job.take(100)
    await trio.sleep(1.25 * 3600)
    assert len(sampler.history) == HISTORY_MAX
    assert await sampler.told({}) == [
        {"at": each.at, "read": each.read, "sunk": each.sunk, "delivery_s": each.delivery_s}
        for each in sampler.history
    ]


async def test_what_holds_the_loop_shows_in_its_delay(nursery: trio.Nursery) -> None:
    _, sampler = sampler_of(None)
    nursery.start_soon(sampler.run)
    await trio.sleep(0.1)
    time.sleep(0.4)  # noqa: ASYNC251 - user code that holds the event loop
    with patiently(10):
        while sampler.host().loop_delay_s <= 0.2:  # noqa: ASYNC110 - it is looked at by all
            await trio.sleep(0.01)
    assert sampler.host().memory_bytes > 1 << 20
