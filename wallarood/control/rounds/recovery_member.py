"""Every worker's part of recovery: stop, say what is held, accept the proposal, start from it."""
# Theory of operation
# ===================
# The leader asks; this worker first ends its part of the job, and with it every write, then says
# what it holds. It makes the leader's proposal durable before it says so, and acts on it only when
# the leader says that all have done so. A question that comes meanwhile is answered after the step
# that is under way: the newest counts. Nothing here has a deadline, since the leader's has: it asks
# again, and after its own restart it begins from the start.
#
# Two members may have two connections for a moment, and what was sent on one may come after what
# was sent on the other. A question of which a proposal has come is dropped. One that is older still
# is answered as any other; then what the leader says next does not fit, and is answered by what is
# held once more, by which the leader knows that it has to ask again.
#
# Who proposes a change of the cluster asks as well (see `wallarood.control.change`). Questions have
# ballots, and an answer is a promise to heed nothing lower: it is durable before it is given, here
# and in later lives. A worker that has accepted a change is bound: it takes part in no round of
# this epoch any more, answers questions with what it has accepted, and waits to hear of a decision.
# As long as no change was proposed in this epoch there is no ballot, and nothing to write.
#
# A state directory that is a copy, or of which the vote is damaged, may have forgotten what was
# promised and accepted. A worker with such a one answers, and says so; it neither promises nor
# accepts. Rounds may count on it all the same: they need all members, and any change that was
# decided was accepted by others as well.

from enum import Enum
from typing import ClassVar

import attrs

from wallarood.control.change.effects import Distrust, WriteVote
from wallarood.control.change.events import VoteWritten
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
from wallarood.model.change import Trust, Vote
from wallarood.model.ids import NO_BALLOT, Ballot, Incarnation, WorkerName
from wallarood.model.messages import (
    Accept,
    Accepted,
    Collect,
    Holdings,
    Outbid,
    Restored,
    Resume,
    RoundAccepted,
    RoundProposal,
)


class Phase(Enum):
    """How far this worker is in the round."""

    IDLE = "idle"
    """Nothing runs; nothing is proposed."""
    HALTING = "halting"
    PROMISING = "promising"
    """The promise is being written."""
    READING = "reading"
    REPORTED = "reported"
    WRITING = "writing"
    ACCEPTED = "accepted"
    """The proposal is durable here."""
    RUNNING = "running"
    BINDING = "binding"
    """What is accepted is being written."""
    BOUND = "bound"
    """A change is accepted: nothing of this epoch runs here any more."""


_I, L, Q, D, P, W, A, R, B, X = Phase
_WRITES = (Q, B)
_BEYOND = (W, A, R)
"""Here the last question was answered, and a proposal has come of it."""

# Where each event may lead in each phase. Empty: a straggler, dropped.
TRANSITIONS: dict[tuple[Phase, type], frozenset[Phase]] = {
    **{(phase, Collect): frozenset({phase, Q, D}) for phase in (_I, P, A, X)},
    **{(phase, Collect): frozenset({phase}) for phase in (L, Q, D, W, B)},
    (R, Collect): frozenset({L, R}),
    (L, JobHalted): frozenset({D, Q}),
    **{(phase, JobHalted): frozenset() for phase in Phase if phase is not L},
    (Q, VoteWritten): frozenset({Q, D}),
    (B, VoteWritten): frozenset({X, Q, D}),
    **{(phase, VoteWritten): frozenset() for phase in Phase if phase not in _WRITES},
    (D, HoldingsRead): frozenset({D, Q, P}),
    **{(phase, HoldingsRead): frozenset() for phase in Phase if phase is not D},
    (P, RoundProposal): frozenset({P, W, D}),
    (A, RoundProposal): frozenset({A}),
    (R, RoundProposal): frozenset({R}),
    **{(phase, RoundProposal): frozenset() for phase in (_I, L, Q, D, W, B, X)},
    (W, RoundWritten): frozenset({A, D, Q}),
    **{(phase, RoundWritten): frozenset() for phase in Phase if phase is not W},
    (A, Resume): frozenset({A, R}),
    (P, Resume): frozenset({P, D}),
    **{(phase, Resume): frozenset() for phase in Phase if phase not in (A, P)},
    **{(phase, Accept): frozenset({phase, B}) for phase in (_I, P, A, X)},
    **{(phase, Accept): frozenset() for phase in (L, Q, D, W, R, B)},
    **{(phase, Restored): frozenset({phase}) for phase in Phase},
}


