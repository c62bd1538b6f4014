"""Alignment of marks over the inputs of one instance."""
# Theory of operation
# ===================
# An instance with several inputs passes a mark on when all of them have shown it.
# - The end passes when every input has ended.
# - A watermark passes when the lowest over all inputs that have not ended has risen.
# - A barrier blocks its input until the others have shown it too; an ended input counts as
#   aligned. A higher barrier on any input releases the alignment of a lower one and begins its own;
#   a late lower one is dropped. The driver may release an alignment that was given up.
# (Chandy and Lamport, "Distributed Snapshots", 1985; aligned as in Carbone et al., "Lightweight
# Asynchronous Snapshots for Distributed Dataflows", 2015.)

from collections.abc import Iterable
from typing import TypeAlias

from wallarood.model.batch import Barrier, EndOfStream, Mark, Watermark
from wallarood.model.ids import WorkerName

InputId: TypeAlias = tuple[int, WorkerName]


class Alignment:
    """The marks of *inputs*: which may pass on, and which inputs must wait meanwhile."""

    def __init__(self, inputs: Iterable[InputId]) -> None:
        self._inputs = frozenset(inputs)
        self.ended: set[InputId] = set()
        self._shown: set[InputId] = set()
        self._barrier: Barrier | None = None
        self._highest: tuple[int, int] = (-1, -1)
        self._watermarks: dict[InputId, int] = {}
        self._watermark: int | None = None
        self.blocked: frozenset[InputId] = frozenset()

    def take(self, source: InputId, mark: Mark) -> tuple[Mark, ...]:
        """Take a mark from an input; return the marks that now go to all outputs, in order."""
        match mark:
            case Barrier():
                return self._take_barrier(source, mark)
            case Watermark():
                self._watermarks[source] = mark.time
                return self._risen()
            case EndOfStream():
                self.ended.add(source)
                self._watermarks.pop(source, None)
                passed = (*self._aligned(), *self._risen())
                return (*passed, mark) if self.ended == self._inputs else passed

    def release(self, number: int) -> bool:
        """Give up an alignment for checkpoint *number* or a lower one; whether there was one."""
        if self._barrier is None or self._barrier.number > number:
            return False
        self._release()
        return True

    def _release(self) -> None:
        self._barrier = None
        self._shown.clear()
        self.blocked = frozenset()

    def _take_barrier(self, source: InputId, barrier: Barrier) -> tuple[Mark, ...]:
        order = (barrier.round, barrier.number)
        if order < self._highest or (order == self._highest and self._barrier is None):
            return ()
        if order > self._highest:
            self._release()
            self._highest, self._barrier = order, barrier
        self._shown.add(source)
        self.blocked = frozenset(self._shown)
        return self._aligned()

    def _aligned(self) -> tuple[Mark, ...]:
        barrier = self._barrier
        if barrier is None or self._shown | self.ended != self._inputs:
            return ()
        self._release()
        return (barrier,)

    def _risen(self) -> tuple[Mark, ...]:
        live = self._inputs - self.ended
        if not live or any(each not in self._watermarks for each in live):
            return ()
        lowest = min(self._watermarks[each] for each in live)
        if self._watermark is not None and lowest <= self._watermark:
            return ()
        self._watermark = lowest
        return (Watermark(lowest),)
