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

from enum import Enum

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
    Send,
    WaitingFor,
)
from wallarood.control.events import ConnectionLost, Event, Received, TimerFired, kind_of
from wallarood.control.formation.founding import Founder, cluster_id_of, names, next_nonce
from wallarood.control.formation.refusals import existing, mismatch, refuse
from wallarood.model.cluster_record import ClusterRecord, RecordState
from wallarood.model.errors import PeersGoneError, RefusedError
from wallarood.model.ids import WorkerName
from wallarood.model.messages import (
    Attach,
    Busy,
    Committed,
    Contribution,
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


G, P, F, X = Phase

# Where each event may lead in each phase. Empty: a straggler, dropped.
TRANSITIONS: dict[tuple[Phase, type], frozenset[Phase]] = {
    (G, Join): frozenset({G, P, F}),
    (G, Prepared): frozenset(),
    (G, Inquiry): frozenset({G}),
    (G, Attach): frozenset({X}),
    (G, Heartbeat): frozenset({G}),
    (G, ConnectionLost): frozenset({G}),
    (G, TimerFired): frozenset({G, P, F, X}),
    (P, Join): frozenset({P, G}),
    (P, Prepared): frozenset({P, F}),
    (P, Inquiry): frozenset({P, F}),
    (P, Attach): frozenset({P}),
    (P, Heartbeat): frozenset({P}),
    (P, ConnectionLost): frozenset({P}),
    (P, TimerFired): frozenset({P, G}),
    (F, Join): frozenset({F}),
    (F, Prepared): frozenset({F}),
    (F, Inquiry): frozenset({F}),
    (F, Attach): frozenset({F}),
    (F, Heartbeat): frozenset({F}),
    (F, ConnectionLost): frozenset({F}),
    (F, TimerFired): frozenset({F}),
    **{(X, kind): frozenset() for kind in (Join, Prepared, Inquiry, Attach, Heartbeat)},
    (X, ConnectionLost): frozenset(),
    (X, TimerFired): frozenset(),
}


@attrs.define
class _Newcomer:
    """A join that waits because its name is taken."""

    connection: int
    join: Join
    until: float


class Initializer:
    """The machine. A *record* that is committed lets it go on where it was."""

    def __init__(self, founder: Founder, now: float, record: ClusterRecord | None = None) -> None:
        self.phase = Phase.GATHERING
        self._founder = founder
        self._nonce = founder.nonce
        self._joined: dict[WorkerName, tuple[int, Join]] = {}
        self._newcomers: dict[WorkerName, _Newcomer] = {}
        self._proposal: Proposal | None = None
        self._record: ClusterRecord | None = None
        self._prepared: set[WorkerName] = set()
        self._given_up_at = now + founder.formation_deadline_s
        if record is not None:
            self._record, self.phase = record, Phase.FORMED

    @property
    def record(self) -> ClusterRecord | None:
        """The record of the cluster that was proposed or committed last."""
        return self._record

    @property
    def deadline(self) -> float | None:
        """When `TimerFired` is due; None: never."""
        if self.phase in (Phase.FORMED, Phase.FAILED):
            return min((each.until for each in self._newcomers.values()), default=None)
        return min([self._given_up_at, *(each.until for each in self._newcomers.values())])

    def begin(self, now: float) -> list[Effect]:
        """What is to be done first: a cluster of one is proposed at once, a known one goes on."""
        if self.phase is Phase.FORMED and self._record is not None:
            return [Formed(self._record)]
        return self._gathered(now)

    def step(self, event: Event, now: float) -> list[Effect]:
        """Take one event, return what is to be done about it."""
        before, kind = self.phase, kind_of(event)
        allowed = TRANSITIONS.get((before, kind))
        if allowed is None:
            return [Send(event.connection, Busy("not now"))] if isinstance(event, Received) else []
        if not allowed:
            return []
        effects = self._step(event, now)
        assert self.phase in allowed, f"{before} may not become {self.phase} by {kind.__name__}"
        return effects

    def _step(self, event: Event, now: float) -> list[Effect]:
        match event:
            case Received(connection, Join() as join):
                return self._join(connection, join, now)
            case Received(connection, Prepared(cluster_id)):
                return self._is_prepared(connection, cluster_id)
            case Received(connection, Inquiry(cluster_id, name)):
                return self._inquiry(connection, cluster_id, name)
            case Received(connection, Attach() as attach):
                return self._attach(connection, attach)
            case Received(connection, Heartbeat()):
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
        if self.phase is Phase.PROPOSED:
            return self._join_again(connection, join, now)
        known = self._joined.get(name)
        if known is None:
            return self._take(connection, join, now)
        if known[1].member.incarnation == join.member.incarnation:
            return [Close(known[0]), *self._take(connection, join, now)]
        self._newcomers[name] = _Newcomer(connection, join, now + self._founder.name_taken_wait_s)
        return [Send(known[0], Heartbeat(()))]

    def _refusal(self, join: Join) -> str:
        name = join.member.name
        if self.phase is Phase.FORMED and self._record is not None:
            return existing(self._founder, join, self._record)
        if join.cluster_id is not None:
            return (
                f"wrong cluster ID: {name} asks for {join.cluster_id}, but {self._founder.name} is "
                "forming a new cluster"
            )
        if reason := mismatch(self._founder, join):
            return reason
        if self.phase is Phase.PROPOSED and name not in self._joined:
            return (
                f"a worker too many: the cluster of {self._founder.worker_count} is complete with "
                f"{names([self._founder.name, *self._joined])}; {name} is not one of them"
            )
        return ""

    def _take(self, connection: int, join: Join, now: float) -> list[Effect]:
        self._joined[join.member.name] = (connection, join)
        return [Report(f"{join.member.name} has joined"), *self._gathered(now)]

    def _join_again(self, connection: int, join: Join, now: float) -> list[Effect]:
        """A worker that was proposed to says join: the same process, or one that lost it all."""
        name = join.member.name
        old_connection, known = self._joined[name]
        self._joined[name] = (connection, join)
        if known.nonce == join.nonce and self._proposal is not None:
            again = [] if name in self._prepared else [Send(connection, self._proposal)]
            closing = [Close(old_connection)] if old_connection != connection else []
            return [*closing, *again]
        return self._give_up(now, f"{name} began anew")

    def _gathered(self, now: float) -> list[Effect]:
        if len(self._joined) + 1 < self._founder.worker_count:
            joined = (self._founder.name, *self._joined)
            waiting = Waiting(joined, self._founder.worker_count)
            return [
                *(Send(connection, waiting) for connection, _ in self._joined.values()),
                self._waiting_for(),
            ]
        return self._propose(now)

    def _waiting_for(self) -> WaitingFor:
        count = self._founder.worker_count
        if self.phase is Phase.GATHERING:
            here = names([self._founder.name, *self._joined])
            missing = count - len(self._joined) - 1
            return WaitingFor(f"waiting for {missing} of {count} workers to join (here: {here})")
        absent = self._absent()
        text = f"waiting for {len(absent)} of {count} workers: {names(absent)}" if absent else ""
        return WaitingFor(text)

    def _absent(self) -> list[WorkerName]:
        if self.phase is Phase.PROPOSED:
            return [name for name in self._joined if name not in self._prepared]
        return []

    # ---- the proposal ----------------------------------------------------------------------------

    def _propose(self, now: float) -> list[Effect]:
        founder = self._founder
        joins = [self._joined[name][1] for name in sorted(self._joined)]
        contributions = (
            Contribution(founder.name, self._nonce),
            *(Contribution(each.member.name, each.nonce) for each in joins),
        )
        workers = (founder.name, *(each.member.name for each in joins))
        listings = (
            (founder.name, founder.listings),
            *((each.member.name, each.listings) for each in joins),
        )
        topology = founder.planner(workers, listings)
        members = (founder.member, *(each.member for each in joins))
        proposal = Proposal(
            cluster_id_of(contributions), contributions, topology, members, listings
        )
        self.phase, self._proposal, self._prepared = Phase.PROPOSED, proposal, set()
        self._given_up_at = now + founder.formation_deadline_s
        self._record = ClusterRecord(
            proposal.cluster_id,
            RecordState.PREPARED,
            founder.name,
            founder.name,
            founder.fingerprint,
            topology,
            members,
        )
        return [
            Persist(self._record),
            *(Send(connection, proposal) for connection, _ in self._joined.values()),
            *self._all_prepared(),
        ]

    def _is_prepared(self, connection: int, cluster_id: str) -> list[Effect]:
        name = self._name_on(connection)
        if self._record is None or cluster_id != self._record.cluster_id:
            return []
        if self.phase is not Phase.PROPOSED:
            return [Send(connection, Committed(cluster_id))]
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
            *(Send(connection, announcement) for connection, _ in self._joined.values()),
            Report(f"cluster {committed.cluster_id} is committed"),
            Formed(committed),
        ]

    def _give_up(self, now: float, why: str) -> list[Effect]:
        """The proposal will never be: that is durable before anybody hears of it."""
        assert self._record is not None
        never = self._record.cluster_id
        told = [Send(connection, Never(never)) for name, (connection, _) in self._joined.items()]
        self._joined.clear()
        self._nonce = next_nonce(self._nonce)
        self.phase, self._record, self._proposal = Phase.GATHERING, None, None
        self._given_up_at = now + self._founder.formation_deadline_s
        return [
            PersistNever(never),
            Archive(),
            *told,
            Report(f"the proposed cluster {never} is given up: {why}", Level.WARNING),
            *self._gathered(now),
        ]

    def _inquiry(self, connection: int, cluster_id: str, name: WorkerName) -> list[Effect]:
        record = self._record
        if record is None or cluster_id != record.cluster_id:
            return [PersistNever(cluster_id), Send(connection, Never(cluster_id))]
        if name not in record.topology.workers:
            return refuse(connection, f"{name} is not a member of {cluster_id}")
        if self.phase is not Phase.PROPOSED:
            return [Send(connection, Committed(cluster_id))]
        self._joined[name] = (connection, self._joined[name][1])
        return self._is_prepared(connection, cluster_id)

    # ---- members of an existing cluster ----------------------------------------------------------

    def _attach(self, connection: int, attach: Attach) -> list[Effect]:
        if self.phase is not Phase.GATHERING:
            return [Send(connection, Busy("the cluster is not committed yet"))]
        self.phase = Phase.FAILED
        name = attach.member.name
        return [
            Send(connection, Busy(f"{self._founder.name} does not hold this cluster any more")),
            Fail(
                RefusedError(
                    f"{name} is a member of an existing cluster and takes {self._founder.name} for "
                    "one: put the state directory back, or end that cluster first"
                )
            ),
        ]

    # ---- presence --------------------------------------------------------------------------------

    def _name_on(self, connection: int) -> WorkerName | None:
        for name, (where, _) in self._joined.items():
            if where == connection:
                return name
        return None

    def _alive(self, connection: int) -> list[Effect]:
        name = self._name_on(connection)
        newcomer = self._newcomers.pop(name, None) if name is not None else None
        if newcomer is None:
            return []
        return refuse(
            newcomer.connection,
            f"duplicate worker name: {name} is connected and alive; choose another --worker-name",
        )

    def _lost(self, connection: int) -> list[Effect]:
        for name, newcomer in list(self._newcomers.items()):
            if newcomer.connection == connection:
                del self._newcomers[name]
        gone = self._name_on(connection)
        if gone is None or self.phase is not Phase.GATHERING:
            return []
        del self._joined[gone]
        return [Report(f"{gone} has gone before the cluster was formed"), self._waiting_for()]

    def _timer(self, now: float) -> list[Effect]:
        effects: list[Effect] = []
        for name, newcomer in list(self._newcomers.items()):
            if newcomer.until <= now:
                del self._newcomers[name]
                old = self._joined.get(name)
                effects += [Close(old[0])] if old else []
                effects += self._take(newcomer.connection, newcomer.join, now)
        if now < self._given_up_at or self.phase in (Phase.FORMED, Phase.FAILED):
            return effects
        if self.phase is Phase.PROPOSED:
            return [*effects, *self._give_up(now, f"no answer from {names(self._absent())}")]
        text = self._waiting_for().text
        self.phase = Phase.FAILED
        seconds = self._founder.formation_deadline_s
        return [
            *effects,
            Fail(PeersGoneError(f"no cluster after {seconds:g} s: {text} (formation-deadline)")),
        ]
