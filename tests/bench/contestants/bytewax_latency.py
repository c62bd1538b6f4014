"""Bytewax in W4: a source that says when to wake it, one stateful step, a sink with a clock."""

import datetime
import time
from typing import Any

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition
from bytewax.outputs import DynamicSink, StatelessSinkPartition

from bench.functions import Total, touch
from bench.job import Job, Pace, Probe, late

JOB = Job.here()
PROBE = Probe(JOB)


class Part(StatefulSourcePartition):
    def __init__(self) -> None:
        self.pace = Pace(JOB)

    def next_batch(self) -> list[Any]:
        PROBE.reads()
        if self.pace.next_due() is None:
            raise StopIteration
        return self.pace.due(JOB.batch)

    def next_awake(self) -> datetime.datetime | None:
        due = self.pace.next_due()
        if due is None:
            return None
        wait = datetime.timedelta(seconds=due - time.monotonic())
        return datetime.datetime.now(datetime.UTC) + wait

    def snapshot(self) -> int:
        return self.pace.made


class PacedSource(FixedPartitionedSource):
    def list_parts(self) -> list[str]:
        return [str(part) for part in range(JOB.parts)]

    def build_part(self, step_id: str, for_part: str, resume_state: Any) -> Part:
        return Part()


class Writer(StatelessSinkPartition):
    def write_batch(self, items: list[Any]) -> None:
        PROBE.wrote(late(items))


class LatencySink(DynamicSink):
    def build(self, step_id: str, worker_index: int, worker_count: int) -> Writer:
        return Writer()


def touched(total: Total | None, scheduled: float) -> tuple[Total, float]:
    if total is None:
        total = Total()
    return total, touch(("", scheduled), total)[1]


flow = Dataflow("bench")
op.output(
    "out", op.stateful_map("touch", op.input("in", flow, PacedSource()), touched), LatencySink()
)
