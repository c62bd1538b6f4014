"""Every worker's part of recovery: stop, say what is held, accept the proposal, start from it."""
# Theory of operation
# ===================
# The leader asks; this worker first ends its part of the job, and with it every write, then says
# what it holds. It makes the leader's proposal durable before it says so, and acts on it only when
# the leader says that all have done so. A question that comes meanwhile is answered after the step
# that is under way: the newest counts. Nothing here has a deadline, since the leader's has: it asks
# again, and after its own restart it begins from the start.

from enum import Enum
from typing import ClassVar

from wallarood.control.effects import (
    BeginRound,
    Effect,
    HaltJob,
    ReadHoldings,
    SendToMember,
    WriteRound,
)
from wallarood.control.events import (
    Event,
    HoldingsRead,
    JobHalted,
    MemberMessage,
    RoundWritten,
)
from wallarood.control.machine import Table, transition
from wallarood.model.ids import WorkerName
from wallarood.model.messages import Collect, Holdings, Resume, RoundAccepted, RoundProposal


class Phase(Enum):
    """How far this worker is in the round."""

    IDLE = "idle"
    """Nothing runs; nothing is proposed."""
    HALTING = "halting"
    READING = "reading"
    REPORTED = "reported"
    WRITING = "writing"
    ACCEPTED = "accepted"
    """The proposal is durable here."""
    RUNNING = "running"


_I, L, D, P, W, A, R = Phase

# Where each event may lead in each phase. Empty: a straggler, dropped.
TRANSITIONS: dict[tuple[Phase, type], frozenset[Phase]] = {
    (_I, Collect): frozenset({D}),
    (L, Collect): frozenset({L}),
    (D, Collect): frozenset({D}),
    (P, Collect): frozenset({D}),
    (W, Collect): frozenset({W}),
    (A, Collect): frozenset({D}),
    (R, Collect): frozenset({L, R}),
    (L, JobHalted): frozenset({D}),
    **{(phase, JobHalted): frozenset() for phase in (_I, D, P, W, A, R)},
    (D, HoldingsRead): frozenset({D, P}),
    **{(phase, HoldingsRead): frozenset() for phase in (_I, L, P, W, A, R)},
    (P, RoundProposal): frozenset({P, W}),
    (A, RoundProposal): frozenset({A}),
    (R, RoundProposal): frozenset({R}),
    **{(phase, RoundProposal): frozenset() for phase in (_I, L, D, W)},
    (W, RoundWritten): frozenset({A, D}),
    **{(phase, RoundWritten): frozenset() for phase in (_I, L, D, P, A, R)},
    (A, Resume): frozenset({A, R}),
    **{(phase, Resume): frozenset() for phase in (_I, L, D, P, W, R)},
}


class RecoveryMember:
    """The machine of one worker. *leader* is whom it answers."""

    TRANSITIONS: ClassVar[Table] = TRANSITIONS
    INPUTS: ClassVar[tuple[type, ...]] = (
        Collect,
        JobHalted,
        HoldingsRead,
        RoundProposal,
        RoundWritten,
        Resume,
    )

    def __init__(self, leader: WorkerName) -> None:
        self.phase = Phase.IDLE
        self._leader = leader
        self._attempt = ""
        self._proposal: RoundProposal | None = None

    @property
    def round(self) -> int:
        """The round that this worker runs in or has last run in; 0 before the first."""
        return self._proposal.round if self._proposal and self.phase is Phase.RUNNING else 0

    @property
    def deadline(self) -> None:
        """Never: the leader has deadlines."""

    def step(self, event: Event, now: float) -> list[Effect]:
        """Take one event, return what is to be done about it."""
        return transition(self, event, now)

    def take(self, event: Event, now: float) -> list[Effect]:  # noqa: ARG002 - as all machines
        """Do what is done with an event that the table lets in."""
        match event:
            case MemberMessage(_, Collect(attempt)):
                return self._collect(attempt)
            case JobHalted():
                return [ReadHoldings(self._attempt)]
            case HoldingsRead(holdings):
                return self._report(holdings)
            case MemberMessage(_, RoundProposal() as proposal):
                return self._take_proposal(proposal)
            case RoundWritten(round_):
                return self._written(round_)
            case MemberMessage(_, Resume(number)):
                return self._resume(number)
            case _:
                return []

    def _collect(self, attempt: str) -> list[Effect]:
        if attempt == self._attempt and self.phase is Phase.RUNNING:
            return []
        self._attempt = attempt
        match self.phase:
            case Phase.RUNNING:
                self.phase = Phase.HALTING
                return [HaltJob()]
            case Phase.HALTING | Phase.READING | Phase.WRITING:
                return []
            case _:
                self.phase = Phase.READING
                return [ReadHoldings(attempt)]

    def _report(self, holdings: Holdings) -> list[Effect]:
        if holdings.attempt != self._attempt:
            return [ReadHoldings(self._attempt)]
        self.phase = Phase.REPORTED
        return [SendToMember(self._leader, holdings)]

    def _take_proposal(self, proposal: RoundProposal) -> list[Effect]:
        if self.phase is Phase.REPORTED:
            if proposal.attempt != self._attempt:
                return []
            self.phase, self._proposal = Phase.WRITING, proposal
            return [WriteRound(proposal)]
        known = self._proposal is not None and proposal.round == self._proposal.round
        return [SendToMember(self._leader, RoundAccepted(proposal.round))] if known else []

    def _written(self, round_: int) -> list[Effect]:
        assert self._proposal is not None
        if self._attempt != self._proposal.attempt:
            self.phase = Phase.READING
            return [ReadHoldings(self._attempt)]
        self.phase = Phase.ACCEPTED
        return [SendToMember(self._leader, RoundAccepted(round_))]

    def _resume(self, number: int) -> list[Effect]:
        assert self._proposal is not None
        if number != self._proposal.round:
            return []
        self.phase = Phase.RUNNING
        return [BeginRound(self._proposal)]
