"""States that stay in memory through a change: what was worked on goes on as it is."""
# Theory of operation
# ===================
# A worker that adopts the next epoch is built anew in the same process. A job that was halted at
# the basis has its states just as they are on disk there: to read them again would cost what the
# cluster stands still for. So they are handed on, without the keys of the slots that have gone, and
# with those that have come, which were put together while they were staged.
#
# That takes its time with many keys, which there is while the next epoch is made durable and the
# members find each other again: it begins as soon as the change is decided.
#
# What has changed since the basis, and what is not known key by key, is read from disk as ever.

import threading
from itertools import compress
from typing import Any, TypeAlias

import attrs

from wallarood.flow.state.keyed import KeyedState
from wallarood.flow.state.moving import flags_of
from wallarood.flow.state.state import State
from wallarood.model.change import Change
from wallarood.model.checkpoint import CheckpointId
from wallarood.runtime.ports import CheckpointStore


@attrs.define(eq=False)
class Noted:
    """The keys that were found in these chunks, by number and sequence."""

    chunks: set[tuple[int, int]] = attrs.field(factory=set)
    keys: list[list[Any]] = attrs.field(factory=list)


Gone: TypeAlias = dict[tuple[str, frozenset[int]], Noted]
"""What was handed over of a computation, by the slots of it that another takes."""


@attrs.frozen
class KeptState:
    """One state: *own* was here before, less the slots *lost* of *partitions*; and what came.

    `chunks` are those that *own* has on disk, by number and sequence.
    """

    own: KeyedState | None
    gained: tuple[KeyedState, ...] = ()
    lost: frozenset[int] = frozenset()
    partitions: int = 1
    chunks: frozenset[tuple[int, int]] = frozenset()


@attrs.define(eq=False)
class Kept:
    """What a worker has in memory that adopts *change*: states by computation, and its store."""

    change: Change
    states: dict[str, KeptState]
    gone: Gone
    store: CheckpointStore | None = None
    _ready: dict[str, KeyedState] = attrs.field(factory=dict, init=False)
    _working: threading.Lock = attrs.field(factory=threading.Lock, init=False)
    _grown: frozenset[str] = attrs.field(init=False)
    """Of these the next capture is a base: of what came there is one piece for each checkpoint."""

    def __attrs_post_init__(self) -> None:
        self._grown = frozenset(name for name, kept in self.states.items() if kept.gained)

    def begin(self, checkpoint: CheckpointId, change: Change | None) -> frozenset[str]:
        """The states that a round may `take` which starts from *checkpoint*; the others go."""
        if checkpoint != self.change.basis or change != self.change:
            self.states, self._ready = {}, {}
        return frozenset((*self.states, *self._ready))

    def prepare(self) -> None:
        """Put together what each state begins with: the change is decided. May take long.

        What the job that was halted had is used up. It may run in a thread beside `take`.
        """
        with self._working:
            states, ready = self.states, self._ready
            for name, kept in list(states.items()):
                ready[name] = _put_together(name, kept, self.gone)
                del states[name]

    def take(self, state: State) -> bool:
        """Let *state*, which is new, begin with what is kept of it; whether there is anything.

        What was taken is worked on, and is not kept any longer.
        """
        with self._working:
            name = state.computation
            kept, made = self.states.pop(name, None), self._ready.pop(name, None)
            if kept is not None:
                made = _put_together(name, kept, self.gone)
        if made is None or not isinstance(state, KeyedState):
            return False
        state.take_over((made,))
        if name in self._grown:
            state.base_next()
        return True


def _put_together(name: str, kept: KeptState, gone: Gone) -> KeyedState:
    """A state with all of *kept*, for another to take over."""
    made = KeyedState(name, dict)
    without: list[Any] = []
    if kept.own is not None and kept.lost:
        without = _keys_lost(kept, kept.own, gone)
    own = () if kept.own is None else (kept.own,)
    made.take_over((*own, *kept.gained), without)
    return made


def _keys_lost(kept: KeptState, own: KeyedState, gone: Gone) -> list[Any]:
    """The keys of the slots that are lost: as they were handed over, or else looked for."""
    found = {
        slots: noted
        for (computation, slots), noted in gone.items()
        if computation == own.computation and slots <= kept.lost and noted.chunks >= kept.chunks
    }
    if kept.lost == frozenset(slot for slots in found for slot in slots):
        return [key for noted in found.values() for keys in noted.keys for key in keys]
    keys = list(own.by_key)
    return list(compress(keys, flags_of(keys, kept.lost, kept.partitions)))
