"""Ours: the workloads with the public API, run as real workers by `wallarood run`, at defaults."""

from collections.abc import Callable
from typing import Any

import attrs

import wallarood as w
from bench.functions import (
    Total,
    add,
    amount,
    change,
    count,
    encode,
    first,
    format_count,
    parse,
    split,
    word_itself,
)
from bench.job import Job, Probe

RECORDS = {"W1": str, "W2": tuple[str, int], "W3": bytes}


@attrs.frozen
class MemorySource:
    """Parts of an input that is in memory before the cluster forms."""

    parts: tuple[list[Any], ...]
    probe: Probe
    record: Any
    scope: w.Scope = w.Scope.SHARED
    bounded: bool = True

    def partitions(self) -> list[str]:
        return [str(part) for part in range(len(self.parts))]

    def size_bytes(self, partition: str) -> int | None:
        return None

    async def open(self, partition: str, position: Any, context: Any) -> w.SourceReader:
        size = context.limits.batch_records_max
        return Reader(self.parts[int(partition)], self.probe, position or 0, size)


@attrs.define
class Reader:
    records: list[Any]
    probe: Probe
    position: int
    size: int

    async def read(self) -> w.SourceBatch | None:
        self.probe.reads()
        records = self.records[self.position : self.position + self.size]
        if not records:
            return None
        self.position += len(records)
        return w.SourceBatch(records, self.position)

    async def committed(self, position: Any) -> None:
        return

    async def aclose(self) -> None:
        return


@attrs.frozen
class MemorySink:
    """Adds what comes to a list."""

    probe: Probe
    state: None = None

    async def open(self, context: w.SinkContext, state: Any) -> "MemorySink":
        return self

    async def write(self, records: list[Any]) -> None:
        self.probe.wrote(records)

    async def prepare(self) -> None:
        return None

    async def commit(self, prepared: Any) -> None:
        return

    async def aclose(self) -> None:
        return


def pipeline(workload: str, source: w.Stream) -> w.Stream:
    """The steps of a workload."""
    if workload == "W1":
        counted = source.flat_map(split).key_by(word_itself)
        return counted.to(w.state_computation(state=Total)(count)).map(format_count)
    if workload == "W2":
        return source.key_by(first).to(w.state_computation(state=Total)(add))
    return source.map(parse).map(change).map(encode)


def aggregates(workload: str, source: w.Stream) -> w.Stream:
    """W1 and W2 with the built-in aggregations."""
    if workload == "W1":
        return source.flat_map(split).key_by(word_itself).aggregate(w.count())
    return source.key_by(first).aggregate(w.sum(of=amount))


def application_of(steps: Callable[[str, w.Stream], w.Stream]) -> w.Application:
    """The application of the job of this process."""
    job = Job.here()
    probe = Probe(job)
    parts = tuple(job.input(part) for part in range(job.parts))
    source = w.source("input", MemorySource(parts, probe, RECORDS[job.workload]))
    return w.application(
        f"bench {job.workload}", steps(job.workload, source).to_sink(MemorySink(probe))
    )


def app(args: list[str]) -> w.Application:
    """A call of user code for each record."""
    return application_of(pipeline)


def aggregated(args: list[str]) -> w.Application:
    """An aggregation over each batch."""
    return application_of(aggregates)
