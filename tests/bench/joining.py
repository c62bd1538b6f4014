"""Joins, distinct records and expiry, operator by operator, beside loops written by hand.

Batches of 1,024 records with 10 thousand keys, 5 % of them out of order, and a watermark after each
batch. The processor's time counts: other processes may run meanwhile. Each loop does what the
operator does: it keeps time, judges lateness and forgets. Both must come to the same results.
"""

import argparse
import random
import time
from collections.abc import Callable, Iterator
from statistics import median
from typing import Any

import attrs

from bench.report import Results, progress, table
from wallarood.flow.joins.interval import IntervalJoin
from wallarood.flow.joins.rows import Row as JoinRow
from wallarood.flow.state.keyed import KeyedState
from wallarood.flow.steps.chains import Chain
from wallarood.flow.steps.timed import Making
from wallarood.flow.timed.computation import TimedComputation
from wallarood.flow.timed.distinct import Distinct
from wallarood.flow.timed.rows import Row
from wallarood.flow.watermarks import Clock
from wallarood.model.batch import Batch
from wallarood.model.pipeline import Computation, FunctionShape, Step, StepKind, Where
from wallarood.model.time import MIN_TIME
from wallarood.model.timing.computations import DistinctSpec, TimedSpec
from wallarood.model.timing.joins import IntervalSpec

BATCH, KEYS, RECORDS = 1024, 10_000, 400_000
OUT_OF_ORDER_US = 50_000
STEP_US = 100
"""From record to record."""

Take = Callable[[list[Any]], object]
"""What the results of a batch are passed to."""
Work = Callable[[Take], None]
Batches = list[tuple[Batch, int, int]]
"""Each with its side and the watermark behind it."""


