"""Ours in W4: a paced source, one partitioned stage, a sink that looks at the clock."""

from typing import Any

import attrs

import wallarood as w
from bench.alarm import Alarm
from bench.contestants.ours import MemorySink
from bench.functions import Total, first_of_timed, touch
from bench.job import Job, Pace, Probe, late


@attrs.frozen
class PacedSource:
    """Records when they are due."""

    job: Job
    probe: Probe
    record: Any = tuple[str, float]
    scope: w.Scope = w.Scope.SHARED
    bounded: bool = True

    def partitions(self) -> list[str]:
        return [str(part) for part in range(self.job.parts)]

    def size_bytes(self, partition: str) -> int | None:
        return None

    async def open(self, partition: str, position: Any, context: Any) -> w.SourceReader:
        return PacedReader(Pace(self.job), self.probe, context.limits.batch_records_max)


@attrs.define
class PacedReader:
    pace: Pace
    probe: Probe
    limit: int
    alarm: Alarm | None = None

    async def read(self) -> w.SourceBatch | None:
        self.probe.reads()
        due = self.pace.next_due()
        if due is None:
            return None
        if self.alarm is None:
            self.alarm = Alarm(due, self.pace.step)
        while not (records := self.pace.due(self.limit)):
            await self.alarm.wait()
        return w.SourceBatch(records, self.pace.made)

    async def committed(self, position: Any) -> None:
        return

    async def aclose(self) -> None:
        if self.alarm is not None:
            self.alarm.close()


@attrs.frozen
class LatencySink(MemorySink):
    """Notes how late records are."""

    async def open(self, context: w.SinkContext, state: Any) -> "LatencySink":
        return self

    async def write(self, records: list[Any]) -> None:
        self.probe.wrote(late(records))


def app(args: list[str]) -> w.Application:
    """The application of the job of this process."""
    job = Job.here()
    probe = Probe(job)
    return w.application(
        "bench W4",
        w.source("input", PacedSource(job, probe))
        .key_by(first_of_timed)
        .to(w.state_computation(state=Total)(touch))
        .to_sink(LatencySink(probe)),
    )
