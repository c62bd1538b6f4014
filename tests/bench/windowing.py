"""Windows, operator by operator, beside loops written by hand (`bench.handmade`).

Batches of 1,024 records with 10 thousand keys, 5 % of them out of order, and a watermark after each
batch. The processor's time counts: other processes may run meanwhile. Both must come to the same
results.
"""

import argparse
import gc
import random
import time
from collections.abc import Callable, Iterator
from typing import Any

import attrs
from support.windows import driven, windows

import wallarood as w
from bench import handmade
from bench.handmade import SECOND, Batches, Result
from bench.report import Results, progress, table
from wallarood.flow.state.keyed import KeyedState
from wallarood.flow.steps.aggregates.aggregate import Aggregator
from wallarood.model.aggregation import row
from wallarood.model.batch import Batch
from wallarood.model.pipeline import Computation, FunctionShape, Where
from wallarood.model.time import MAX_TIME, MIN_TIME
from wallarood.model.timing.windows import Gathers, WindowKind

BATCH, KEYS, RECORDS = 1024, 10_000, 400_000
LAG_S, DISORDER_US = 4, 5 * SECOND
"""How far behind a record that is out of order may be, and the watermark is."""


Ours = Callable[[Batches], list[Batch]]


@attrs.frozen
class Contest:
    """Ours and another, the input, and what is demanded of their ratio."""

    ours: Ours
    other: Callable[[Batches], Any]
    rate: int
    """Records a second of event time."""
    demanded: float | None
    same: bool = True
    """Whether the results must be the same."""
    records: int = RECORDS


def batches(rate: int, records: int = RECORDS, seed: int = 1) -> Batches:
    """The input, which the garbage collector does not look at again."""
    chance = random.Random(seed)
    made = []
    highest = MIN_TIME
    for first in range(0, records, BATCH):
        keys, values, times = [], [], []
        for number in range(first, min(first + BATCH, records)):
            stamp = number / rate - (chance.random() * LAG_S if chance.random() < 0.05 else 0)
            keys.append(f"k{chance.randrange(KEYS)}")
            values.append((keys[-1], chance.randrange(100)))
            times.append(int(stamp * SECOND))
        highest = max(highest, *times)
        made.append((Batch(values, keys, str, times=times), highest - DISORDER_US))
    gc.collect()
    gc.freeze()
    return made


def ours(kind: WindowKind, *aggregations: Any, more: dict[str, Any], **spans: float) -> Ours:
    """Our operator."""

    def run(work: Batches) -> list[Batch]:
        driving = driven(windows(kind, **spans), *aggregations, **more)
        operator, clock, out = driving.operator, driving.clock, []
        for batch, mark in work:
            operator.on_batch(batch, [])
            if mark > clock.time:
                out += operator.on_watermark(mark, [])
                clock.time = mark
        out += operator.on_watermark(MAX_TIME, [])
        return out

    return run


def shown(batches: list[Batch]) -> list[Result]:
    """Our results as those by hand."""
    return [
        (each.key, each.start, each.end, each.value) for some in batches for each in some.values
    ]


def without_windows(work: Batches) -> None:
    """The same aggregate without windows: it tells of each key of a batch."""
    where = Where("bench", 1)
    computation = Computation("work", row, FunctionShape.AGGREGATE, where, aggregations=(NUMBER,))
    operator = Aggregator(computation, KeyedState("work", int))
    for batch, _ in work:
        operator.on_batch(batch, [])


def add(total: int, record: tuple[str, int]) -> int:
    """The step of a fold."""
    return total + record[1]


NUMBER = w.sum(of=lambda record: record[1])
FOLD = {"gathers": Gathers.FOLD, "make": int, "step": add}
SUM: Callable[..., Ours] = lambda kind, **spans: ours(kind, NUMBER, more={}, **spans)  # noqa: E731
CONTESTS = {
    "tumbling sum": Contest(
        SUM(WindowKind.TUMBLING, size=10), handmade.tumbling(10), 20_000, demanded=1.2
    ),
    "tumbling sum, against none": Contest(
        SUM(WindowKind.TUMBLING, size=10), without_windows, 20_000, demanded=0.8, same=False
    ),
    "tumbling fold": Contest(
        ours(WindowKind.TUMBLING, more=FOLD, size=10),
        handmade.fold(10, add),
        20_000,
        demanded=0.85,
    ),
    "hopping 1 min each 10 s": Contest(
        SUM(WindowKind.HOPPING, size=60, every=10),
        handmade.hopping(60, 10),
        20_000,
        demanded=6,
        records=3 * RECORDS,
    ),
    "hopping, few records a key": Contest(
        SUM(WindowKind.HOPPING, size=60, every=10), handmade.hopping(60, 10), 2_000, demanded=None
    ),
    "session, gap 30 s": Contest(
        SUM(WindowKind.SESSION, size=30), handmade.session(30), 2_000, demanded=0.95
    ),
    "session, gap 1 s": Contest(
        SUM(WindowKind.SESSION, size=1), handmade.session(1), 20_000, demanded=0.95
    ),
}


def measured(contest: Contest, runs: int) -> tuple[float, float]:
    """Records a second of both: the quickest of *runs* in turn. Raises ValueError: they differ."""
    work = batches(contest.rate, contest.records)
    took: tuple[list[float], list[float]] = ([], [])
    for number in range(runs):
        results = []
        for each, times in zip((contest.ours, contest.other), took, strict=True):
            began = time.process_time()
            results.append(each(work))
            times.append(time.process_time() - began)
        if not number and contest.same and sorted(shown(results[0])) != sorted(results[1]):
            raise ValueError("the results differ from those by hand")
    rates = [contest.records / min(each) for each in took]
    return rates[0], rates[1]


def all_measured(runs: int) -> Iterator[tuple[str, float, float, float | None]]:
    """Name, our rate, that of the other, and the ratio demanded."""
    for name, contest in CONTESTS.items():
        progress(name)
        yield name, *measured(contest, runs), contest.demanded


def run(arguments: argparse.Namespace, results: Results) -> None:
    """Run the command."""
    rows = []
    for name, own, other, demanded in all_measured(arguments.runs):
        results.values[name] = {"ours": own, "other": other, "demanded": demanded}
        results.keep()
        cells = (
            f"{own:,.0f}",
            f"{other:,.0f}",
            f"{own / other:.2f}",
            "" if demanded is None else f"{demanded:.2f}",
        )
        rows.append([name, *cells])
    head = ["windows", "ours, records/s", "by hand", "ratio", "demanded"]
    print(table(head, rows, style=arguments.style))
