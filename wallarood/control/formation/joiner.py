"""A worker that joins a new cluster, or comes back to one that was being founded."""
# Theory of operation
# ===================
# It asks the initializer to be taken, checks what is proposed (the ID is made of all contributions,
# its own among them, and the topology is the one it would have planned itself), writes the record
# as *prepared* and says so. From then on it is in doubt: it neither forgets the record nor acts on
# it until the initializer has answered "committed" or "never", and asks again after every loss.
# Committed, its part of the founding is over: it connects to all members, and the first round
# begins as every round does (see `wallarood.control.rounds.recovery_leader`).
#
# A worker that was started without --cluster-id and finds a committed record of which no round has
# begun asks as well: if the initializer has put the cluster aside, it does the same and joins.

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
from wallarood.control.events import (
    ConnectionLost,
    ConnectionMessage,
    ConnectionOpened,
    Event,
    TimerFired,
)
from wallarood.control.formation.founding import (
    FormationSettings,
    cluster_id_of,
    in_question,
    names,
    next_nonce,
    prepared,
)
from wallarood.control.machine import Table, transition
from wallarood.model.cluster_record import ClusterRecord, RecordState
from wallarood.model.errors import KeyRefusedError, PeersGoneError, RefusedError
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
    Refused,
    Waiting,
)


class Phase(Enum):
    """How far the founding has come for this worker."""

    JOINING = "joining"
    PREPARED = "prepared"
    FORMED = "formed"
    FAILED = "failed"


J, P, F, X = Phase

_ASKED = (Join, Inquiry, Attach)


def _same(kind: type, *phases: Phase) -> dict[tuple[Phase, type], frozenset[Phase]]:
    return {(phase, kind): frozenset({phase}) for phase in phases}


# Where each event may lead in each phase. Empty: a straggler, dropped.
TRANSITIONS: dict[tuple[Phase, type], frozenset[Phase]] = {
    **_same(ConnectionOpened, J, P, F),
    **_same(ConnectionLost, J, P, F),
    **_same(Heartbeat, J, P),
    (F, Heartbeat): frozenset(),
    (J, Waiting): frozenset({J}),
    (J, Proposal): frozenset({P, X}),
    (P, Proposal): frozenset({P}),
    (J, Refused): frozenset({X}),
    (P, Refused): frozenset({X}),
    (P, Committed): frozenset({F, P}),
    (P, Never): frozenset({J, P}),
    (J, TimerFired): frozenset({J, X}),
    (P, TimerFired): frozenset({P, X}),
    (F, TimerFired): frozenset(),
    **{
        pair: frozenset()
        for pair in (
            *((phase, Waiting) for phase in (P, F)),
            (F, Proposal),
            (F, Refused),
            *((phase, Committed) for phase in (J, F)),
            *((phase, Never) for phase in (J, F)),
            *((phase, Busy) for phase in Phase),
        )
    },
    **{
        (X, kind): frozenset()
        for kind in (
            ConnectionOpened,
            ConnectionLost,
            Heartbeat,
            Waiting,
            Proposal,
            Refused,
            Committed,
            Never,
            TimerFired,
        )
    },
}


