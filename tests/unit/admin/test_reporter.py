"""Rates: of the last seconds, whenever they are asked for."""

from types import SimpleNamespace
from typing import Any

import pytest
import trio
import trio.testing

from wallarood.admin.reporter import StatusReporter
from wallarood.runtime.dataflow.counters import SourceCounters, StageCounters


class Job:
    """The counters of a job that has one source and one stage."""

    def __init__(self) -> None:
        self.partition = SourceCounters()
        self.sources = {"in": SimpleNamespace(partitions={"0": self.partition})}
        self.counters = {0: StageCounters()}

    def take(self, records: int) -> None:
        """Count records, or take them back."""
        self.partition.records += records
        self.counters[0].records_in += records


async def test_rates_are_known_before_anybody_asks(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    job = Job()
    worker: Any = SimpleNamespace(job=job)
    reporter = StatusReporter(worker)
    nursery.start_soon(reporter.keep_rates)
    for _ in range(100):
        job.take(10)
        await trio.sleep(0.1)
    now = trio.current_time()
    assert reporter._rate(0, now, job.counters[0].records_in) == pytest.approx(100, rel=0.1)
    assert reporter._rate("sources", now, job.partition.records) == pytest.approx(100, rel=0.1)


async def test_a_job_that_went_back_has_no_rate_below_zero(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    job = Job()
    worker: Any = SimpleNamespace(job=job)
    reporter = StatusReporter(worker)
    nursery.start_soon(reporter.keep_rates)
    job.take(1000)
    await trio.sleep(3)
    job.take(-900)
    await trio.sleep(2)
    assert reporter._rate(0, trio.current_time(), job.counters[0].records_in) == 0