def batches(*, keys: int = KEYS, repeats: float = 0.0, seed: int = 1) -> Batches:
    """The input; *repeats* is the share of records of few keys."""
    chance = random.Random(seed)
    made: Batches = []
    number = 0
    for place in range(RECORDS // BATCH):
        names, times = [], []
        for _ in range(BATCH):
            number += 1
            few = repeats and chance.random() < repeats
            names.append(f"k{chance.randrange(keys // 10 if few else keys)}")
            late = chance.randrange(OUT_OF_ORDER_US) if chance.random() < 0.05 else 0
            times.append(number * STEP_US - late)
        batch = Batch(list(range(number - BATCH, number)), names, str, times=times)
        made.append((batch, place % 2, max(times) - OUT_OF_ORDER_US))
    return made


def _drive(kind: Any, spec: Any, make: Any, work: Batches, function: Any = None) -> Work:
    computation = Computation(
        "bench", function or print, FunctionShape.ONE, Where("bench", 1), state=Count, spec=spec
    )
    step = Step("bench", StepKind.PARTITIONED, (), Where("bench", 1), computation)

    def run(take: Take) -> None:
        clock = Clock()
        making = Making(step, computation, KeyedState("bench", make), clock, lambda: 0)
        operator = kind(making)
        for batch, side, mark in work:
            take(operator.on_batch(batch, [], side).values)
            for _ in operator.on_watermark(mark, []):
                pass
            clock.time = mark

    return run


@attrs.define
class Count:
    """A state."""

    value: int = 0


def add(_record: int, count: Count, _timers: Any = None) -> int:
    """A computation that does little."""
    count.value += 1
    return count.value


WITHIN_US = 5_000_000
TTL_US = 3_600_000_000


def join() -> tuple[Work, Work]:
    """The interval join, and lists that are scanned."""
    work = batches()

    def by_hand(take: Take) -> None:
        rows: dict[str, tuple[list[Any], list[Any]]] = {}
        now = MIN_TIME
        for batch, side, mark in work:
            out: list[Any] = []
            for key, value, when in zip(batch.keys, batch.values, batch.times, strict=True):  # type: ignore[arg-type]
                if when < now - WITHIN_US:
                    continue
                row = rows.get(key)
                if row is None:
                    row = rows[key] = ([], [])
                for other, at in row[1 - side]:
                    if -WITHIN_US <= at - when <= WITHIN_US:
                        out.append((value, other) if side == 0 else (other, value))
                row[side].append((value, when))
            now = mark
            for key in set(batch.keys):  # type: ignore[arg-type]
                left, right = rows[key]
                bound = now - WITHIN_US
                rows[key] = (
                    [each for each in left if each[1] >= bound],
                    [each for each in right if each[1] >= bound],
                )
            take(out)

    spec = IntervalSpec(-WITHIN_US, WITHIN_US)
    return _drive(IntervalJoin, spec, JoinRow, work), by_hand


def distinct(repeats: float, keys: int) -> tuple[Work, Work]:
    """`distinct`, and a dict from key to time."""
    work = batches(keys=keys, repeats=repeats)

    def by_hand(take: Take) -> None:
        seen: dict[str, int] = {}
        now, swept = MIN_TIME, 0
        for batch, _, mark in work:
            out: list[Any] = []
            for key, value, when in zip(batch.keys, batch.values, batch.times, strict=True):  # type: ignore[arg-type]
                known = seen.get(key)
                if known is not None and abs(when - known) < WITHIN_US:
                    continue
                if when < now:
                    continue
                seen[key] = when
                out.append(value)
            now = mark
            if now - swept > WITHIN_US:
                swept = now
                seen = {key: when for key, when in seen.items() if when > now - WITHIN_US}
            take(out)

    return _drive(Distinct, DistinctSpec(True, WITHIN_US), tuple, work), by_hand


def expiry() -> tuple[Work, Work]:
    """A timed computation with `ttl`, and a state computation without."""
    work = batches()
    spec = TimedSpec(True, None, TTL_US)
    computation = Computation("bench", add, FunctionShape.ONE, Where("bench", 1), state=Count)

    def without(take: Take) -> None:
        operator = Chain((computation,), KeyedState("bench", Count))
        for batch, _, _ in work:
            take(operator.on_batch(batch, []).values)

    return _drive(TimedComputation, spec, Row, work, add), without


CASES: dict[str, tuple[Callable[[], tuple[Work, Work]], float]] = {
    "interval join, against a list scan": (join, 1.5),
    "distinct, 90 % repeats": (lambda: distinct(0.0, KEYS // 2), 1.6),
    "distinct, few repeats": (lambda: distinct(0.0, KEYS * 1000), 0.75),
    "state with ttl, against without": (expiry, 0.8),
}
"""Each with the ratio that is demanded."""


def _results(work: Work) -> list[Any]:
    found: list[Any] = []
    work(found.extend)
    return sorted(found)


def _drop(_results: list[Any]) -> None:
    """What comes out is not looked at while the clock runs."""


def measured(runs: int) -> Iterator[tuple[str, float, float, float]]:
    """Name, our rate, that of the other, and the ratio demanded; the median of *runs* in turn."""
    for name, (make, demanded) in CASES.items():
        progress(name)
        both = make()
        took: tuple[list[float], list[float]] = ([], [])
        if _results(both[0]) != _results(both[1]):
            raise ValueError("the results differ from those by hand")
        for _ in range(runs):
            for each, times in zip(both, took, strict=True):
                began = time.process_time()
                each(_drop)
                times.append(time.process_time() - began)
        ours, other = (RECORDS / median(each) for each in took)
        yield name, ours, other, demanded


def run(arguments: argparse.Namespace, results: Results) -> None:
    """Run the command."""
    rows = []
    for name, ours, other, demanded in measured(arguments.runs):
        results.values[name] = {"ours": ours, "other": other, "demanded": demanded}
        results.keep()
        ratio = ours / other
        rows.append([name, f"{ours:,.0f}", f"{other:,.0f}", f"{ratio:.2f}", f"{demanded:.2f}"])
    head = ["operator", "ours, records/s", "by hand", "ratio", "demanded"]
    print(table(head, rows, style=arguments.style))
