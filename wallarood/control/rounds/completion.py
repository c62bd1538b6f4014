"""The end of a job: every worker drains, a final checkpoint is taken, all publish, all are done."""
# Theory of operation
# ===================
# A worker whose instances have all ended is drained, and tells the leader. When all are drained,
# the leader has the final checkpoint taken: it holds the ends of all inputs, so a worker that rolls
# back to it comes here again. Committed, its output is published by each worker, which says so;
# when all have, the job is completed. What was said is said again to a peer that comes back. A
# worker that has published and then misses a peer for too long ends with a warning: its own part is
# done. A machine belongs to one round and ends with it.

from enum import Enum
from typing import ClassVar

from wallarood.control.effects import Effect, Fail, JobDone, SendToMember, WaitingFor
from wallarood.control.events import (
    Event,
    FinalPublished,
    JobDrained,
    MemberDown,
    MemberMessage,
    MemberUp,
    TimerFired,
)
from wallarood.control.machine import Table, transition
from wallarood.control.membership.presence import alone
from wallarood.model.ids import WorkerName
from wallarood.model.messages import Completed, Drained, Published, Purpose, RequestCheckpoint


class Phase(Enum):
    """How far this worker has come."""

    RUNNING = "running"
    DRAINED = "drained"
    PUBLISHED = "published"
    COMPLETED = "completed"


R, D, P, C = Phase

# Where each event may lead in each phase. Empty: a straggler, dropped.
TRANSITIONS: dict[tuple[Phase, type], frozenset[Phase]] = {
    (R, JobDrained): frozenset({D}),
    **{(phase, JobDrained): frozenset() for phase in (D, P, C)},
    **{(phase, Drained): frozenset({phase}) for phase in (R, D)},
    **{(phase, Drained): frozenset() for phase in (P, C)},
    (D, FinalPublished): frozenset({P, C}),
    **{(phase, FinalPublished): frozenset() for phase in (R, P, C)},
    **{(phase, Published): frozenset({phase}) for phase in (R, D)},
    (P, Published): frozenset({P, C}),
    (C, Published): frozenset({C}),
    (P, Completed): frozenset({C}),
    **{(phase, Completed): frozenset() for phase in (R, D, C)},
    **{(phase, MemberUp): frozenset({phase}) for phase in Phase},
    **{(phase, MemberDown): frozenset({phase}) for phase in Phase},
    (P, TimerFired): frozenset({P}),
    **{(phase, TimerFired): frozenset() for phase in (R, D, C)},
}


class Completion:
    """The machine of one worker for one round."""

    TRANSITIONS: ClassVar[Table] = TRANSITIONS
    INPUTS: ClassVar[tuple[type, ...]] = (
        JobDrained,
        FinalPublished,
        Drained,
        Published,
        Completed,
        MemberUp,
        MemberDown,
        TimerFired,
    )

    def __init__(
        self, worker: WorkerName, workers: tuple[WorkerName, ...], *, completion_wait_s: float
    ) -> None:
        self.phase = Phase.RUNNING
        self._worker = worker
        self._workers = workers
        self._completion_wait_s = completion_wait_s
        self._away: set[WorkerName] = set()
        self._drained: set[WorkerName] = set()
        self._published: set[WorkerName] = set()
        self._missing_since: float | None = None

    @property
    def _leader(self) -> WorkerName:
        return self._workers[0]

    @property
    def deadline(self) -> float | None:
        """When `TimerFired` is due; None: never."""
        if self.phase is not Phase.PUBLISHED or self._missing_since is None:
            return None
        return self._missing_since + self._completion_wait_s

    def step(self, event: Event, now: float) -> list[Effect]:
        """Take one event, return what is to be done about it."""
        return transition(self, event, now)

    def take(self, event: Event, now: float) -> list[Effect]:
        """Do what is done with an event that the table lets in."""
        match event:
            case JobDrained():
                return [SendToMember(self._leader, Drained())]
            case MemberMessage(sender, Drained()):
                return self._is_drained(sender)
            case FinalPublished():
                self.phase = Phase.PUBLISHED
                return [SendToMember(self._leader, Published())]
            case MemberMessage(sender, Published()):
                return self._is_published(sender)
            case MemberMessage(_, Completed()):
                return [JobDone()]
            case MemberUp(member):
                return self._up(member.name)
            case MemberDown(name):
                self._away.add(name)
                if self._missing_since is None:
                    self._missing_since = now
                return []
            case TimerFired() if self.deadline is not None and now >= self.deadline:
                return [Fail(alone(self._completion_wait_s))]
            case _:
                return []

    def _is_drained(self, sender: WorkerName) -> list[Effect]:
        """What the leader does when a worker has drained."""
        before = len(self._drained)
        self._drained.add(sender)
        if len(self._drained) < len(self._workers):
            return [WaitingFor(self._waiting_text(self._drained))]
        final = SendToMember(self._leader, RequestCheckpoint(Purpose.FINAL))
        return [final] if before < len(self._workers) else []

    def _waiting_text(self, done: set[WorkerName]) -> str:
        absent = [name for name in self._workers if name not in done]
        return f"waiting for {len(absent)} of {len(self._workers)} to finish: {', '.join(absent)}"

    def _is_published(self, sender: WorkerName) -> list[Effect]:
        """What the leader does when a worker has published."""
        self._published.add(sender)
        if self.phase is Phase.COMPLETED:
            return [SendToMember(sender, Completed())]
        if self._published != set(self._workers) or self.phase is not Phase.PUBLISHED:
            return []
        self.phase = Phase.COMPLETED
        others = [name for name in self._workers if name != self._worker]
        return [*(SendToMember(name, Completed()) for name in others), JobDone()]

    def _up(self, name: WorkerName) -> list[Effect]:
        """A peer is (again) connected: say what it may have missed."""
        self._away.discard(name)
        if not self._away:
            self._missing_since = None
        if self._worker == self._leader:
            return [SendToMember(name, Completed())] if self.phase is Phase.COMPLETED else []
        if name != self._leader or self.phase is Phase.RUNNING:
            return []
        done = self.phase in (Phase.PUBLISHED, Phase.COMPLETED)
        return [SendToMember(name, Drained()), *([SendToMember(name, Published())] if done else [])]
