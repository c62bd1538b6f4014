"""The checkpoint coordinator: the leader decides when one starts, and when it counts."""
# Theory of operation
# ===================
# One checkpoint is in flight at a time. When its time has come, or when one is asked for, every
# worker is told to put a barrier after what its sources have read. Each says when its part is
# durable; when all have, the checkpoint is committed, and all are told. It *is* committed from the
# moment the last part is durable: this machine only finds out.
#
# If nothing moves for the deadline, or a part cannot be written, the checkpoint is abandoned. That
# undoes nothing, anywhere: it only lets the next begin, with a new number. A part that is written
# late still counts, and if it was the last, the checkpoint is committed after all. So that a part
# which takes longer than the deadline can be the last in time, each silent checkpoint doubles the
# patience with the next, up to a bound. One of which a part could not be written is void for good.
#
# What is prepared and not yet committed, or committed and not yet published, must not grow without
# bound. So when too many checkpoints in a row were abandoned, or too many transactions of a sink
# wait to be published, all sources are told to pause with the next checkpoint. Barriers still pass:
# no checkpoint waits for what is held up, and the first one that commits lets sources read again.
#
# A member that was away hears again what it may have missed: the number in flight, and the last one
# that is known committed. A machine belongs to one round and ends with it.

from enum import Enum
from typing import ClassVar

from wallarood.control.effects import Effect, Level, Report, SendToMember
from wallarood.control.events import (
    Event,
    MemberDown,
    MemberMessage,
    MemberUp,
    TimerFired,
    TimingChanged,
)
from wallarood.control.machine import Table, transition
from wallarood.model.ids import WorkerName
from wallarood.model.messages import (
    CheckpointAbandoned,
    CheckpointCommitted,
    CheckpointFailed,
    CheckpointHeld,
    CheckpointProgress,
    ControlMessage,
    Purpose,
    RequestCheckpoint,
    TakeCheckpoint,
)

LATE_NUMBERS_MAX = 16
"""How many abandoned checkpoints the leader may still find committed."""
DOUBLINGS_MAX = 4
IN_VAIN_MAX = 64
"""After how many abandoned checkpoints in a row sources pause."""
UNPUBLISHED_MAX = 64
"""How many committed transactions of one sink may wait before sources pause."""


class Phase(Enum):
    """Whether a checkpoint is in flight."""

    IDLE = "idle"
    IN_FLIGHT = "in flight"
    ENDED = "ended"
    """The final one is committed, or sources stand still until the next round."""


_I, F, E = Phase

# Where each event may lead in each phase. Empty: a straggler, dropped.
TRANSITIONS: dict[tuple[Phase, type], frozenset[Phase]] = {
    (_I, TimerFired): frozenset({_I, F}),
    (F, TimerFired): frozenset({F, _I}),
    (E, TimerFired): frozenset(),
    (_I, RequestCheckpoint): frozenset({F}),
    (F, RequestCheckpoint): frozenset({F}),
    (E, RequestCheckpoint): frozenset({E}),
    (_I, CheckpointHeld): frozenset({_I}),
    (F, CheckpointHeld): frozenset({F, _I, E}),
    (E, CheckpointHeld): frozenset({E}),
    (_I, CheckpointProgress): frozenset(),
    (F, CheckpointProgress): frozenset({F}),
    (E, CheckpointProgress): frozenset(),
    (_I, CheckpointFailed): frozenset({_I}),
    (F, CheckpointFailed): frozenset({F, _I}),
    (E, CheckpointFailed): frozenset({E}),
    **{
        (phase, kind): frozenset({phase})
        for phase in Phase
        for kind in (MemberUp, MemberDown, TimingChanged)
    },
}


