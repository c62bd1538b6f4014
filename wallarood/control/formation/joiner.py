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

from wallarood.control import effects as do
from wallarood.control import events as on
from wallarood.control.events import ConnectionMessage, Event
from wallarood.control.formation import refusals
from wallarood.control.formation.founding import (
    FormationSettings,
    did_not_form,
    in_question,
    next_nonce,
    prepared,
    wrong_with,
)
from wallarood.control.machine import Table, transition
from wallarood.model import messages as say
from wallarood.model.cluster_record import ClusterRecord, RecordState
from wallarood.model.errors import KeyRefusedError, PeersGoneError, RefusedError
from wallarood.model.messages import (
    Attach,
    Committed,
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


def _dropped(kind: type, *phases: Phase) -> dict[tuple[Phase, type], frozenset[Phase]]:
    return {(phase, kind): frozenset() for phase in phases}


def _same(kind: type, *phases: Phase) -> dict[tuple[Phase, type], frozenset[Phase]]:
    return {(phase, kind): frozenset({phase}) for phase in phases}


# Where each event may lead in each phase. Empty: a straggler, dropped.
TRANSITIONS: dict[tuple[Phase, type], frozenset[Phase]] = {
    **_same(on.ConnectionOpened, J, P, F),
    **_dropped(on.ConnectionOpened, X),
    **_same(on.ConnectionLost, J, P, F),
    **_dropped(on.ConnectionLost, X),
    **_same(Heartbeat, J, P),
    **_dropped(Heartbeat, F, X),
    **_same(Waiting, J),
    **_dropped(Waiting, P, F, X),
    (J, Proposal): frozenset({P, X}),
    **_same(Proposal, P),
    **_dropped(Proposal, F, X),
    **dict.fromkeys(((J, Refused), (P, Refused)), frozenset({X})),
    **_dropped(Refused, F, X),
    (P, Committed): frozenset({F, P}),
    **_dropped(Committed, J, F, X),
    (P, Never): frozenset({J, P}),
    **_dropped(Never, J, F, X),
    **_dropped(say.Busy, J, P, F, X),
    (J, on.TimerFired): frozenset({J, X}),
    (P, on.TimerFired): frozenset({P, X}),
    **_dropped(on.TimerFired, F, X),
}


class Joiner:
    """The machine. A *record* lets it continue where it was: prepared or committed."""

    TRANSITIONS: ClassVar[Table] = TRANSITIONS
    INPUTS: ClassVar[tuple[type, ...]] = (
        *(on.ConnectionOpened, on.ConnectionLost, on.TimerFired),
        *(Heartbeat, Waiting, Proposal, Refused, say.Busy, Committed, Never),
    )

    def __init__(
        self, settings: FormationSettings, now: float, record: ClusterRecord | None = None
    ) -> None:
        self.phase = Phase.JOINING
        self._settings = settings
        self._nonce = settings.nonce
        self._record = record
        self._connection: int | None = None
        self._gives_up_at = now + settings.formation_deadline_s
        self._ask_at = now + settings.inquiry_interval_s
        if record is not None:
            in_doubt = record.state is RecordState.PREPARED or in_question(settings, record)
            self.phase = Phase.PREPARED if in_doubt else Phase.FORMED

    @property
    def connection(self) -> int | None:
        """The connection to the initializer, if there is one."""
        return self._connection

    @property
    def deadline(self) -> float | None:
        """When `on.TimerFired` is due; None: never."""
        if self.phase in (Phase.FORMED, Phase.FAILED):
            return None
        if self.phase is Phase.PREPARED:
            return min(self._gives_up_at, self._ask_at)
        return self._gives_up_at

    def begin(self, now: float) -> list[do.Effect]:  # noqa: ARG002 - as the initializer
        """What is to be done first."""
        if self.phase is Phase.FORMED and self._record is not None:
            return [do.Formed(self._record)]
        return [do.WaitingFor("looking for the initializer")]

    def step(self, event: Event, now: float) -> list[do.Effect]:
        """Take one event, return what is to be done about it."""
        if isinstance(event, ConnectionMessage) and type(event.message) not in self.INPUTS:
            return self._asked(event) if isinstance(event.message, _ASKED) else []
        return transition(self, event, now)

    def _asked(self, event: ConnectionMessage) -> list[do.Effect]:
        """Another worker takes this one for the initializer, or is ahead of it."""
        if isinstance(event.message, Attach):
            busy = say.Busy("the cluster is not committed here yet")
            return [do.SendOnConnection(event.connection, busy)]
        name = self._settings.name
        held = self._record.cluster_id if self._record is not None else None
        match event.message:
            case Inquiry(cluster, _, proposer) if proposer == name and cluster != held:
                # It proposed that cluster itself, and was made a joiner since.
                return refusals.never(event.connection, cluster)
        if self._record is not None and self.phase is not Phase.PREPARED:
            cluster = self._record.cluster_id
            reason = f"{name} is a member of {cluster} and not the initializer of a new cluster"
        else:
            reason = f"{name} is not the initializer: check --control-channel"
        return [
            do.SendOnConnection(event.connection, Refused(reason, RefusedError.exit_code)),
            do.Close(event.connection),
        ]

    def take(self, event: Event, now: float) -> list[do.Effect]:
        """Do what is done with an event that the table lets in."""
        match event:
            case on.ConnectionOpened(connection):
                self._connection = connection
                return self._say_where_it_is()
            case on.ConnectionLost(connection):
                if connection == self._connection:
                    self._connection = None
                return []
            case on.TimerFired():
                return self._timer(now)
            case ConnectionMessage(connection, message):
                return self._message(connection, message, now=now)
            case _:
                return []

    def _message(self, connection: int, message: object, *, now: float) -> list[do.Effect]:
        match message:
            case Heartbeat():
                return [do.SendOnConnection(connection, Heartbeat(()))]
            case Waiting(joined, count):
                missing = count - len(joined)
                return [do.WaitingFor(f"waiting for {missing} of {count} workers to join")]
            case Proposal():
                return self._proposal(connection, message, now)
            case Committed(cluster_id):
                return self._committed(cluster_id)
            case Never(cluster_id):
                return self._never(cluster_id, now)
            case Refused(reason, exit_code):
                return [do.Fail(_refusal(reason, exit_code))]
            case _:
                return []

    def _say_where_it_is(self) -> list[do.Effect]:
        """What the initializer must know of this worker on a new connection."""
        if self._connection is None:
            return []
        match self.phase, self._record:
            case Phase.JOINING, _:
                return [
                    do.SendOnConnection(self._connection, self._settings.join(nonce=self._nonce))
                ]
            case Phase.PREPARED, ClusterRecord() as record:
                in_doubt = record.state is RecordState.PREPARED
                who = record.initializer if in_doubt else ""
                inquiry = Inquiry(record.cluster_id, self._settings.name, who)
                return [do.SendOnConnection(self._connection, inquiry)]
            case _:
                return []

    def _proposal(self, connection: int, proposal: Proposal, now: float) -> list[do.Effect]:
        if self.phase is Phase.PREPARED:
            known = self._record is not None and proposal.cluster_id == self._record.cluster_id
            return [do.SendOnConnection(connection, Prepared(proposal.cluster_id))] if known else []
        if wrong := wrong_with(self._settings, proposal, nonce=self._nonce):
            return [
                do.Report(f"the proposed cluster is refused: {wrong}", do.Level.WARNING),
                *self._failed(RefusedError(f"cannot agree to the proposed cluster: {wrong}")),
            ]
        self._record = prepared(self._settings, proposal)
        self.phase = Phase.PREPARED
        self._gives_up_at = now + self._settings.formation_deadline_s
        self._ask_at = now + self._settings.inquiry_interval_s
        return [
            do.Persist(self._record),
            do.SendOnConnection(connection, Prepared(proposal.cluster_id)),
            do.WaitingFor(
                f"waiting for {self._record.initializer} to commit {proposal.cluster_id}"
            ),
        ]

    def _committed(self, cluster_id: str) -> list[do.Effect]:
        if self._record is None or cluster_id != self._record.cluster_id:
            return []
        self._record = attrs.evolve(self._record, state=RecordState.COMMITTED)
        self.phase = Phase.FORMED
        return [
            do.Persist(self._record),
            do.Report(f"cluster {cluster_id} is committed"),
            do.Formed(self._record),
        ]

    def _never(self, cluster_id: str, now: float) -> list[do.Effect]:
        if self._record is None or cluster_id != self._record.cluster_id:
            return []
        self.phase, self._record = Phase.JOINING, None
        self._nonce = next_nonce(self._nonce)
        self._gives_up_at = now + self._settings.formation_deadline_s
        return [
            do.Archive(),
            do.Report(f"the proposed cluster {cluster_id} was abandoned", do.Level.WARNING),
            *self._say_where_it_is(),
        ]

    def _timer(self, now: float) -> list[do.Effect]:
        if now >= self._gives_up_at:
            return self._failed(PeersGoneError(self._why_no_cluster()))
        if now < self._ask_at or self.phase is not Phase.PREPARED:
            return []
        self._ask_at = now + self._settings.inquiry_interval_s
        return self._say_where_it_is()

    def _why_no_cluster(self) -> str:
        seconds = self._settings.formation_deadline_s
        if self.phase is Phase.JOINING:
            return did_not_form(
                "the initializer was not found or lacks workers; check --control-channel on all "
                "workers, and that one of them has --topology-initializer",
                seconds,
            )
        assert self._record is not None
        return (
            f"{self._record.topology.leader} did not say within {seconds:g} s whether cluster "
            f"{self._record.cluster_id} exists; its record is kept for the next start"
        )

    def _failed(self, error: RefusedError | KeyRefusedError | PeersGoneError) -> list[do.Effect]:
        self.phase = Phase.FAILED
        return [do.Fail(error)]


def _refusal(reason: str, exit_code: int) -> RefusedError | KeyRefusedError:
    if exit_code == KeyRefusedError.exit_code:
        return KeyRefusedError(reason)
    return RefusedError(reason)
