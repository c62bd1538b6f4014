"""Windows driven by hand, and random work on them that must come to what an oracle says."""

from collections.abc import Callable, Iterable
from random import Random
from typing import Any

import attrs

import wallarood as w
from support.timed import SECOND, SKIP, WHERE, Driven
from wallarood.flow.windows.making import state_of_windows, windowing
from wallarood.model.pipeline import Computation, FunctionShape, Step, StepKind
from wallarood.model.time import MAX_TIME
from wallarood.model.timing.windows import (
    Extent,
    Gathers,
    Windowed,
    WindowKind,
    Windows,
    WindowSpec,
)

Reading = tuple[str, int, int]
"""A key, a stamp in seconds, a number."""


def windows(kind: WindowKind, **spans: Any) -> Windows:
    """Windows with spans in seconds."""
    own = {"unit", "zone", "count", "count_every"}
    in_us = {n: v if n in own or v is None else round(v * SECOND) for n, v in spans.items()}
    return Windows(kind, kind.value, **in_us)


def driven(
    which: Windows,
    *aggregations: Any,
    gathers: Gathers = Gathers.AGGREGATE,
    on_error: Any = SKIP,
    **more: Any,
) -> Driven:
    """The operator of windows, with the sum of the records unless told otherwise."""
    spec = WindowSpec(which, gathers, **more)
    computation = Computation(
        "work",
        print,
        FunctionShape.WINDOW,
        WHERE,
        spec=spec,
        on_error=on_error,
        aggregations=aggregations or ((w.sum(),) if gathers is Gathers.AGGREGATE else ()),
    )
    step = Step("work", StepKind.PARTITIONED, (), WHERE, computation)
    return Driven(
        windowing,
        computation,
        stamped=spec.stamped,
        new_state=lambda: state_of_windows(step),
    )


def said(run: Driven) -> list[tuple[Any, ...]]:
    """What came out: key, start and end in seconds, value, and what is not as usual."""
    found = []
    for each in run.results:
        assert isinstance(each, Windowed)
        more = [] if each.pane == "on_time" else [each.pane]
        if each.replaces:
            more.append([tuple(at / SECOND for at in window) for window in each.replaces])
        found.append((each.key, each.start / SECOND, each.end / SECOND, each.value, *more))
    return found


def summed(readings: Iterable[tuple[Any, Extent, int]]) -> dict[tuple[Any, int, int], int]:
    """The sums of numbers, by key and window in seconds."""
    sums: dict[tuple[Any, int, int], int] = {}
    for key, (start, end), number in readings:
        sums[key, start, end] = sums.get((key, start, end), 0) + number
    return sums


@attrs.define
class Work:
    """Random readings, up to *disorder* seconds behind the last: in order of arrival."""

    seed: int
    disorder: int = 12
    count: int = 150
    span: int = 200
    keys: str = "abc"
    random: Random = attrs.field(init=False)
    readings: list[Reading] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.random = Random(self.seed)
        stamps = sorted(self.random.randrange(-20, self.span) for _ in range(self.count))
        moved = sorted((t + self.random.random() * self.disorder, t) for t in stamps)
        self.readings = [
            (self.random.choice(self.keys), t, self.random.randrange(-99, 100)) for _, t in moved
        ]

    def on(self, make: Callable[[], Driven], batch: int) -> Driven:
        """The readings in batches of up to *batch*, the watermark behind each, and crashes."""
        run = make()
        highest, low = -(1 << 40), -(1 << 40)
        place = 0
        committed = 0, highest, low
        while True:
            some = self.readings[place : place + self.random.randrange(1, batch + 1)]
            if not some:
                break
            place += len(some)
            run.feed([(key, stamp, number) for key, stamp, number in some])
            highest = max(highest, *(stamp for _, stamp, _ in some))
            mark = highest - self.disorder
            if mark > low and self.random.random() < 0.7:
                low = mark
                run.watermark(low)
            if self.random.random() < 0.15:
                run.checkpoint()
                committed = place, highest, low
            if committed[0] and self.random.random() < 0.08:
                run.crash()
                place, highest, low = committed
        run.end()
        assert run.clock.time == MAX_TIME
        return run
