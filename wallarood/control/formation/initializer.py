"""The initializer: brings a new cluster together."""
# Theory of operation
# ===================
# It gathers joins until it has all. Then it makes the cluster ID and the topology, writes its own
# record as *prepared*, and proposes. A worker that agrees is prepared too, and from then on in
# doubt: only the initializer may say what becomes of it. When all are prepared, the initializer
# writes *committed*: from this write on, the cluster exists, and each worker that asks is told. The
# first round begins as every round does, see `control.rounds.recovery_leader`.
#
# A proposal is abandoned when a worker that has not prepared it comes back as another process, or
# when time runs out: first it becomes durable that this cluster will never be, then it is said, and
# gathering begins again with new nonces, since an ID must not name two attempts.
#
# An initializer that comes back to a founding hears the others first, see `returning`.

from enum import Enum
from typing import ClassVar

import attrs

from wallarood.control import effects as do
from wallarood.control.events import ConnectionLost, ConnectionMessage, Event, TimerFired
from wallarood.control.formation import refusals
from wallarood.control.formation.founding import (
    FormationSettings,
    did_not_form,
    in_question,
    names,
    next_nonce,
    prepared,
    propose,
    waiting_text,
)
from wallarood.control.formation.joined import Joined
from wallarood.control.formation.returning import Returning
from wallarood.control.machine import Table, transition
from wallarood.model import messages as say
from wallarood.model.cluster_record import ClusterRecord, RecordState
from wallarood.model.errors import PeersGoneError
from wallarood.model.ids import WorkerName
from wallarood.model.messages import Attach, Heartbeat, Inquiry, Join, Prepared, Proposal


class Phase(Enum):
    """How far the founding has come."""

    GATHERING = "gathering"
    PROPOSED = "proposed"
    FORMED = "formed"
    FAILED = "failed"
    RETURNED = "returned"


G, P, F, X, R = Phase
_SAID = (Join, Prepared, Inquiry, Attach, Heartbeat)

# Where each event may lead in each phase. Empty: a straggler, dropped.
TRANSITIONS: dict[tuple[Phase, type], frozenset[Phase]] = {
    (G, Join): frozenset({G, P, F}),
    (G, Prepared): frozenset(),
    (G, Attach): frozenset({X}),
    **{(G, kind): frozenset({G}) for kind in (Inquiry, Heartbeat, ConnectionLost)},
    (G, TimerFired): frozenset({G, P, F, X}),
    (P, Join): frozenset({P, G}),
    **{(P, kind): frozenset({P, F}) for kind in (Prepared, Inquiry)},
    **{(P, kind): frozenset({P}) for kind in (Attach, Heartbeat, ConnectionLost)},
    (P, TimerFired): frozenset({P, G}),
    **{(F, kind): frozenset({F}) for kind in (*_SAID, ConnectionLost, TimerFired)},
    (R, Join): frozenset({R, G, P}),
    **{(R, kind): frozenset({R, F}) for kind in (Inquiry, Attach)},
    **{(R, kind): frozenset() for kind in (Prepared, Heartbeat)},
    (R, ConnectionLost): frozenset({R}),
    (R, TimerFired): frozenset({R, X}),
    **{(X, kind): frozenset() for kind in (*_SAID, ConnectionLost, TimerFired)},
}


