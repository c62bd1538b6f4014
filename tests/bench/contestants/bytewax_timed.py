"""Bytewax: windows with its windowing operators. It has no join by how far stamps are apart.

Records are as it wants them before the clock starts: keyed, with datetimes. The system's time
stands still: as that passes, it would count what it reads slower than it happened as late. It
keeps time by key and not by partition, so it waits longer than records of a partition are late.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import bytewax.operators as op
import bytewax.operators.windowing as win
from bytewax.dataflow import Dataflow

from bench.contestants.bytewax_parts import MemorySink, MemorySource
from bench.job import Job, Probe
from bench.timedata import GAP_S, OUT_OF_ORDER_S, WINDOW_S

JOB = Job.here()
PROBE = Probe(JOB)
NOW = datetime.now(UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
PARTS = [
    [(key, (number, EPOCH + timedelta(microseconds=stamp))) for key, number, stamp in sides[0]]
    for sides in JOB.sides()
]


def add(total: int, value: tuple[int, datetime]) -> int:
    return total + value[0]


def merge(one: int, other: int) -> int:
    return one + other


def stamp_of(value: tuple[int, datetime]) -> datetime:
    return value[1]


def never(_: datetime) -> None:
    return None


def shown(item: tuple[str, tuple[int, int]]) -> tuple[str, int]:
    return item[0], item[1][1]


CLOCK: Any = win.EventClock(
    stamp_of, timedelta(seconds=12 * OUT_OF_ORDER_S), now_getter=lambda: NOW, to_system_utc=never
)
WINDOWER: Any = (
    win.TumblingWindower(length=timedelta(seconds=WINDOW_S), align_to=EPOCH)
    if JOB.workload == "T1"
    else win.SessionWindower(gap=timedelta(seconds=GAP_S))
)
flow = Dataflow("bench")
source = op.input("in", flow, MemorySource(PARTS, PROBE, JOB.batch))
windowed = win.fold_window(
    "sum", source, CLOCK, WINDOWER, builder=int, folder=add, merger=merge, ordered=False
)
op.output("out", op.map("show", windowed.down, shown), MemorySink(PROBE))
