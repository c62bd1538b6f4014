"""A source and a sink of Bytewax on lists."""

from typing import Any

from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition
from bytewax.outputs import DynamicSink, StatelessSinkPartition

from bench.job import Probe


class Part(StatefulSourcePartition):
    def __init__(self, records: list[Any], probe: Probe, size: int) -> None:
        self.records = records
        self.probe = probe
        self.size = size
        self.position = 0

    def next_batch(self) -> list[Any]:
        self.probe.reads()
        batch = self.records[self.position : self.position + self.size]
        if not batch:
            raise StopIteration
        self.position += len(batch)
        return batch

    def snapshot(self) -> int:
        return self.position


class MemorySource(FixedPartitionedSource):
    def __init__(self, parts: list[list[Any]], probe: Probe, size: int) -> None:
        self.parts = parts
        self.probe = probe
        self.size = size

    def list_parts(self) -> list[str]:
        return [str(part) for part in range(len(self.parts))]

    def build_part(self, step_id: str, for_part: str, resume_state: Any) -> Part:
        return Part(self.parts[int(for_part)], self.probe, self.size)


class Writer(StatelessSinkPartition):
    def __init__(self, probe: Probe) -> None:
        self.probe = probe

    def write_batch(self, items: list[Any]) -> None:
        self.probe.wrote(items)


class MemorySink(DynamicSink):
    def __init__(self, probe: Probe) -> None:
        self.probe = probe

    def build(self, step_id: str, worker_index: int, worker_count: int) -> Writer:
        return Writer(self.probe)
