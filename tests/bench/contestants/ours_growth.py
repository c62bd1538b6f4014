"""Ours in W7: a block of records again and again through partitioned stages; a sink that counts."""

import gc
from typing import Any

import attrs

import wallarood as w
from bench.blocks import Record, block_of, key, touch
from bench.contestants.ours import MemorySink
from bench.functions import Total
from bench.job import Job, Probe


@attrs.frozen
class RepeatingSource:
    """The records of each part are slices of its block."""

    job: Job
    probe: Probe
    record: Any = Record
    scope: w.Scope = w.Scope.SHARED
    bounded: bool = True

    def partitions(self) -> list[str]:
        return [str(part) for part in range(self.job.parts)]

    def size_bytes(self, partition: str) -> int | None:
        return None

    async def open(self, partition: str, position: Any, context: Any) -> w.SourceReader:
        block = block_of(self.job, int(partition))
        gc.collect()
        gc.freeze()
        count, batch = self.job.size // self.job.parts, context.limits.batch_records_max
        return RepeatingReader(block, self.probe, count=count, batch=batch)


@attrs.define
class RepeatingReader:
    block: list[Record]
    probe: Probe
    count: int
    batch: int
    position: int = 0

    async def read(self) -> w.SourceBatch | None:
        self.probe.reads()
        start = self.position % len(self.block)
        records = self.block[start : start + min(self.batch, self.count - self.position)]
        if not records:
            return None
        self.position += len(records)
        return w.SourceBatch(records, self.position)

    async def committed(self, position: Any) -> None:
        return

    async def aclose(self) -> None:
        return


@attrs.frozen
class CountingSink(MemorySink):
    """Notes how many have come."""

    async def open(self, context: w.SinkContext, state: Any) -> "CountingSink":
        return self

    async def write(self, records: list[Any]) -> None:
        self.probe.wrote([len(records)])


def app(args: list[str]) -> w.Application:
    """The application of the job of this process."""
    job = Job.here()
    probe = Probe(job)
    stream = w.source("input", RepeatingSource(job, probe))
    for number in range(job.stages):
        named = w.state_computation(state=Total, name=f"touch-{number}", partitions=job.slots)
        stream = stream.key_by(key, name=f"key-{number}").to(named(touch))
    return w.application("bench W7", stream.to_sink(CountingSink(probe)))
