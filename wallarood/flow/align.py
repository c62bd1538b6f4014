"""Alignment of marks over the inputs of one instance."""
# Theory of operation
# ===================
# An instance with several inputs passes a mark on when all of them have shown it.
# - The end passes when every input has ended.
# - A watermark passes when the lowest over all active inputs has risen: those that are not idle and
#   have not ended. When none is, the highest that any has shown counts, also of those that have
#   ended since; and when all have ended, that passes before the end of time does. Neither that of
#   an input nor what has passed ever falls, so an input that comes back late holds up no other.
#   Where an input was idle, two instances may stand differently at a barrier: one may have heard of
#   another input while it was, one only when it was back.
# - A barrier blocks its input until the others have shown it too; an ended input counts as
#   aligned. A higher barrier on any input releases the alignment of a lower one and begins its own;
#   a late lower one is dropped. The driver may release an alignment that was abandoned.
# - Inputs may have to wait until others have ended, or have been read as far as they went: a stream
#   for the table that it is joined with. That one is loaded passes when all are, or have ended.
#   While a barrier is being aligned they do not wait, or it would never come.
# (Chandy and Lamport, "Distributed Snapshots", 1985; aligned as in Carbone et al., "Lightweight
# Asynchronous Snapshots for Distributed Dataflows", 2015.)

from collections.abc import Iterable, Set

from wallarood.model.batch import Barrier, EndOfStream, Loaded, Mark, Watermark
from wallarood.model.ids import InputId
from wallarood.model.time import MAX_TIME, MIN_TIME


class Alignment:
    """The marks of *inputs*: which may pass on, and which inputs must wait meanwhile.

    *watermark* is what had passed before a restart. Inputs that are not in *first* wait until all
    of *first* have ended or are loaded.
    """

    def __init__(
        self,
        inputs: Iterable[InputId],
        watermark: Watermark = Watermark(MIN_TIME),  # noqa: B008
        *,
        first: Iterable[InputId] = (),
    ) -> None:
        self._inputs = frozenset(inputs)
        self.ended: set[InputId] = set()
        self._loaded: set[InputId] = set()
        self._loaded_told = False
        self._shown: set[InputId] = set()
        self._barrier: Barrier | None = None
        self._highest: tuple[int, int] = (-1, -1)
        self._watermarks: dict[InputId, Watermark] = {}
        self._furthest = MIN_TIME
        """The highest that an input has shown, but for the end of time."""
        self.watermark = watermark
        """What has passed last."""
        # What comes after this stage knows nothing yet of what had passed before a restart.
        self._untold = watermark.time > MIN_TIME
        self._first = frozenset(first)
        self._later = self._inputs - self._first if self._first else frozenset()
        self.blocked: frozenset[InputId] = self._later

    @property
    def shown(self) -> Set[InputId]:
        """The inputs that have shown the barrier that is being aligned."""
        return self._shown

    @property
    def waits(self) -> bool:
        """Whether inputs wait for others to end."""
        return bool(self._later)

    def take(self, source: InputId, mark: Mark) -> tuple[Mark, ...]:
        """Take a mark from an input; return the marks that now go to all outputs, in order."""
        match mark:
            case Barrier():
                return self._take_barrier(source, mark)
            case Watermark():
                before = self._watermarks.get(source, mark)
                self._watermarks[source] = Watermark(max(mark.time, before.time), mark.idle)
                if mark.time < MAX_TIME:
                    self._furthest = max(self._furthest, mark.time)
                return self._risen()
            case Loaded():
                self._loaded.add(source)
                self._look_at_first()
                return (*self._all_loaded(), *self._risen())
            case EndOfStream():
                self.ended.add(source)
                self._look_at_first()
                passed = (*self._aligned(), *self._all_loaded(), *self._risen())
                return (*passed, mark) if self.ended == self._inputs else passed

    def _look_at_first(self) -> None:
        if self._later and self._first <= self.ended | self._loaded:
            self._later = frozenset()
            self.blocked = frozenset(self._shown)

    def _all_loaded(self) -> tuple[Mark, ...]:
        """That all has been loaded, once; an end says it by itself."""
        done = self._loaded and self._loaded | self.ended == self._inputs
        if not done or self._loaded_told:
            return ()
        self._loaded_told = True
        return (Loaded(),)

    def release(self, number: int) -> bool:
        """Give up an alignment for checkpoint *number* or a lower one; whether there was one."""
        if self._barrier is None or self._barrier.number > number:
            return False
        self._release()
        return True

    def _release(self) -> None:
        self._barrier = None
        self._shown.clear()
        self.blocked = self._later

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
        if not self._watermarks or self._later:
            return ()  # what is held until the others have ended is not to be late then
        silent = Watermark(MIN_TIME)
        told = [self._watermarks.get(each, silent) for each in self._inputs - self.ended]
        # Who says that all has come is about to end: the others are not at the end by that.
        live = [each for each in told if each.time != MAX_TIME]
        active = [each.time for each in live if not each.idle]
        if active:
            reached = min(active)
        elif live:
            reached = self._furthest
        else:
            reached = max(each.time for each in self._watermarks.values())
        stood = self.watermark.time
        risen = Watermark(max(reached, stood), bool(live) and not active)
        if risen == self.watermark and not self._untold:
            return ()
        self.watermark, self._untold = risen, False
        at_end = risen.time == MAX_TIME and stood < self._furthest
        return (Watermark(self._furthest), risen) if at_end else (risen,)
