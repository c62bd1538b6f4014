"""The end of a job: every worker drains, all publish, then all are done."""
# Theory of operation
# ===================
# A worker whose instances have all ended is drained: its sinks have prepared. It tells the leader.
# When all are drained, the leader lets all publish; when all have published, the job is completed.
# Nobody publishes before everybody has prepared. What was said is said again to a peer that comes
# back, so a lost connection loses nothing. A worker that has published and then misses a peer for
# too long ends with a warning: its own part is done.

from enum import Enum

from wallarood.control.effects import Effect, Fail, JobDone, PublishSinks, Send, WaitingFor
from wallarood.control.events import Event, JobDrained, Received, SinksPublished, TimerFired
from wallarood.model.errors import PeersGoneError
from wallarood.model.ids import WorkerName
from wallarood.model.messages import Completed, Drained, Publish, Published


class Phase(Enum):
    """How far this worker has come."""

    RUNNING = "running"
    DRAINED = "drained"
    PUBLISHING = "publishing"
    PUBLISHED = "published"
    COMPLETED = "completed"


R, D, G, P, C = Phase

# Where each event may lead in each phase. Empty: a straggler, dropped.
TRANSITIONS: dict[tuple[Phase, type], frozenset[Phase]] = {
    (R, JobDrained): frozenset({D, G}),
    **{(phase, JobDrained): frozenset() for phase in (D, G, P, C)},
    **{(phase, Drained): frozenset({phase}) for phase in (R, G, P, C)},
    (D, Drained): frozenset({D, G}),
    (D, Publish): frozenset({G}),
    **{(phase, Publish): frozenset() for phase in (R, G, P, C)},
    (G, SinksPublished): frozenset({P, C}),
    **{(phase, SinksPublished): frozenset() for phase in (R, D, P, C)},
    (P, Published): frozenset({P, C}),
    **{(phase, Published): frozenset({phase}) for phase in (G, C)},
    **{(phase, Published): frozenset() for phase in (R, D)},
    (P, Completed): frozenset({C}),
    **{(phase, Completed): frozenset() for phase in (R, D, G, C)},
    (P, TimerFired): frozenset({P}),
    **{(phase, TimerFired): frozenset() for phase in (R, D, G, C)},
}


class Completion:
    """The machine of one worker. `connections` has the control connection of each present peer."""

    def __init__(
        self, worker: WorkerName, workers: tuple[WorkerName, ...], *, completion_wait_s: float
    ) -> None:
        self.phase = Phase.RUNNING
        self._worker = worker
        self._workers = workers
        self._completion_wait_s = completion_wait_s
        self._connections: dict[WorkerName, int] = {}
        self._drained: set[WorkerName] = set()
        self._published: set[WorkerName] = set()
        self._missing_since: float | None = None

    @property
    def _leads(self) -> bool:
        return self._worker == self._workers[0]

    @property
    def deadline(self) -> float | None:
        """When `TimerFired` is due; None: never."""
        if self.phase is not Phase.PUBLISHED or self._missing_since is None:
            return None
        return self._missing_since + self._completion_wait_s

    def peer_up(self, name: WorkerName, connection: int) -> list[Effect]:
        """A peer is (again) connected: say what it may have missed."""
        self._connections[name] = connection
        if len(self._connections) == len(self._workers) - 1:
            self._missing_since = None
        if self._leads:
            return self._tell(name)
        return self._tell(name) if name == self._workers[0] else []

    def peer_down(self, name: WorkerName, now: float) -> None:
        """A peer has gone."""
        self._connections.pop(name, None)
        if self._missing_since is None:
            self._missing_since = now

    def step(self, event: Event, now: float, *, sender: WorkerName = "") -> list[Effect]:
        """Take one event; *sender* is who a message is from."""
        match event:
            case Received(_, Drained()):
                self._drained.add(sender)
                return self._advance()
            case Received(_, Published()):
                self._published.add(sender)
                return self._advance()
            case JobDrained() if self.phase is Phase.RUNNING:
                self.phase = Phase.DRAINED
                self._drained.add(self._worker)
                return [*self._tell_leader(), *self._advance()]
            case Received(_, Publish()) if self.phase is Phase.DRAINED:
                return self._publish()
            case SinksPublished() if self.phase is Phase.PUBLISHING:
                self.phase = Phase.PUBLISHED
                self._published.add(self._worker)
                return [*self._tell_leader(), *self._advance()]
            case Received(_, Completed()) if self.phase is Phase.PUBLISHED:
                self.phase = Phase.COMPLETED
                return [JobDone()]
            case TimerFired() if self.deadline is not None and now >= self.deadline:
                return [Fail(self._alone())]
            case _:
                return []

    def _advance(self) -> list[Effect]:
        """What the leader does when somebody has come further."""
        if not self._leads:
            return []
        everybody = set(self._workers)
        if self.phase is Phase.DRAINED:
            if self._drained != everybody:
                return [WaitingFor(self._waiting_text("finish", self._drained))]
            return [*self._tell_all(Publish()), *self._publish()]
        if self.phase is Phase.PUBLISHED and self._published == everybody:
            self.phase = Phase.COMPLETED
            return [*self._tell_all(Completed()), JobDone()]
        return []

    def _waiting_text(self, verb: str, done: set[WorkerName]) -> str:
        absent = [name for name in self._workers if name not in done]
        return f"waiting for {len(absent)} of {len(self._workers)} to {verb}: {', '.join(absent)}"

    def _publish(self) -> list[Effect]:
        self.phase = Phase.PUBLISHING
        return [PublishSinks()]

    def _tell_all(self, message: Publish | Completed) -> list[Effect]:
        return [Send(connection, message) for connection in self._connections.values()]

    def _tell_leader(self) -> list[Effect]:
        return [] if self._leads else self._tell(self._workers[0])

    def _tell(self, name: WorkerName) -> list[Effect]:
        """Where we are, for one peer."""
        connection = self._connections.get(name)
        if connection is None:
            return []
        if self._leads:
            if self.phase is Phase.COMPLETED:
                return [Send(connection, Publish()), Send(connection, Completed())]
            publishing = self.phase in (Phase.PUBLISHING, Phase.PUBLISHED)
            return [Send(connection, Publish())] if publishing else []
        if self.phase in (Phase.DRAINED, Phase.PUBLISHING):
            return [Send(connection, Drained())]
        done = self.phase in (Phase.PUBLISHED, Phase.COMPLETED)
        return [Send(connection, Drained()), Send(connection, Published())] if done else []

    def _alone(self) -> PeersGoneError:
        return PeersGoneError(
            "this worker has published its part of the output, but a peer has been missing for "
            f"{self._completion_wait_s:g} s (timing.completion-wait): its part may be missing"
        )
