"""Every worker's part in checkpoints: take it, keep it, know it committed, publish."""
# Theory of operation
# ===================
# When the leader says so, a barrier is put after what the sources here have read. When every
# instance here has let it pass and its state is written, this worker holds its part and says so. It
# says so again to a leader that it has lost contact with: what is held stays held.
#
# Nothing is published before it is committed, and before it is durable here that it is: a life that
# finds the published output after a crash finds that knowledge too. Numbers that come late or
# twice change nothing: they only ever rise.
#
# A worker that is told to stop asks for a checkpoint after whose barrier all sources stand still,
# and may leave when that is durably known committed: its restart replays nothing. What is not
# published by then is prepared, and listed in the checkpoint: the next life publishes it. The final
# checkpoint serves as well, and so does that of another that leaves: nothing moves after them.
# Where no checkpoint can be had, since a member is away, it leaves at once.
#
# A checkpoint that is void, since a worker could not write its part, can never be committed: what
# is held of it goes. A machine belongs to one round and ends with it.

from enum import Enum
from typing import ClassVar

from wallarood.control.effects import (
    DiscardCheckpoint,
    Effect,
    ForgetKept,
    HoldSources,
    Level,
    PublishedFinal,
    PublishSinks,
    ReadyToLeave,
    RecordCommitted,
    ReleaseBarrier,
    Report,
    SendToMember,
    StopOrderly,
    TakeBarrier,
)
from wallarood.control.events import (
    CommitRecorded,
    Event,
    MemberDown,
    MemberMessage,
    MemberUp,
    SinksPublished,
    SnapshotFailed,
    SnapshotMoved,
    SnapshotWritten,
    StopWanted,
)
from wallarood.control.machine import Table, transition
from wallarood.model.ids import WorkerName
from wallarood.model.messages import (
    CheckpointAbandoned,
    CheckpointCommitted,
    CheckpointFailed,
    CheckpointHeld,
    CheckpointProgress,
    DropKept,
    Purpose,
    RequestCheckpoint,
    TakeCheckpoint,
)


class Phase(Enum):
    """Whether this worker takes part, and whether it wants to leave."""

    WORKING = "working"
    LEAVING = "leaving"
    LEFT = "left"


W, L, X = Phase

STANDING = (Purpose.LEAVE, Purpose.FINAL, Purpose.CHANGE)
"""Checkpoints after which no source moves, and a worker that is told to stop may."""

_MESSAGES = (TakeCheckpoint, CheckpointCommitted, CheckpointAbandoned, DropKept)
_OWN = (SnapshotMoved, SnapshotWritten, SnapshotFailed, SinksPublished, CommitRecorded, MemberUp)

# Where each event may lead in each phase. Empty: a straggler, dropped.
TRANSITIONS: dict[tuple[Phase, type], frozenset[Phase]] = {
    **{(phase, kind): frozenset({phase}) for phase in (W, L) for kind in (*_MESSAGES, *_OWN)},
    **{(X, kind): frozenset() for kind in (*_MESSAGES, *_OWN)},
    (W, CommitRecorded): frozenset({W, X}),
    (L, CommitRecorded): frozenset({L, X}),
    (W, StopWanted): frozenset({L, X}),
    (L, StopWanted): frozenset(),
    (X, StopWanted): frozenset(),
    (W, MemberDown): frozenset({W}),
    (L, MemberDown): frozenset({L, X}),
    (X, MemberDown): frozenset(),
}