class Joiner:
    """The machine. A *record* lets it go on where it was: prepared or committed."""

    TRANSITIONS: ClassVar[Table] = TRANSITIONS
    INPUTS: ClassVar[tuple[type, ...]] = (
        ConnectionOpened,
        ConnectionLost,
        TimerFired,
        Heartbeat,
        Waiting,
        Proposal,
        Refused,
        Busy,
        Committed,
        Never,
    )

    def __init__(
        self, founder: FormationSettings, now: float, record: ClusterRecord | None = None
    ) -> None:
        self.phase = Phase.JOINING
        self._founder = founder
        self._nonce = founder.nonce
        self._record = record
        self._connection: int | None = None
        self._given_up_at = now + founder.formation_deadline_s
        self._ask_at = now + founder.inquiry_interval_s
        if record is not None:
            in_doubt = record.state is RecordState.PREPARED or in_question(founder, record)
            self.phase = Phase.PREPARED if in_doubt else Phase.FORMED

    @property
    def record(self) -> ClusterRecord | None:
        """The record of the cluster that this worker is prepared for or a member of."""
        return self._record

    @property
    def connection(self) -> int | None:
        """The connection to the initializer, if there is one."""
        return self._connection

    @property
    def deadline(self) -> float | None:
        """When `TimerFired` is due; None: never."""
        if self.phase in (Phase.FORMED, Phase.FAILED):
            return None
        if self.phase is Phase.PREPARED:
            return min(self._given_up_at, self._ask_at)
        return self._given_up_at

    def begin(self, now: float) -> list[Effect]:  # noqa: ARG002 - as the initializer
        """What is to be done first."""
        if self.phase is Phase.FORMED and self._record is not None:
            return [Formed(self._record)]
        return [WaitingFor("looking for the initializer")]

    def step(self, event: Event, now: float) -> list[Effect]:
        """Take one event, return what is to be done about it."""
        if isinstance(event, ConnectionMessage) and type(event.message) not in self.INPUTS:
            return self._asked(event) if isinstance(event.message, _ASKED) else []
        return transition(self, event, now)

    def _asked(self, event: ConnectionMessage) -> list[Effect]:
        """Somebody takes us for the initializer, or is ahead of us."""
        if isinstance(event.message, Attach):
            busy = Busy("the cluster is not committed here yet")
            return [SendOnConnection(event.connection, busy)]
        name = self._founder.name
        held = self._record.cluster_id if self._record is not None else None
        match event.message:
            case Inquiry(cluster, _, proposer) if proposer == name and cluster != held:
                # It proposed that cluster itself, and was made a joiner since.
                return [PersistNever(cluster), SendOnConnection(event.connection, Never(cluster))]
        if self._record is not None and self.phase is not Phase.PREPARED:
            cluster = self._record.cluster_id
            reason = f"{name} is a member of {cluster} and not the initializer of a new cluster"
        else:
            reason = f"{name} is not the initializer: check --control-channel"
        return [
            SendOnConnection(event.connection, Refused(reason, RefusedError.exit_code)),
            Close(event.connection),
        ]

    def take(self, event: Event, now: float) -> list[Effect]:
        """Do what is done with an event that the table lets in."""
        match event:
            case ConnectionOpened(connection):
                self._connection = connection
                return self._say_where_we_are()
            case ConnectionLost(connection):
                if connection == self._connection:
                    self._connection = None
                return []
            case TimerFired():
                return self._timer(now)
            case ConnectionMessage(connection, message):
                return self._message(connection, message, now=now)
            case _:
                return []

    def _message(self, connection: int, message: object, *, now: float) -> list[Effect]:
        match message:
            case Heartbeat():
                return [SendOnConnection(connection, Heartbeat(()))]
            case Waiting(joined, count):
                missing = count - len(joined)
                return [WaitingFor(f"waiting for {missing} of {count} workers to join")]
            case Proposal():
                return self._proposal(connection, message, now)
            case Committed(cluster_id):
                return self._committed(cluster_id)
            case Never(cluster_id):
                return self._never(cluster_id, now)
            case Refused(reason, exit_code):
                return [Fail(_refusal(reason, exit_code))]
            case _:
                return []

    def _say_where_we_are(self) -> list[Effect]:
        """What the initializer must know of us on a new connection."""
        if self._connection is None:
            return []
        match self.phase, self._record:
            case Phase.JOINING, _:
                return [SendOnConnection(self._connection, self._founder.join(nonce=self._nonce))]
            case Phase.PREPARED, ClusterRecord() as record:
                in_doubt = record.state is RecordState.PREPARED
                who = record.initializer if in_doubt else ""
                inquiry = Inquiry(record.cluster_id, self._founder.name, who)
                return [SendOnConnection(self._connection, inquiry)]
            case _:
                return []

    def _proposal(self, connection: int, proposal: Proposal, now: float) -> list[Effect]:
        if self.phase is Phase.PREPARED:
            known = self._record is not None and proposal.cluster_id == self._record.cluster_id
            return [SendOnConnection(connection, Prepared(proposal.cluster_id))] if known else []
        if wrong := self._verify(proposal):
            return [
                Report(f"the proposed cluster is refused: {wrong}", Level.WARNING),
                *self._failed(RefusedError(f"cannot agree to the proposed cluster: {wrong}")),
            ]
        self._record = prepared(self._founder, proposal)
        self.phase = Phase.PREPARED
        self._given_up_at = now + self._founder.formation_deadline_s
        self._ask_at = now + self._founder.inquiry_interval_s
        return [
            Persist(self._record),
            SendOnConnection(connection, Prepared(proposal.cluster_id)),
            WaitingFor(f"waiting for {self._record.initializer} to commit {proposal.cluster_id}"),
        ]

    def _verify(self, proposal: Proposal) -> str:
        mine = Contribution(self._founder.name, self._nonce)
        if mine not in proposal.contributions:
            return "this worker's contribution to the cluster ID is missing"
        if cluster_id_of(proposal.contributions) != proposal.cluster_id:
            return f"{proposal.cluster_id} is not made of the contributions of all workers"
        workers = proposal.topology.workers
        if workers != tuple(each.name for each in proposal.contributions):
            return f"its workers {names(workers)} are not those who contributed"
        if self._founder.planner(workers, proposal.listings) != proposal.topology:
            return "its topology is not the one that follows from the application"
        return ""

    def _committed(self, cluster_id: str) -> list[Effect]:
        if self._record is None or cluster_id != self._record.cluster_id:
            return []
        self._record = attrs.evolve(self._record, state=RecordState.COMMITTED)
        self.phase = Phase.FORMED
        return [
            Persist(self._record),
            Report(f"cluster {cluster_id} is committed"),
            Formed(self._record),
        ]

    def _never(self, cluster_id: str, now: float) -> list[Effect]:
        if self._record is None or cluster_id != self._record.cluster_id:
            return []
        self.phase, self._record = Phase.JOINING, None
        self._nonce = next_nonce(self._nonce)
        self._given_up_at = now + self._founder.formation_deadline_s
        return [
            Archive(),
            Report(f"the proposed cluster {cluster_id} was abandoned", Level.WARNING),
            *self._say_where_we_are(),
        ]

    def _timer(self, now: float) -> list[Effect]:
        if now >= self._given_up_at:
            return self._failed(PeersGoneError(self._given_up()))
        if now < self._ask_at or self.phase is not Phase.PREPARED:
            return []
        self._ask_at = now + self._founder.inquiry_interval_s
        return self._say_where_we_are()

    def _given_up(self) -> str:
        seconds = self._founder.formation_deadline_s
        if self.phase is Phase.JOINING:
            return (
                f"cluster did not form within {seconds:g} s (timing.formation-deadline): "
                "the initializer was not found or lacks workers; check --control-channel on all "
                "workers, and that one of them has --topology-initializer"
            )
        assert self._record is not None
        return (
            f"{self._record.topology.leader} did not say within {seconds:g} s whether cluster "
            f"{self._record.cluster_id} exists; its record is kept for the next start"
        )

    def _failed(self, error: RefusedError | KeyRefusedError | PeersGoneError) -> list[Effect]:
        self.phase = Phase.FAILED
        return [Fail(error)]


def _refusal(reason: str, exit_code: int) -> RefusedError | KeyRefusedError:
    if exit_code == KeyRefusedError.exit_code:
        return KeyRefusedError(reason)
    return RefusedError(reason)
