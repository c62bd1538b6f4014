"""The initializer: brings a new cluster together."""
# Theory of operation
# ===================
# It gathers joins until it has all. Then it makes the cluster ID and the topology, writes its own
# record as *prepared*, and proposes. A worker that agrees is prepared too, and from then on in
# doubt: only the initializer may say what becomes of it. When all are prepared, the initializer
# writes *committed*: from this write on, the cluster exists. It announces that, and to whoever asks
# later too. The founding is over; the first round begins as every round does (see
# `wallarood.control.rounds.recovery_leader`).
#
# A proposal is given up when a worker that has not prepared it comes back as another process, or
# when time runs out: first it becomes durable that this cluster will never be, then it is said, and
# gathering begins again with new nonces, since an ID must not name two attempts.
#
# A name that is taken: the connected one is asked, and keeps its place if it answers in time.
#
# An initializer that was started without --cluster-id and finds a committed record of which no
# round has begun cannot know whether one has begun elsewhere. Whoever has begun one puts the
# cluster aside at such a start, so all are heard first: if all hold the cluster, it is completed;
# if one joins as new, it is put aside here and everywhere.

from enum import Enum
from typing import ClassVar

import attrs

from wallarood.control.effects import (
    Archive,
    Close,
    Effect,
    Fail,
    Formed,
    Level,
    Persist,
    PersistNever,
    Report,
    SendOnConnection,
    WaitingFor,
)
from wallarood.control.events import ConnectionLost, ConnectionMessage, Event, TimerFired
from wallarood.control.formation import refusals
from wallarood.control.formation.founding import (
    FormationSettings,
    in_question,
    names,
    next_nonce,
    prepared,
    propose,
    waiting_text,
)
from wallarood.control.formation.newcomers import Newcomers
from wallarood.control.formation.refusals import refuse
from wallarood.control.formation.returning import Returning
from wallarood.control.machine import Table, transition
from wallarood.model.cluster_record import ClusterRecord, RecordState
from wallarood.model.errors import PeersGoneError, RefusedError
from wallarood.model.ids import WorkerName
from wallarood.model.messages import (
    Attach,
    Busy,
    Committed,
    ControlMessage,
    Heartbeat,
    Inquiry,
    Join,
    Never,
    Prepared,
    Proposal,
    Waiting,
)


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
    """The machine. A *record* that is committed lets it go on where it was."""

    TRANSITIONS: ClassVar[Table] = TRANSITIONS
    INPUTS: ClassVar[tuple[type, ...]] = (
        Join,
        Prepared,
        Inquiry,
        Attach,
        Heartbeat,
        ConnectionLost,
        TimerFired,
    )

    def __init__(
        self, founder: FormationSettings, now: float, record: ClusterRecord | None = None
    ) -> None:
        self.phase = Phase.GATHERING
        self._founder = founder
        self._nonce = founder.nonce
        self._joined: dict[WorkerName, tuple[int, Join]] = {}
        self._newcomers = Newcomers()
        self._proposal: Proposal | None = None
        self._record: ClusterRecord | None = None
        self._prepared: set[WorkerName] = set()
        self._given_up_at = now + founder.formation_deadline_s
        self._returning = Returning(record) if in_question(founder, record) else None
        if record is not None:
            asks = self._returning is not None and self._returning.absent
            self._record, self.phase = record, Phase.RETURNED if asks else Phase.FORMED

    @property
    def record(self) -> ClusterRecord | None:
        """The record of the cluster that was proposed or committed last."""
        return self._record

    @property
    def deadline(self) -> float | None:
        """When `TimerFired` is due; None: never."""
        if self.phase in (Phase.FORMED, Phase.FAILED):
            return self._newcomers.deadline
        waits = (self._given_up_at, self._newcomers.deadline)
        return min(each for each in waits if each is not None)

    def begin(self, now: float) -> list[Effect]:
        """What is to be done first: a cluster of one is proposed at once, a known one goes on."""
        if self.phase is Phase.FORMED and self._record is not None:
            return [Formed(self._record)]
        if self.phase is Phase.RETURNED:
            return [self._waiting_for()]
        return self._gathered(now)

    def step(self, event: Event, now: float) -> list[Effect]:
        """Take one event, return what is to be done about it."""
        if isinstance(event, ConnectionMessage) and type(event.message) not in self.INPUTS:
            return [SendOnConnection(event.connection, Busy("not now"))]
        return transition(self, event, now)

    def take(self, event: Event, now: float) -> list[Effect]:
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
                return self._alive(connection)
            case ConnectionLost(connection):
                return self._lost(connection)
            case TimerFired():
                return self._timer(now)
            case _:
                return []

    # ---- joins -----------------------------------------------------------------------------------

    def _join(self, connection: int, join: Join, now: float) -> list[Effect]:
        if reason := self._refusal(join):
            return refuse(connection, reason)
        name = join.member.name
        if self.phase is Phase.RETURNED:
            return self._put_aside(connection, join, now)
        if self.phase is Phase.PROPOSED:
            return self._join_again(connection, join, now)
        known = self._joined.get(name)
        if known is None:
            return self._take(connection, join, now)
        if known[1].member.incarnation == join.member.incarnation:
            return [Close(known[0]), *self._take(connection, join, now)]
        self._newcomers.wait(connection, join, until=now + self._founder.name_taken_wait_s)
        return [SendOnConnection(known[0], Heartbeat(()))]

    def _refusal(self, join: Join) -> str:
        record = self._record
        if self.phase is Phase.RETURNED and self._returning is not None:
            return self._returning.refusal(self._founder, join)
        if self.phase is Phase.FORMED and record is not None:
            return refusals.existing(self._founder, join, record)
        proposed = self.phase is Phase.PROPOSED
        workers = (self._founder.name, *self._joined) if proposed else ()
        return refusals.not_new(self._founder, join, workers)

    def _take(self, connection: int, join: Join, now: float) -> list[Effect]:
        self._joined[join.member.name] = (connection, join)
        return [Report(f"{join.member.name} has joined"), *self._gathered(now)]

    def _join_again(self, connection: int, join: Join, now: float) -> list[Effect]:
        """A worker that was proposed to says join: the same process, or one that lost it all."""
        name = join.member.name
        old_connection, known = self._joined[name]
        self._joined[name] = (connection, join)
        if known.nonce == join.nonce and self._proposal is not None:
            again = [] if name in self._prepared else [SendOnConnection(connection, self._proposal)]
            closing = [Close(old_connection)] if old_connection != connection else []
            return [*closing, *again]
        return self._give_up(now, f"{name} restarted")

    def _gathered(self, now: float) -> list[Effect]:
        if len(self._joined) + 1 < self._founder.worker_count:
            joined = (self._founder.name, *self._joined)
            waiting = Waiting(joined, self._founder.worker_count)
            return [
                *self._say(waiting),
                self._waiting_for(),
            ]
        return self._propose(now)

    def _waiting_for(self) -> WaitingFor:
        count = self._founder.worker_count
        if self.phase is Phase.GATHERING:
            here = names([self._founder.name, *self._joined])
            missing = count - len(self._joined) - 1
            return WaitingFor(f"waiting for {missing} of {count} workers to join (here: {here})")
        return WaitingFor(waiting_text(self._absent(), count))

    def _absent(self) -> list[WorkerName]:
        if self.phase is Phase.PROPOSED:
            return [name for name in self._joined if name not in self._prepared]
        if self.phase is Phase.RETURNED and self._returning is not None:
            return self._returning.absent
        return []

    def _say(self, message: ControlMessage) -> list[Effect]:
        """Say something to all that have joined."""
        return [SendOnConnection(connection, message) for connection, _ in self._joined.values()]

    # ---- the proposal ----------------------------------------------------------------------------

    def _propose(self, now: float) -> list[Effect]:
        joins = [self._joined[name][1] for name in sorted(self._joined)]
        proposal = propose(self._founder, self._nonce, joins)
        self.phase, self._proposal, self._prepared = Phase.PROPOSED, proposal, set()
        self._given_up_at = now + self._founder.formation_deadline_s
        self._record = prepared(self._founder, proposal)
        return [
            Persist(self._record),
            *self._say(proposal),
            *self._all_prepared(),
        ]

    def _is_prepared(self, connection: int, cluster_id: str) -> list[Effect]:
        name = self._name_on(connection)
        if self._record is None or cluster_id != self._record.cluster_id:
            return []
        if self.phase is not Phase.PROPOSED:
            return [SendOnConnection(connection, Committed(cluster_id))]
        if name is not None:
            self._prepared.add(name)
        return self._all_prepared()

    def _all_prepared(self) -> list[Effect]:
        if self._record is None or self._absent():
            return [self._waiting_for()]
        committed = attrs.evolve(self._record, state=RecordState.COMMITTED)
        self.phase, self._record = Phase.FORMED, committed
        announcement = Committed(committed.cluster_id)
        return [
            Persist(committed),
            *self._say(announcement),
            Report(f"cluster {committed.cluster_id} is committed"),
            Formed(committed),
        ]

    def _give_up(self, now: float, why: str) -> list[Effect]:
        """The proposal will never be: that is durable before anybody hears of it."""
        assert self._record is not None
        never = self._record.cluster_id
        told = self._say(Never(never))
        self._joined.clear()
        self._nonce = next_nonce(self._nonce)
        self.phase, self._record, self._proposal = Phase.GATHERING, None, None
        self._given_up_at = now + self._founder.formation_deadline_s
        return [
            PersistNever(never),
            Archive(),
            *told,
            Report(f"the proposed cluster {never} is abandoned: {why}", Level.WARNING),
            *self._gathered(now),
        ]

    def _inquiry(self, connection: int, inquiry: Inquiry) -> list[Effect]:
        record, cluster_id, name = self._record, inquiry.cluster_id, inquiry.name
        if record is None or cluster_id != record.cluster_id:
            if inquiry.initializer not in ("", self._founder.name):
                return refuse(connection, refusals.not_ours(self._founder, inquiry))
            return [PersistNever(cluster_id), SendOnConnection(connection, Never(cluster_id))]
        if name not in record.topology.workers:
            return refuse(connection, f"{name} is not a member of {cluster_id}")
        if self.phase is Phase.RETURNED:
            return self._holds(name, connection)
        if self.phase is not Phase.PROPOSED:
            return [SendOnConnection(connection, Committed(cluster_id))]
        self._joined[name] = (connection, self._joined[name][1])
        return self._is_prepared(connection, cluster_id)

    # ---- a cluster of which no round has begun here ----------------------------------------------

    def _holds(self, name: WorkerName, connection: int | None) -> list[Effect]:
        """A member holds the cluster too; when all do, it is completed."""
        assert self._returning is not None
        self._returning.holds(name, connection)
        if self._returning.absent:
            return [self._waiting_for()]
        self.phase = Phase.FORMED
        return self._returning.complete()

    def _put_aside(self, connection: int, join: Join, now: float) -> list[Effect]:
        """A member has put the cluster aside, so it can never be completed."""
        assert self._returning is not None
        self.phase, self._record = Phase.GATHERING, None
        self._given_up_at = now + self._founder.formation_deadline_s
        effects = self._returning.put_aside(join.member.name)
        return [*effects, *self._take(connection, join, now)]

    # ---- members of an existing cluster ----------------------------------------------------------

    def _attach(self, connection: int, attach: Attach) -> list[Effect]:
        if self.phase is Phase.RETURNED and self._record is not None:
            busy = SendOnConnection(connection, Busy("the cluster is coming back"))
            held = attach.cluster_id == self._record.cluster_id
            return [busy, *(self._holds(attach.member.name, None) if held else ())]
        if self.phase is not Phase.GATHERING:
            return [SendOnConnection(connection, Busy("the cluster is not committed yet"))]
        self.phase = Phase.FAILED
        name = attach.member.name
        gone = Busy(f"{self._founder.name} does not hold this cluster any more")
        return [
            SendOnConnection(connection, gone),
            Fail(RefusedError(refusals.no_state(self._founder, name))),
        ]

    # ---- presence --------------------------------------------------------------------------------

    def _name_on(self, connection: int) -> WorkerName | None:
        for name, (where, _) in self._joined.items():
            if where == connection:
                return name
        return None

    def _alive(self, connection: int) -> list[Effect]:
        return self._newcomers.refuse(self._name_on(connection))

    def _lost(self, connection: int) -> list[Effect]:
        self._newcomers.lost(connection)
        if self._returning is not None:
            self._returning.lost(connection)
        gone = self._name_on(connection)
        if gone is None or self.phase is not Phase.GATHERING:
            return []
        del self._joined[gone]
        return [Report(f"{gone} has gone before the cluster was formed"), self._waiting_for()]

    def _timer(self, now: float) -> list[Effect]:
        effects: list[Effect] = []
        for newcomer in self._newcomers.take_due(now):
            old = self._joined.get(newcomer.join.member.name)
            effects += [Close(old[0])] if old else []
            effects += self._take(newcomer.connection, newcomer.join, now)
        if now < self._given_up_at or self.phase in (Phase.FORMED, Phase.FAILED):
            return effects
        if self.phase is Phase.PROPOSED:
            return [*effects, *self._give_up(now, f"no answer from {names(self._absent())}")]
        within = f"within {self._founder.formation_deadline_s:g} s (timing.formation-deadline)"
        text = f"cluster did not form {within}: {self._waiting_for().text}"
        self.phase = Phase.FAILED
        return [*effects, Fail(PeersGoneError(text))]