class CheckpointLeader:
    """The machine of the leader for one round. Times are in seconds; *highest* was used before."""

    TRANSITIONS: ClassVar[Table] = TRANSITIONS
    INPUTS: ClassVar[tuple[type, ...]] = (
        TimerFired,
        TimingChanged,
        RequestCheckpoint,
        CheckpointProgress,
        CheckpointHeld,
        CheckpointFailed,
        MemberUp,
        MemberDown,
    )

    def __init__(
        self,
        workers: tuple[WorkerName, ...],
        *,
        highest: int,
        committed: int,
        interval_s: float,
        deadline_s: float,
        now: float,
        in_vain_max: int = IN_VAIN_MAX,
        unpublished_max: int = UNPUBLISHED_MAX,
    ) -> None:
        self.phase = Phase.IDLE
        self._workers = workers
        self._highest = highest
        self._interval_s = interval_s
        self._deadline_s = deadline_s
        self._next_at = now + interval_s
        self._moved_at = now
        self._taking = TakeCheckpoint(0, Purpose.INTERVAL)
        self._wanted: list[RequestCheckpoint] = []
        self._held: dict[int, set[WorkerName]] = {}
        self._steps: dict[WorkerName, tuple[int, str]] = {}
        self._away: set[WorkerName] = set()
        self._silent = self._in_vain = 0
        self._why = ""
        self._unpublished: dict[WorkerName, int] = {}
        self._in_vain_max, self._unpublished_max = in_vain_max, unpublished_max
        self.committed = committed

    @property
    def deadline(self) -> float | None:
        """When `TimerFired` is due; None: never."""
        match self.phase:
            case Phase.IDLE:
                return self._next_at
            case Phase.IN_FLIGHT:
                return self._moved_at + self._patience_s
            case Phase.ENDED:
                return None

    @property
    def _patience_s(self) -> float:
        """How long nothing may move in the one in flight."""
        return self._deadline_s * 2.0 ** min(self._silent, DOUBLINGS_MAX)

    @property
    def _hold(self) -> str:
        """Why sources are to pause; empty if they need not."""
        full = [n for n, count in self._unpublished.items() if count >= self._unpublished_max]
        if full:
            return f"too much output waits to be published on {', '.join(sorted(full))}"
        if self._in_vain >= self._in_vain_max:
            return f"no checkpoint after {self.committed} could be committed: {self._why}"
        return ""

    @property
    def waiting_for(self) -> str:
        """Whom and what the checkpoint in flight waits for, in words."""
        if self.phase is not Phase.IN_FLIGHT:
            return ""
        absent = [each for each in self._workers if each not in self._held[self._taking.number]]
        parts = [f"{each} ({self._steps.get(each, (0, 'no sign yet'))[1]})" for each in absent]
        return f"checkpoint {self._taking.number} waits for {', '.join(parts)}"

    def step(self, event: Event, now: float) -> list[Effect]:
        """Take one event, return what is to be done about it."""
        return transition(self, event, now)

    def take(self, event: Event, now: float) -> list[Effect]:
        """Do what is done with an event that the table lets in."""
        match event:
            case TimerFired():
                return self._timer(now)
            case TimingChanged(interval_s, deadline_s):
                self._interval_s, self._deadline_s = interval_s, deadline_s
                return []
            case MemberMessage(_, RequestCheckpoint() as request):
                return self._request(request, now)
            case MemberMessage(sender, CheckpointHeld(number, _, unpublished)):
                self._unpublished[sender] = unpublished
                return self._is_held(sender, number, now)
            case MemberMessage(sender, CheckpointProgress(number, steps, awaiting)):
                if number == self._taking.number:
                    if self._steps.get(sender, (0, ""))[0] != steps:
                        self._moved_at = now
                    self._steps[sender] = (steps, awaiting)
                return []
            case MemberMessage(sender, CheckpointFailed(number, reason)):
                return self._failed(number, f"{sender} could not write its part: {reason}", now)
            case MemberUp(member):
                self._away.discard(member.name)
                return self._say_again(member.name)
            case MemberDown(name):
                self._away.add(name)
                return []
            case _:
                return []

    def _timer(self, now: float) -> list[Effect]:
        if self.phase is Phase.IDLE:
            self._next_at = now + self._interval_s
            if self._away:
                return []
            if self._wanted:
                return self._start(self._wanted.pop(0), now)
            return self._start(RequestCheckpoint(Purpose.INTERVAL), now)
        why = f"no progress for {self._patience_s:g} s: {self.waiting_for}"
        self._silent += 1
        return [*self._abandon(now, why), *self._tell(CheckpointAbandoned(self._taking.number))]

    def _failed(self, number: int, why: str, now: float) -> list[Effect]:
        """A worker will never hold its part of a checkpoint: it is void."""
        if number <= self.committed:
            return []
        self._held.pop(number, None)
        void = self._tell(CheckpointAbandoned(number, void=True))
        if self.phase is not Phase.IN_FLIGHT or number != self._taking.number:
            return void
        return [*self._abandon(now, why), *void]

    def _tell(self, message: ControlMessage) -> list[Effect]:
        return [SendToMember(name, message) for name in self._workers]

    def _request(self, request: RequestCheckpoint, now: float) -> list[Effect]:
        if self.phase is Phase.ENDED:
            return self._tell(CheckpointCommitted(self.committed))
        if self.phase is Phase.IN_FLIGHT:
            # An operator wants what is there now, or a name of its own: the one in flight is not
            # that. Of the other purposes one is as good as another.
            served = request.purpose is self._taking.purpose is not Purpose.ASKED
            if request not in self._wanted and not served:
                self._wanted.append(request)
            return []
        return self._start(request, now)

    def _start(self, request: RequestCheckpoint, now: float) -> list[Effect]:
        self.phase = Phase.IN_FLIGHT
        self._highest += 1
        self._taking = TakeCheckpoint(self._highest, request.purpose, request.keep, self._hold)
        self._held[self._highest] = set()
        for old in sorted(self._held)[:-LATE_NUMBERS_MAX]:
            del self._held[old]
        self._steps = {}
        self._moved_at, self._next_at = now, now + self._interval_s
        return self._tell(self._taking)

    def _is_held(self, sender: WorkerName, number: int, now: float) -> list[Effect]:
        held = self._held.get(number)
        if held is None:
            return []
        held.add(sender)
        self._moved_at = now
        if len(held) < len(self._workers):
            return []
        for old in [each for each in self._held if each <= number]:
            del self._held[old]
        self.committed = max(self.committed, number)
        self._silent = self._in_vain = 0
        announced = self._tell(CheckpointCommitted(number))
        if self.phase is Phase.IN_FLIGHT and number == self._taking.number:
            return [*announced, *self._done(now)]
        return announced

    def _done(self, now: float) -> list[Effect]:
        """The one in flight is committed: the next that was asked for begins."""
        if self._taking.purpose in (Purpose.FINAL, Purpose.SHUTDOWN, Purpose.CHANGE):
            self.phase = Phase.ENDED
            return []
        self.phase = Phase.IDLE
        return self._start(self._wanted.pop(0), now) if self._wanted else []

    def _abandon(self, now: float, why: str) -> list[Effect]:
        number = self._taking.number
        self.phase, self._next_at = Phase.IDLE, now + self._interval_s
        self._in_vain, self._why = self._in_vain + 1, why
        if self._taking.purpose is not Purpose.INTERVAL:
            self._wanted.append(RequestCheckpoint(self._taking.purpose, self._taking.keep))
        return [Report(f"checkpoint {number} abandoned: {why}", Level.WARNING)]

    def _say_again(self, name: WorkerName) -> list[Effect]:
        """What a member that was away may have missed."""
        taking = [SendToMember(name, self._taking)] if self.phase is Phase.IN_FLIGHT else []
        return [SendToMember(name, CheckpointCommitted(self.committed)), *taking]
