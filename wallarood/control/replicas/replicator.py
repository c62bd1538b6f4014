"""The owner's side of replicas: which part goes to the holder, and when the holder has it."""
# Theory of operation
# ===================
# In a round that has been written here, this worker keeps a data connection to its holder. On every
# connection the holder says what it has; this worker sends what is missing of the part that is
# wanted: at the beginning of a round that of the checkpoint which the round starts from, then each
# part while it writes it. The base and the changes that a part builds on go along where the holder
# lacks them. So a holder that has lost its disk, or is another one, gets all with the first part.
#
# One part is under way at a time. Of those that are written meanwhile only the newest is kept to be
# sent next: for what is between, its checkpoint is not held here, and another one will be.
#
# When this worker is asked what it holds, its round is over: nothing is sent or told until the next
# one is written. A machine lives as long as its worker is in an epoch: its holder stays the same.

from enum import Enum
from typing import ClassVar

from wallarood.control.effects import Effect
from wallarood.control.events import Event
from wallarood.control.machine import Table, transition
from wallarood.control.replicas.effects import Copied, LeaveHolder, SeekHolder, SendPart
from wallarood.control.replicas.events import (
    HolderHas,
    HolderLost,
    PartCaptured,
    PartHeld,
    PartToCopy,
    RoundOver,
)
from wallarood.control.replicas.ring import holder_of
from wallarood.model.change import PartName
from wallarood.model.checkpoint import FIRST_CHECKPOINT, CheckpointId
from wallarood.model.ids import WorkerName


class Phase(Enum):
    """What this worker has to do with its holder."""

    RESTING = "resting"
    """No round is written here."""
    SEEKING = "seeking"
    """There is no connection on which the holder has said what it has."""
    READY = "ready"
    SENDING = "sending"


N, S, R, X = Phase

# Where each event may lead in each phase. Empty: a straggler, dropped.
TRANSITIONS: dict[tuple[Phase, type], frozenset[Phase]] = {
    **{(phase, RoundOver): frozenset({N}) for phase in Phase},
    (N, PartToCopy): frozenset({S}),
    (S, PartToCopy): frozenset({S}),
    (R, PartToCopy): frozenset({R, X}),
    (X, PartToCopy): frozenset({X}),
    (N, PartCaptured): frozenset(),
    (S, PartCaptured): frozenset({S}),
    (R, PartCaptured): frozenset({R, X}),
    (X, PartCaptured): frozenset({X}),
    (N, HolderHas): frozenset(),
    **{(phase, HolderHas): frozenset({R, X}) for phase in (S, R, X)},
    (N, HolderLost): frozenset(),
    **{(phase, HolderLost): frozenset({S}) for phase in (S, R, X)},
    **{(phase, PartHeld): frozenset() for phase in (N, S, R)},
    (X, PartHeld): frozenset({R, X}),
}


class Replicator:
    """The machine of worker *name* among *workers*. Its parts are of *layout*."""

    TRANSITIONS: ClassVar[Table] = TRANSITIONS
    INPUTS: ClassVar[tuple[type, ...]] = (
        RoundOver,
        PartToCopy,
        PartCaptured,
        HolderHas,
        HolderLost,
        PartHeld,
    )

    def __init__(self, name: WorkerName, workers: tuple[WorkerName, ...], *, layout: int) -> None:
        self.phase = Phase.RESTING
        self.holder = holder_of(name, workers)
        self.copied: CheckpointId | None = None
        """The last checkpoint of which the holder has said that it has the part."""
        self._name, self._layout = name, layout
        self._wanted: CheckpointId | None = None
        """What is to be sent next, or is under way if nothing newer was written."""
        self._sending: PartName | None = None
        self._there: frozenset[PartName] = frozenset()

    @property
    def deadline(self) -> None:
        """Never: the connection has deadlines, and a checkpoint has."""

    @property
    def waits_for(self) -> CheckpointId | None:
        """The checkpoint whose part the holder does not have yet, as far as is known."""
        return self._wanted

    def step(self, event: Event, now: float) -> list[Effect]:
        """Take one event, return what is to be done about it."""
        return transition(self, event, now)

    def take(self, event: Event, now: float) -> list[Effect]:  # noqa: ARG002 - as all machines
        """Do what is done with an event that the table lets in."""
        match event:
            case PartToCopy(checkpoint, round_):
                return self._want(checkpoint, round_)
            case PartCaptured(checkpoint):
                return self._want(checkpoint, 0)
            case RoundOver():
                self._wanted = self._sending = None
                return [] if self.phase is Phase.RESTING else [LeaveHolder()]
            case HolderHas(parts):
                self._there, self._sending = frozenset(parts), None
                return self._go_on()
            case HolderLost():
                self._sending = None
                return []
            case PartHeld(part):
                return self._held(part)
            case _:
                return []

    def _want(self, checkpoint: CheckpointId, round_: int) -> list[Effect]:
        self._wanted = checkpoint
        match self.phase:
            case Phase.RESTING:
                return [SeekHolder(self.holder, round_)]
            case Phase.READY:
                return self._go_on()
            case _:
                return []

    def _held(self, part: PartName) -> list[Effect]:
        later = {each for each in self._there if each.number > part.number}
        self._there = frozenset(later | {part})  # no older one is wanted any more
        if part != self._sending:
            return []
        self._sending = None
        older = [] if part == self._part_of(self._wanted) else [Copied(_checkpoint_of(part))]
        return [*older, *self._go_on()]

    def _go_on(self) -> list[Effect]:
        """Send what is wanted, unless the holder has it."""
        part = self._part_of(self._wanted)
        if part is None:
            self.phase = Phase.READY
            return []
        if part in self._there or self._wanted == FIRST_CHECKPOINT:
            self.phase, self._wanted, self.copied = Phase.READY, None, self._wanted
            return [Copied(_checkpoint_of(part))]
        self.phase, self._sending = Phase.SENDING, part
        return [SendPart(part)]

    def _part_of(self, checkpoint: CheckpointId | None) -> PartName | None:
        if checkpoint is None:
            return None
        return PartName(self._layout, self._name, checkpoint.round, checkpoint.number)


def _checkpoint_of(part: PartName) -> CheckpointId:
    return CheckpointId(part.round, part.number)
