"""The holder's side of replicas: when an owner is heard, and when it is told that one is held."""
# Theory of operation
# ===================
# The owner's connection is for one round. It may come before that round is written here, and waits
# then: who is told what is here must be told what is left of it. A part is written as it comes;
# when it is durable, with all that belongs to it, the owner is told so, and not before.
#
# When this worker is asked what it holds, it says so once, and must not make it untrue: a part that
# becomes durable after that is told to no owner. It would count as held, and a checkpoint might
# become committed that those who decide about a change do not know of. Nor is what a journal has
# accepted acknowledged after that: somebody may take the owner's place with what is here now, while
# it lives and knows nothing of that. So its connection ends, and waits for the next round; what was
# under way on it, as where the disk was full, is not written any more. The same holds for a vote,
# which is durable before that question is answered.

from enum import Enum
from typing import ClassVar

from wallarood.control.effects import Effect
from wallarood.control.events import Event, RoundWritten
from wallarood.control.machine import Table, transition
from wallarood.control.replicas.effects import DropOwner, SayHeld, TellReplicas
from wallarood.control.replicas.events import (
    OwnerCame,
    OwnerLost,
    ReplicaLacking,
    ReplicaWritten,
    RoundOver,
)
from wallarood.control.replicas.ring import owner_of
from wallarood.model.ids import WorkerName


class Phase(Enum):
    """Whether replicas are taken."""

    RESTING = "resting"
    """No round is written here, or this worker has been asked what it holds."""
    OPEN = "open"


N, P = Phase

# Where each event may lead in each phase. Empty: a straggler, dropped.
TRANSITIONS: dict[tuple[Phase, type], frozenset[Phase]] = {
    **{(phase, RoundOver): frozenset({N}) for phase in Phase},
    **{(phase, RoundWritten): frozenset({P}) for phase in Phase},
    **{(phase, kind): frozenset({phase}) for phase in Phase for kind in (OwnerCame, OwnerLost)},
    (N, ReplicaWritten): frozenset(),
    (P, ReplicaWritten): frozenset({P}),
    (N, ReplicaLacking): frozenset(),
    (P, ReplicaLacking): frozenset({P}),
}


class Holder:
    """The machine of worker *name* among *workers*, for the one before it in the ring."""

    TRANSITIONS: ClassVar[Table] = TRANSITIONS
    INPUTS: ClassVar[tuple[type, ...]] = (
        RoundOver,
        RoundWritten,
        OwnerCame,
        OwnerLost,
        ReplicaWritten,
        ReplicaLacking,
    )

    def __init__(self, name: WorkerName, workers: tuple[WorkerName, ...]) -> None:
        self.phase = Phase.RESTING
        self.owner = owner_of(name, workers)
        self._round = 0
        self._came: int | None = None
        """The round of the owner's connection, if there is one."""

    @property
    def deadline(self) -> None:
        """Never: the owner's checkpoint has one."""

    def takes(self, round_: int) -> bool:
        """Whether a part that has come in a round may be written, at the time of writing it."""
        return self.phase is Phase.OPEN and self._round == round_

    def step(self, event: Event, now: float) -> list[Effect]:
        """Take one event, return what is to be done about it."""
        return transition(self, event, now)

    def take(self, event: Event, now: float) -> list[Effect]:  # noqa: ARG002 - as all machines
        """Do what is done with an event that the table lets in."""
        match event:
            case RoundOver():
                return self._rest()
            case RoundWritten(round_):
                self._round = round_
                self.phase = Phase.OPEN
                return self._greet()
            case OwnerCame(owner, round_):
                if owner != self.owner:
                    return [DropOwner(owner)]
                self._came = round_
                return self._greet()
            case OwnerLost(owner):
                self._came = None if owner == self.owner else self._came
                return []
            case ReplicaWritten(part):
                return [SayHeld(part)] if self._came == self._round else []
            case ReplicaLacking(owner):
                return [TellReplicas(owner)] if self._came == self._round else []
            case _:
                return []

    def _rest(self) -> list[Effect]:
        """Copy nothing any more for an owner, unless it is in the round to come."""
        if self._came is None or self._came > self._round:
            return []
        self._came = None
        return [DropOwner(self.owner)]

    def _greet(self) -> list[Effect]:
        """Tell an owner that waits what is here, if it is of the round that is written here."""
        if self.phase is not Phase.OPEN or self._came is None or self._came > self._round:
            return []
        if self._came < self._round:
            self._came = None
            return [DropOwner(self.owner)]
        return [TellReplicas(self.owner)]
