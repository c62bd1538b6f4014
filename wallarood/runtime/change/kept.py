"""States that stay in memory through a change: what was worked on goes on as it is."""
# Theory of operation
# ===================
# A worker that adopts the next epoch is built anew in the same process. A job that was halted at
# the basis has its states just as they are on disk there: to read them again would cost what the
# cluster stands still for. So they are handed on, without the keys of the slots that have gone, and
# with those that have come, which were put together while they were staged.
#
# What has changed since the basis, and what is not known key by key, is read from disk as ever.

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

    def begin(self, checkpoint: CheckpointId, change: Change | None) -> frozenset[str]:
        """The states that a round may `take` which starts from *checkpoint*; the others go."""
        if checkpoint != self.change.basis or change != self.change:
            self.states = {}
        return frozenset(self.states)

    def take(self, state: State) -> bool:
        """Let *state*, which is new, begin with what is kept of it; whether there is anything.

        What was taken is worked on, and is not kept any longer.
        """
        kept = self.states.pop(state.computation, None)
        if kept is None or not isinstance(state, KeyedState):
            return False
        without: list[Any] = []
        if kept.own is not None and kept.lost:
            without = _keys_lost(kept, kept.own, self.gone)
        own = () if kept.own is None else (kept.own,)
        state.take_over((*own, *kept.gained), without)
        return True


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
