"""The leader's part of recovery: when a round begins, and which checkpoint it starts from."""
# Theory of operation
# ===================
# A round is a set of lives: the incarnations of all members that run together. It begins when all
# members are attached to the leader, the first time as well as after a loss, and it lasts until one
# of them comes back as another incarnation: that one has lost its memory, so what was in flight is
# lost, and all roll back. A member that was only disconnected, however long, changes nothing.
#
# The leader asks each member what it holds; a member stops its part of the job before it answers,
# so what it says stays true. A checkpoint is committed when all hold it, known or not, so the
# highest that all hold is the one to start from. The proposal is durable on every member before any
# acts on it: whichever member dies then, the next round cannot go back before it, nor forward to
# what was void.
#
# A member that comes back in the middle as the same incarnation hears the last question again; as
# another incarnation it makes the leader ask again from the start. A silent phase has a deadline,
# after which those who have not answered are asked again. Until all members are there, the leader
# waits as long as it takes: nothing can proceed without them.
#
# Where a change of the cluster was proposed in this epoch, questions have ballots (see
# `wallarood.control.change`). This leader yields to a higher one than its own, until who asks says
# that nothing comes of it, restarts, or is silent for too long. If any member has accepted a
# change, no round begins: that change is finished.

from collections.abc import Sequence
from typing import ClassVar

from wallarood.control.change.effects import FinishChange
from wallarood.control.change.events import VoteWritten
from wallarood.control.change.proposing.bids import Bids
from wallarood.control.effects import Effect, Level, Report, SendToMember, WaitingFor
from wallarood.control.events import Event, MemberDown, MemberMessage, MemberUp, TimerFired
from wallarood.control.machine import Table, transition
from wallarood.control.rounds import choosing
from wallarood.control.rounds.choosing import number_of
from wallarood.control.rounds.newer import NewerVersions
from wallarood.control.rounds.recovery_phases import TRANSITIONS, Phase
from wallarood.model.change import Vote
from wallarood.model.checkpoint import CheckpointId
from wallarood.model.ids import FIRST_BALLOT, NO_BALLOT, WorkerName
from wallarood.model.messages import (
    ChangeProgress,
    Collect,
    Holdings,
    Member,
    Outbid,
    Resume,
    RoundAccepted,
    RoundProposal,
)

ASK_AGAIN_S = 2.0
PATIENCE_S = 10.0
"""For how long a leader that has yielded hears nothing of the change before it begins a round."""


