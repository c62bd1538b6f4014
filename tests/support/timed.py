"""Operators that know time, driven by hand: batches, watermarks, the wall clock, crashes."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import attrs

from wallarood.flow.failures import Failure
from wallarood.flow.state.keyed import KeyedState
from wallarood.flow.steps.timed import Making
from wallarood.flow.watermarks import Clock
from wallarood.model.batch import Batch
from wallarood.model.pipeline import Computation, ErrorPolicy, FunctionShape, Step, StepKind, Where
from wallarood.model.time import MAX_TIME

WHERE = Where("app.py", 1)
SECOND = 1_000_000


def computation(spec: Any, function: Callable[..., Any] = print, **more: Any) -> Computation:
    """A computation of a spec; what it is called does not matter."""
    return Computation("work", function, FunctionShape.ONE, WHERE, spec=spec, **more)


@attrs.define(eq=False)
class Driven:
    """An operator of class *kind* with its state; `out` are (key, result, stamp) in order."""

    kind: Callable[[Making], Any]
    computation: Computation
    make: Callable[[], Any] = dict
    stamped: bool = True
    now: int = 0
    out: list[tuple[Any, Any, int | None]] = attrs.field(factory=list)
    failures: list[Failure] = attrs.field(factory=list)
    clock: Clock = attrs.field(factory=Clock)
    new_state: Callable[[], Any] | None = None
    """Makes its state, if not *make* that of a key."""
    state: Any = attrs.field(init=False)
    operator: Any = attrs.field(init=False)
    _number: int = 0
    _chunks: list[bytes] = attrs.field(factory=list)
    _committed: tuple[int, int, int] = (-(1 << 63), 0, 0)

    def __attrs_post_init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self.state = KeyedState("work", self.make) if self.new_state is None else self.new_state()
        self.state.restore(self._chunks)
        step = Step("work", StepKind.PARTITIONED, (), WHERE, self.computation)
        self.operator = self.kind(
            Making(step, self.computation, self.state, self.clock, lambda: self.now)
        )

    def feed(self, records: Iterable[tuple[Any, float, Any]], *, side: int = 0) -> None:
        """A batch of (key, seconds, value)."""
        keys, seconds, values = map(list, zip(*records, strict=True))
        times = [round(each * SECOND) for each in seconds] if self.stamped else None
        batch = Batch(values, keys, times=times)
        self._add(self.operator.on_batch(batch, self.failures, side))

    def one(self, key: Any, seconds: float, value: Any = None, *, side: int = 0) -> None:
        """A batch of one record."""
        self.feed([(key, seconds, value)], side=side)

    def watermark(self, seconds: float) -> None:
        """The watermark rises, in seconds."""
        self._advance(round(seconds * SECOND))

    def end(self) -> None:
        """Nothing follows."""
        self._advance(MAX_TIME)

    def _advance(self, time: int) -> None:
        self._draw(self.operator.on_watermark(time, self.failures))
        self.clock.time = time

    def wall(self, seconds: float) -> None:
        """The wall clock shows this; the operator is called if it has asked for it."""
        self.now = round(seconds * SECOND)
        due = self.operator.wall_due
        if due is not None and due <= self.now:
            self._draw(self.operator.on_wall(self.now, self.failures))

    def _draw(self, slices: Iterator[Batch]) -> None:
        for each in slices:
            self._add(each)

    def _add(self, batch: Batch) -> None:
        assert batch.keys is not None
        assert (batch.times is not None) == self.stamped or not batch.values
        times: Any = batch.times if batch.times is not None else [None] * len(batch)
        self.out += zip(batch.keys, batch.values, times, strict=True)

    def checkpoint(self) -> None:
        """Capture and commit everything."""
        self._number += 1
        self.state.capture(self._number, self._number - 1)
        while self.state.capturing:
            self.state.encode_some()
        part = self.state.finish()
        self._chunks = [*([] if part.base else self._chunks), *part.chunks]
        self.state.committed(self._number)
        self._committed = (self.clock.time, len(self.out), len(self.failures))

    def crash(self) -> None:
        """Go back to the last checkpoint."""
        time, out, failures = self._committed
        self.clock.time = time
        del self.out[out:], self.failures[failures:]
        self._begin()

    def restart(self, computation: Computation) -> None:
        """Stop, and start as another version of the application: with *computation*."""
        self.checkpoint()
        data = self.clock.encode()
        self.clock = Clock()
        self.clock.decode(data)
        self.computation = computation
        self.crash()

    @property
    def results(self) -> list[Any]:
        """The results alone."""
        return [each for _, each, _ in self.out]

    @property
    def late(self) -> list[str]:
        """The records that were late, as `repr`."""
        return [each.letter.record for each in self.failures if each.late]


SKIP = ErrorPolicy.SKIP