class RecoveryMember:
    """The machine of one worker. *leader* is whom it answers; *vote* is what is durable of one.

    Where the state directory was *restored*, *vote* may be an older one.
    """

    TRANSITIONS: ClassVar[Table] = TRANSITIONS
    INPUTS: ClassVar[tuple[type, ...]] = (
        Collect,
        JobHalted,
        VoteWritten,
        HoldingsRead,
        RoundProposal,
        RoundWritten,
        Resume,
        Accept,
        Restored,
    )

    def __init__(
        self, leader: WorkerName, vote: Vote | None = None, trust: Trust = Trust.WHOLE
    ) -> None:
        self.vote = vote or Vote(0)
        self._restored = trust is Trust.RESTORED
        self.phase = Phase.BOUND if self.vote.accepted else Phase.IDLE
        self._leader = self._asker = leader
        self._asked = Collect("")
        self._accepting = leader
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
            case MemberMessage(sender, Collect() as asked):
                return self._collect(sender, asked)
            case JobHalted():
                return self._answer()
            case VoteWritten(vote):
                return self._voted(vote)
            case HoldingsRead(holdings):
                return self._report(holdings)
            case MemberMessage(_, RoundProposal() as proposal):
                return self._take_proposal(proposal)
            case RoundWritten(round_):
                return self._written(round_)
            case MemberMessage(_, Resume(number)):
                return self._resume(number)
            case MemberMessage(sender, Accept() as accept):
                return self._accept(sender, accept)
            case MemberMessage(sender, Restored(known)):
                return self._is_restored(sender, known)
            case _:
                return []

    # ---- promises --------------------------------------------------------------------------------

    @property
    def _heeded(self) -> Ballot:
        """What nothing below is heeded of: promised, or about to be."""
        return max(self.vote.promised, self._asked.ballot)

    def _collect(self, sender: WorkerName, asked: Collect) -> list[Effect]:
        if asked.attempt == self._asked.attempt and self.phase in _BEYOND:
            return []
        if asked.ballot < self._heeded:
            return [SendToMember(sender, Outbid(self._heeded))]
        self._asker, self._asked = sender, asked
        match self.phase:
            case Phase.RUNNING:
                self.phase = Phase.HALTING
                return [HaltJob()]
            case Phase.HALTING | Phase.READING | Phase.WRITING | Phase.PROMISING | Phase.BINDING:
                return []
            case _:
                return self._answer()

    def _answer(self) -> list[Effect]:
        """Nothing runs here: promise, if that is new, then read what is held."""
        if self._asked.ballot > self.vote.promised and not self._restored:
            self.phase = Phase.PROMISING
            return [WriteVote(attrs.evolve(self.vote, promised=self._asked.ballot))]
        self.phase = Phase.READING
        return [ReadHoldings(self._asked.attempt)]

    def _voted(self, vote: Vote) -> list[Effect]:
        self.vote = vote
        if self.phase is Phase.PROMISING or self._asked.ballot > vote.promised:
            return self._answer()
        assert vote.accepted is not None
        self.phase = Phase.BOUND
        return [SendToMember(self._accepting, Accepted(vote.accepted))]

    def _report(self, holdings: Holdings) -> list[Effect]:
        if holdings.attempt != self._asked.attempt:
            return self._answer()
        self.phase = Phase.REPORTED
        if self.vote.accepted is not None:
            holdings = attrs.evolve(holdings, accepted=self.vote)
        if self._restored:
            holdings = attrs.evolve(holdings, restored=True)
        return [SendToMember(self._asker, holdings)]

    def _is_restored(self, sender: WorkerName, known: Incarnation) -> list[Effect]:
        """Another knows of a life of this seat that the directory has forgotten."""
        if self._restored:
            return []
        self._restored = True
        return [Distrust(f"{sender} knows start {known.starts} of it, which was another one")]

    # ---- a change --------------------------------------------------------------------------------

    def _accept(self, sender: WorkerName, accept: Accept) -> list[Effect]:
        if accept.ballot < self._heeded:
            return [SendToMember(sender, Outbid(self._heeded))]
        if self.phase is Phase.BOUND and self.vote.accepted == accept.ballot:
            return [SendToMember(sender, Accepted(accept.ballot))]
        if accept.change.epoch != self.vote.epoch + 1 or accept.ballot == NO_BALLOT:
            return []
        if self._restored:
            return []
        self.phase, self._accepting = Phase.BINDING, sender
        ballot = accept.ballot
        return [WriteVote(Vote(self.vote.epoch, ballot, ballot, accept.change))]

    # ---- a round ---------------------------------------------------------------------------------

    def _take_proposal(self, proposal: RoundProposal) -> list[Effect]:
        if self.vote.accepted is not None:
            return []
        if self.phase is Phase.REPORTED:
            if proposal.attempt != self._asked.attempt:
                return self._other_is_heeded()
            self.phase, self._proposal = Phase.WRITING, proposal
            return [WriteRound(proposal)]
        known = self._proposal is not None and proposal.round == self._proposal.round
        return [SendToMember(self._leader, RoundAccepted(proposal.round))] if known else []

    def _other_is_heeded(self) -> list[Effect]:
        """The leader may not have heard what was asked here since, and wait for an answer."""
        if self._asked.ballot == NO_BALLOT:
            return self._answer()
        asked = self._asker != self._leader
        return [SendToMember(self._leader, Outbid(self._heeded))] if asked else []

    def _written(self, round_: int) -> list[Effect]:
        assert self._proposal is not None
        if self._asked.attempt != self._proposal.attempt:
            return self._answer()
        self.phase = Phase.ACCEPTED
        return [SendToMember(self._leader, RoundAccepted(round_))]

    def _resume(self, number: int) -> list[Effect]:
        if self.phase is Phase.REPORTED:
            return self._answer() if self._asked.ballot == NO_BALLOT else []
        assert self._proposal is not None
        if number != self._proposal.round:
            return []
        self.phase = Phase.RUNNING
        self._restored = self._restored and not self._proposal.afresh
        return [BeginRound(self._proposal)]