class RecoveryLeader:
    """The machine of the leader. *me* is its own entry; *workers* are all members."""

    TRANSITIONS: ClassVar[Table] = TRANSITIONS
    INPUTS: ClassVar[tuple[type, ...]] = (
        MemberUp,
        MemberDown,
        TimerFired,
        Holdings,
        RoundAccepted,
        Collect,
        Outbid,
        VoteWritten,
        ChangeProgress,
    )

    def __init__(
        self, me: Member, workers: tuple[WorkerName, ...], vote: Vote | None = None
    ) -> None:
        self.phase = Phase.GATHERING
        self._me = me
        self._workers = workers
        self._present: dict[WorkerName, Member] = {me.name: me}
        self._away: set[WorkerName] = set()
        self._attempts = 0
        self._asked: dict[WorkerName, Member] = {}
        self._holdings: dict[WorkerName, Holdings] = {}
        self._proposal: RoundProposal | None = None
        self._accepted_by: set[WorkerName] = set()
        self._ask_again_at = 0.0
        self._bids = Bids.after(me.name, vote or Vote(1))
        self._yielded_to = me.name
        self._newer = NewerVersions()

    @property
    def deadline(self) -> float | None:
        """When `TimerFired` is due; None: never."""
        waiting = self.phase in (Phase.COLLECTING, Phase.PROPOSED, Phase.YIELDED)
        return self._ask_again_at if waiting else None

    def begin(self, now: float) -> list[Effect]:
        """What is to be done first: a cluster of one begins at once."""
        return self._gather(now)

    def step(self, event: Event, now: float) -> list[Effect]:
        """Take one event, return what is to be done about it."""
        return transition(self, event, now)

    def take(self, event: Event, now: float) -> list[Effect]:
        """Do what is done with an event that the table lets in."""
        match event:
            case MemberUp(member):
                return self._up(member, now)
            case MemberDown(name):
                self._away.add(name)
                self._newer.may_propose_again()
                return [] if self.phase is Phase.RUNNING else [self._waiting_for()]
            case MemberMessage(sender, Holdings() as holdings):
                return self._collected(sender, holdings, now)
            case MemberMessage(sender, RoundAccepted(number)):
                return self._accepted(sender, number)
            case TimerFired():
                return self._gather(now) if self.phase is Phase.YIELDED else self._ask_again(now)
            case VoteWritten(vote):
                self._bids.heard(vote.promised)
                return []
            case MemberMessage(sender, Collect() as asked):
                return self._also_asks(sender, asked, now)
            case MemberMessage(_, Outbid(promised)):
                self._bids.heard(promised)
                asks = self.phase in (Phase.COLLECTING, Phase.PROPOSED)
                return self._yield(promised.name, now) if asks and self._bids.outbid else []
            case MemberMessage(sender, ChangeProgress(_, text)):
                return self._hears_of_change(sender, text, now)
            case _:
                return []

    # ---- who is there ----------------------------------------------------------------------------

    def _up(self, member: Member, now: float) -> list[Effect]:
        self._present[member.name] = member
        self._away.discard(member.name)
        if self.phase is Phase.GATHERING:
            return self._gather(now)
        known = self._asked.get(member.name)
        if self.phase is Phase.YIELDED:
            changed = known is not None and known.incarnation != member.incarnation
            return self._gather(now) if changed and member.name == self._yielded_to else []
        if known is None or known.incarnation != member.incarnation:
            return self._begin_again(f"{member.name} restarted", now)
        return [*self._say_again(member.name), self._waiting_for()]

    def _say_again(self, name: WorkerName) -> list[Effect]:
        """What a member that was away may have missed."""
        if self.phase is Phase.COLLECTING:
            return self._ask([name])
        assert self._proposal is not None
        if self.phase is Phase.PROPOSED:
            return [SendToMember(name, self._proposal)]
        return [SendToMember(name, Resume(self._proposal.round))]

    @property
    def _attempt(self) -> str:
        return f"{self._me.incarnation.starts}-{self._me.incarnation.nonce}-{self._attempts}"

    def _begin_again(self, why: str, now: float) -> list[Effect]:
        text = f"{why}; rolling all workers back to the last common checkpoint"
        lost = [Report(text, Level.WARNING)] if self.phase is Phase.RUNNING else []
        return [*lost, *self._gather(now)]

    def _gather(self, now: float) -> list[Effect]:
        """Ask all what they hold, if all are there."""
        if any(name not in self._present or name in self._away for name in self._workers):
            self.phase = Phase.GATHERING
            return [self._waiting_for()]
        self.phase, self._attempts = Phase.COLLECTING, self._attempts + 1
        self._asked, self._holdings, self._proposal = dict(self._present), {}, None
        self._ask_again_at = now + ASK_AGAIN_S
        self._bids.bid_for_a_round()
        return [*self._ask(self._workers), self._waiting_for()]

    def _ask(self, names: Sequence[WorkerName]) -> list[Effect]:
        """Ask what they hold; with a ballot this worker first, which makes it durable here."""
        ballot, me = self._bids.ballot, self._me.name
        if ballot != NO_BALLOT and me not in self._holdings:
            names = [me]
        return [SendToMember(name, Collect(self._attempt, ballot)) for name in names]

    def _waiting_for(self) -> WaitingFor:
        absent = self._absent()
        count = len(self._workers)
        text = f"waiting for {len(absent)} of {count} workers: {', '.join(absent)}"
        doing = {
            Phase.COLLECTING: " to say what they hold",
            Phase.PROPOSED: " to write the proposal",
        }.get(self.phase, "")
        return WaitingFor(text + doing if absent else "")

    def _absent(self) -> list[WorkerName]:
        done: set[WorkerName] = {
            Phase.GATHERING: set(self._present) - self._away,
            Phase.COLLECTING: set(self._holdings),
            Phase.PROPOSED: self._accepted_by,
        }.get(self.phase, set(self._workers))
        return [name for name in self._workers if name not in done]

    def _ask_again(self, now: float) -> list[Effect]:
        self._ask_again_at = now + ASK_AGAIN_S
        return [each for name in self._absent() for each in self._say_again(name)]

    # ---- what they hold --------------------------------------------------------------------------

    def _collected(self, sender: WorkerName, holdings: Holdings, now: float) -> list[Effect]:
        if self.phase is not Phase.COLLECTING:  # who heeds an older question is not in this round
            older = choosing.is_for_another_round(holdings.attempt, than=self._attempt)
            return self._begin_again(f"{sender} has left the round", now) if older else []
        if holdings.attempt != self._attempt:
            return []
        self._holdings[sender] = holdings
        if absent := self._absent():
            durable = sender == self._me.name and self._bids.ballot != NO_BALLOT
            return [*(self._ask(absent) if durable else ()), self._waiting_for()]
        change = choosing.accepted_change(self._holdings.values())
        if change is not None:
            return [*self._yield(self._me.name, now), FinishChange(self._bids.ballot, change)]
        if waits := self._newer.seen(self._workers, self._asked):
            self.phase = Phase.GATHERING
            return waits
        return self._choose(now)

    # ---- changes ---------------------------------------------------------------------------------

    def _also_asks(self, sender: WorkerName, asked: Collect, now: float) -> list[Effect]:
        """A question; another than that of this leader halts the job for a change, if it counts."""
        if asked.attempt == self._attempt or asked.ballot < max(self._bids.known, FIRST_BALLOT):
            return []
        self._bids.heard(asked.ballot)
        return self._yield(sender, now)

    def _yield(self, name: WorkerName, now: float) -> list[Effect]:
        self.phase, self._yielded_to = Phase.YIELDED, name
        self._asked, self._ask_again_at = dict(self._present), now + PATIENCE_S
        return []

    def _hears_of_change(self, sender: WorkerName, text: str, now: float) -> list[Effect]:
        if self.phase is Phase.YIELDED and text and sender == self._yielded_to:
            self._ask_again_at = now + PATIENCE_S
        over = not text and self.phase in (Phase.YIELDED, Phase.RUNNING)
        return self._gather(now) if over else []

    # ---- the proposal ----------------------------------------------------------------------------

    def _choose(self, now: float) -> list[Effect]:
        everything = self._holdings.values()
        common = choosing.common(everything)
        known = max((each.committed for each in everything), key=number_of)
        if not common:
            return self._nothing_common(known, now)
        checkpoint = max(common, key=number_of)
        line = max(each.line for each in everything)
        if checkpoint.number < known.number or self._may_be_older(checkpoint.number):
            line += 1
        self._proposal = RoundProposal(
            self._attempt,
            max(each.round for each in everything) + 1,
            checkpoint,
            max(each.highest for each in everything),
            tuple(self._asked[name] for name in self._workers),
            line,
            all(each.restored for each in everything),
        )
        self.phase, self._accepted_by = Phase.PROPOSED, set()
        self._ask_again_at = now + ASK_AGAIN_S
        return [
            choosing.starts(self._proposal.round, checkpoint, known),
            *(SendToMember(name, self._proposal) for name in self._workers),
            self._waiting_for(),
        ]

    def _may_be_older(self, number: int) -> bool:
        return choosing.may_be_older(self._holdings.values(), number)

    def _nothing_common(self, known: CheckpointId, now: float) -> list[Effect]:
        """Somebody lacks what is known committed: tell it what is missing; the others wait."""
        lacking = choosing.lacking(known, self._holdings)
        effects: list[Effect] = []
        for name in lacking:
            effects += choosing.refused(name, known, self._holdings[name])
            del self._present[name]
            self._away.discard(name)
        self._present[self._me.name] = self._me
        return [*effects, *self._gather(now)] if lacking else [self._waiting_for()]

    def _accepted(self, sender: WorkerName, number: int) -> list[Effect]:
        if self._proposal is None or number != self._proposal.round:
            return []
        if self.phase is Phase.RUNNING:
            return [SendToMember(sender, Resume(number))]
        self._accepted_by.add(sender)
        if self._absent():
            return [self._waiting_for()]
        self.phase = Phase.RUNNING
        return [*(SendToMember(n, Resume(number)) for n in self._workers), self._waiting_for()]