class Initializer:
    """The machine. A *record* that is committed lets it continue where it was."""

    TRANSITIONS: ClassVar[Table] = TRANSITIONS
    INPUTS: ClassVar[tuple[type, ...]] = (*_SAID, ConnectionLost, TimerFired)

    def __init__(
        self, settings: FormationSettings, now: float, record: ClusterRecord | None = None
    ) -> None:
        self.phase = Phase.GATHERING
        self._settings = settings
        self._nonce = settings.nonce
        self._joined = Joined()
        self._proposal: Proposal | None = None
        self._record: ClusterRecord | None = None
        self._gives_up_at = now + settings.formation_deadline_s
        self._returning = Returning(record) if in_question(settings, record) else None
        if record is not None:
            asks = self._returning is not None and self._returning.absent
            self._record, self.phase = record, Phase.RETURNED if asks else Phase.FORMED

    @property
    def deadline(self) -> float | None:
        """When `TimerFired` is due; None: never."""
        if self.phase in (Phase.FORMED, Phase.FAILED):
            return self._joined.deadline
        waits = (self._gives_up_at, self._joined.deadline)
        return min(each for each in waits if each is not None)

    def begin(self, now: float) -> list[do.Effect]:
        """What is to be done first: a cluster of one is proposed at once, a known one continues."""
        if self.phase is Phase.FORMED and self._record is not None:
            return [do.Formed(self._record)]
        return [self._waiting_for()] if self.phase is Phase.RETURNED else self._gathered(now)

    def step(self, event: Event, now: float) -> list[do.Effect]:
        """Take one event, return what is to be done about it."""
        if isinstance(event, ConnectionMessage) and type(event.message) not in self.INPUTS:
            founds = self.phase is Phase.GATHERING and isinstance(event.message, say.JoinRunning)
            answer = self._joined.waiting(self._settings) if founds else say.Busy("not now")
            return [do.SendOnConnection(event.connection, answer)]
        return transition(self, event, now)

    def take(self, event: Event, now: float) -> list[do.Effect]:
        """Do what is done with an event that the table lets in."""
        match event:
            case ConnectionMessage(connection, Join() as join):
                return self._join(connection, join, now)
            case ConnectionMessage(connection, Prepared(cluster_id)):
                return self._is_prepared(connection, cluster_id)
            case ConnectionMessage(connection, Inquiry() as inquiry):
                return self._inquiry(connection, inquiry)
            case ConnectionMessage(connection, Attach() as attach):
                return self._attach(connection, attach)
            case ConnectionMessage(connection, Heartbeat()):
                return self._joined.alive(connection)
            case ConnectionLost(connection):
                return self._lost(connection)
            case TimerFired():
                return self._timer(now)
            case _:
                return []

    # ---- joins -----------------------------------------------------------------------------------

    def _join(self, connection: int, join: Join, now: float) -> list[do.Effect]:
        if reason := self._refusal(join):
            return refusals.refuse(connection, reason)
        if self.phase is Phase.RETURNED:
            return self._put_aside(connection, join, now)
        if self.phase is Phase.PROPOSED:
            return self._join_again(connection, join, now)
        until = now + self._settings.name_taken_wait_s
        asking = self._joined.ask_if_taken(connection, join, until=until)
        return asking or self._take(connection, join, now)

    def _refusal(self, join: Join) -> str:
        record = self._record
        if self.phase is Phase.RETURNED and self._returning is not None:
            return self._returning.refusal(self._settings, join)
        if self.phase is Phase.FORMED and record is not None:
            return refusals.existing(self._settings, join, record)
        others = self._joined.names if self.phase is Phase.PROPOSED else ()
        return refusals.not_new(self._settings, join, others)

    def _take(self, connection: int, join: Join, now: float) -> list[do.Effect]:
        return [*self._joined.take(connection, join), *self._gathered(now)]

    def _join_again(self, connection: int, join: Join, now: float) -> list[do.Effect]:
        """A worker that was proposed to says join: the same process, or one that lost it all."""
        assert self._proposal is not None
        again = self._joined.again(connection, join, self._proposal)
        return again if again is not None else self._abandon(now, f"{join.member.name} restarted")

    def _gathered(self, now: float) -> list[do.Effect]:
        if len(self._joined) + 1 >= self._settings.worker_count:
            return self._propose(now)
        return [*self._joined.say(self._joined.waiting(self._settings)), self._waiting_for()]

    def _waiting_for(self) -> do.WaitingFor:
        count = self._settings.worker_count
        if self.phase is Phase.GATHERING:
            here = names([self._settings.name, *self._joined.names])
            missing = count - len(self._joined) - 1
            return do.WaitingFor(f"waiting for {missing} of {count} workers to join (here: {here})")
        return do.WaitingFor(waiting_text(self._absent(), count))

    def _absent(self) -> list[WorkerName]:
        if self.phase is Phase.PROPOSED:
            return self._joined.unprepared
        return self._returning.absent if self._returning is not None else []

    # ---- the proposal ----------------------------------------------------------------------------

    def _propose(self, now: float) -> list[do.Effect]:
        self.phase = Phase.PROPOSED
        self._proposal = proposal = propose(self._settings, self._nonce, self._joined.joins)
        self._gives_up_at = now + self._settings.formation_deadline_s
        self._record = prepared(self._settings, proposal)
        return [do.Persist(self._record), *self._joined.proposed(proposal), *self._all_prepared()]

    def _is_prepared(self, connection: int, cluster_id: str) -> list[do.Effect]:
        if self._record is None or cluster_id != self._record.cluster_id:
            return []
        if self.phase is not Phase.PROPOSED:
            return [do.SendOnConnection(connection, say.Committed(cluster_id))]
        self._joined.prepare(connection)
        return self._all_prepared()

    def _all_prepared(self) -> list[do.Effect]:
        if self._record is None or self._absent():
            return [self._waiting_for()]
        committed = attrs.evolve(self._record, state=RecordState.COMMITTED)
        self.phase, self._record = Phase.FORMED, committed
        return [
            do.Persist(committed),
            *self._joined.say(say.Committed(committed.cluster_id)),
            do.Report(f"cluster {committed.cluster_id} is committed"),
            do.Formed(committed),
        ]

    def _abandon(self, now: float, why: str) -> list[do.Effect]:
        """The proposal will never be: that is durable before any worker is told."""
        assert self._record is not None
        never = self._record.cluster_id
        told = self._joined.say(say.Never(never))
        self._joined.clear()
        self._nonce = next_nonce(self._nonce)
        self.phase, self._record, self._proposal = Phase.GATHERING, None, None
        self._gives_up_at = now + self._settings.formation_deadline_s
        return [
            do.PersistNever(never),
            do.Archive(),
            *told,
            do.Report(f"the proposed cluster {never} is abandoned: {why}", do.Level.WARNING),
            *self._gathered(now),
        ]

    def _inquiry(self, connection: int, inquiry: Inquiry) -> list[do.Effect]:
        record, cluster_id, name = self._record, inquiry.cluster_id, inquiry.name
        if record is None or cluster_id != record.cluster_id:
            if inquiry.initializer not in ("", self._settings.name):
                return refusals.refuse(connection, refusals.not_ours(self._settings, inquiry))
            return refusals.never(connection, cluster_id)
        if name not in record.topology.workers:
            return refusals.refuse(connection, f"{name} is not a member of {cluster_id}")
        if self.phase is Phase.RETURNED:
            return self._holds(name, connection)
        if self.phase is Phase.PROPOSED:
            self._joined.move(name, connection)
        return self._is_prepared(connection, cluster_id)

    # ---- members that hold a cluster -------------------------------------------------------------

    def _holds(self, name: WorkerName, connection: int | None) -> list[do.Effect]:
        """A member holds the cluster too; when all do, it is completed."""
        assert self._returning is not None
        self._returning.holds(name, connection)
        if self._returning.absent:
            return [self._waiting_for()]
        self.phase = Phase.FORMED
        return self._returning.complete()

    def _put_aside(self, connection: int, join: Join, now: float) -> list[do.Effect]:
        """A member has put the cluster aside, so it can never be completed."""
        assert self._returning is not None
        self.phase, self._record = Phase.GATHERING, None
        self._gives_up_at = now + self._settings.formation_deadline_s
        effects = self._returning.put_aside(join.member.name)
        return [*effects, *self._take(connection, join, now)]

    def _attach(self, connection: int, attach: Attach) -> list[do.Effect]:
        if self.phase is Phase.RETURNED and self._record is not None:
            busy = do.SendOnConnection(connection, say.Busy("the cluster is coming back"))
            held = attach.cluster_id == self._record.cluster_id
            return [busy, *(self._holds(attach.member.name, None) if held else ())]
        if self.phase is not Phase.GATHERING:
            return [do.SendOnConnection(connection, say.Busy("the cluster is not committed yet"))]
        self.phase = Phase.FAILED
        return refusals.without_record(self._settings, connection, attach.member.name)

    # ---- presence --------------------------------------------------------------------------------

    def _lost(self, connection: int) -> list[do.Effect]:
        if self._returning is not None:
            self._returning.lost(connection)
        gone = self._joined.lost(connection)
        if gone is None or self.phase is not Phase.GATHERING:
            return []
        self._joined.remove(gone)
        return [do.Report(f"{gone} has gone before the cluster was formed"), self._waiting_for()]

    def _timer(self, now: float) -> list[do.Effect]:
        effects: list[do.Effect] = []
        for newcomer in self._joined.take_due(now):
            effects += self._take(newcomer.connection, newcomer.join, now)
        if now < self._gives_up_at or self.phase in (Phase.FORMED, Phase.FAILED):
            return effects
        if self.phase is Phase.PROPOSED:
            return [*effects, *self._abandon(now, f"no answer from {names(self._absent())}")]
        why, deadline_s = self._waiting_for().text, self._settings.formation_deadline_s
        self.phase = Phase.FAILED
        return [*effects, do.Fail(PeersGoneError(did_not_form(why, deadline_s)))]