class CheckpointMember:
    """The machine of one worker for one round. *committed* is known when the round begins."""

    TRANSITIONS: ClassVar[Table] = TRANSITIONS
    INPUTS: ClassVar[tuple[type, ...]] = (*_MESSAGES, *_OWN, StopWanted, MemberDown)

    def __init__(self, worker: WorkerName, leader: WorkerName, *, committed: int) -> None:
        self.phase = Phase.WORKING
        self._worker = worker
        self._leader = leader
        self.taken = committed
        self.held = committed
        self.committed = committed
        self._saying = CheckpointHeld(committed, 0)
        self._hold = ""
        self._recording = committed
        self._purposes: dict[int, Purpose] = {}
        self._away: set[WorkerName] = set()

    @property
    def deadline(self) -> None:
        """Never: the leader has deadlines."""

    def step(self, event: Event, now: float) -> list[Effect]:
        """Take one event, return what is to be done about it."""
        return transition(self, event, now)

    def take(self, event: Event, now: float) -> list[Effect]:  # noqa: ARG002, PLR0912 - a branch an event
        """Do what is done with an event that the table lets in."""
        match event:
            case MemberMessage(_, TakeCheckpoint() as taking):
                return self._take(taking)
            case SnapshotMoved(number, steps, awaiting):
                return [SendToMember(self._leader, CheckpointProgress(number, steps, awaiting))]
            case SnapshotWritten(number, size_bytes, unpublished):
                self.held = max(self.held, number)
                self._saying = CheckpointHeld(number, size_bytes, unpublished)
                return [SendToMember(self._leader, self._saying)]
            case SnapshotFailed(number, reason):
                return [
                    Report(f"checkpoint {number} cannot be written: {reason}", Level.WARNING),
                    SendToMember(self._leader, CheckpointFailed(number, reason)),
                ]
            case MemberMessage(_, CheckpointCommitted(number)):
                return self._is_committed(number)
            case CommitRecorded(number):
                return self._is_recorded(number)
            case SinksPublished(number):
                return self._is_published(number)
            case MemberMessage(_, CheckpointAbandoned(number, void)):
                return [ReleaseBarrier(number), *([DiscardCheckpoint(number)] if void else [])]
            case MemberMessage(_, DropKept(name)):
                return [ForgetKept(name)]
            case MemberUp(member):
                self._away.discard(member.name)
                return self._say_again() if member.name == self._leader else []
            case MemberDown(name):
                self._away.add(name)
                return self._gone()
            case StopWanted():
                return self._stop()
            case _:
                return []

    def _take(self, taking: TakeCheckpoint) -> list[Effect]:
        number = taking.number
        if number <= self.taken:
            return []
        self.taken = number
        self._purposes = {old: why for old, why in self._purposes.items() if old >= self.committed}
        self._purposes[number] = taking.purpose
        held = [] if taking.hold == self._hold else [HoldSources(taking.hold)]
        self._hold = taking.hold
        return [*held, TakeBarrier(number, taking.purpose, taking.keep)]

    def _is_committed(self, number: int) -> list[Effect]:
        if number <= self._recording:
            return []
        self._recording = number
        return [RecordCommitted(number)]

    def _is_recorded(self, number: int) -> list[Effect]:
        self.committed = max(self.committed, number)
        purpose = self._purposes.get(number)
        if purpose is Purpose.SHUTDOWN:
            self.phase = Phase.LEFT
            return [PublishSinks(number), StopOrderly()]
        if self.phase is Phase.LEAVING and purpose in STANDING:
            self.phase = Phase.LEFT
            return [PublishSinks(number), ReadyToLeave()]
        return [PublishSinks(number)]

    def _is_published(self, number: int) -> list[Effect]:
        return [PublishedFinal()] if self._purposes.get(number) is Purpose.FINAL else []

    def _stop(self) -> list[Effect]:
        stands = self.taken == self.committed and self._purposes.get(self.taken) in STANDING
        if self._away or stands:
            self.phase = Phase.LEFT
            return [ReadyToLeave()]
        self.phase = Phase.LEAVING
        return [SendToMember(self._leader, RequestCheckpoint(Purpose.LEAVE))]

    def _gone(self) -> list[Effect]:
        """No checkpoint can be had without a member, unless it is known committed already."""
        if self.phase is not Phase.LEAVING:
            return []
        recording = self._recording > self.committed
        if recording and self._purposes.get(self._recording) in STANDING:
            return []
        self.phase = Phase.LEFT
        return [ReadyToLeave()]

    def _say_again(self) -> list[Effect]:
        """What the leader may have missed while there was no connection."""
        asking = [SendToMember(self._leader, RequestCheckpoint(Purpose.LEAVE))]
        wanted = asking if self.phase is Phase.LEAVING else []
        held = [SendToMember(self._leader, self._saying)]
        return [*(held if self.held > self._recording else []), *wanted]
