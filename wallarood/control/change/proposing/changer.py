"""Who proposes the next epoch: brings a change about, or finishes one that was accepted."""
# Theory of operation
# ===================
# The first survivor proposes, one change at a time; others send it what they are asked for. For a
# planned one, what moves is copied while records flow; how much of that comes about makes no
# difference but to the time that the rest takes. Then the leader is asked for a checkpoint after
# whose barrier all sources stand still, and all sinks publish it; the eviction of a lost member
# begins with the next step.
#
# Then all that stay are asked what they hold, with a ballot above all that are known: this worker
# asks itself first, which makes the ballot durable, and an answer is a promise to heed nothing
# lower. From the answers follows the whole change. Its members stage it; when all have, those who
# have promised are told to accept it, and once a majority of the seats of this epoch has, it is
# decided: it can never be another one. Whoever hears of that adopts it, and the new epoch begins
# with an ordinary round.
#
# If an answer says that a change was accepted, nobody can know whether it was decided: it is
# finished as it is, whatever was wanted. A worker that has accepted one and hears nothing proposes
# itself, after a wait by its place among the members; a majority of promises is enough for that.
#
# Until something is accepted, a change ends with the next question of a higher ballot: it is
# abandoned by telling all, and the leader begins a round in this epoch.

from typing import ClassVar

from wallarood.control.change.decided import obey
from wallarood.control.change.events import AcceptanceFound, ChangeWanted, VoteWritten
from wallarood.control.change.proposing import changer_phases as table
from wallarood.control.change.proposing import objections
from wallarood.control.change.proposing.bids import Bids
from wallarood.control.change.proposing.changer_phases import Phase
from wallarood.control.change.proposing.composing import Plan, compose, is_dropped
from wallarood.control.change.proposing.proposal import Proposal
from wallarood.control.change.proposing.requests import Asker, Door
from wallarood.control.change.proposing.waits import Waits, next_turn
from wallarood.control.change.view import View
from wallarood.control.effects import Effect, SendToMember
from wallarood.control.events import (
    ConnectionLost,
    ConnectionMessage,
    Event,
    MemberMessage,
    MemberUp,
    TimerFired,
)
from wallarood.control.formation.founding import Replanner
from wallarood.control.machine import Table, transition
from wallarood.control.rounds import choosing
from wallarood.model import messages as say
from wallarood.model.change import Change, Vote
from wallarood.model.errors import RefusedError
from wallarood.model.ids import Ballot, WorkerName


class Changer:
    """The machine of one member. *view* is that of the node; *replan* makes the next topology."""

    TRANSITIONS: ClassVar[Table] = table.TRANSITIONS
    INPUTS: ClassVar[tuple[type, ...]] = tuple({kind: None for _, kind in table.TRANSITIONS})

    def __init__(
        self,
        view: View,
        replan: Replanner | None,
        vote: Vote | None = None,
        *,
        now: float,
        wait_s: float = table.WAIT_S,
    ) -> None:
        self._view, self._replan, self._waits = view, replan, Waits(wait_s)
        self._vote = vote or Vote(view.epoch)
        self._door = Door(view)
        self.proposal = Proposal(view, self._door, Bids.after(view.me.name, self._vote))
        self._propose_at = next_turn(self._view, now)

    @property
    def phase(self) -> Phase:
        """How far the change that is proposed here has come."""
        return self.proposal.phase

    @phase.setter
    def phase(self, phase: Phase) -> None:
        self.proposal.phase = phase

    @property
    def deadline(self) -> float | None:
        """When `TimerFired` is due; None: never."""
        bound = self._propose_at if self._vote.accepted else self._door.deadline
        return bound if self.phase is Phase.IDLE else self._waits.ask_at

    def step(self, event: Event, now: float) -> list[Effect]:
        """Take one event, return what is to be done about it."""
        return transition(self, event, now)

    def take(self, event: Event, now: float) -> list[Effect]:
        """Do what is done with an event that the table lets in."""
        match event:
            case MemberUp(member):
                self._door.forget(now, member.name)
                return self.proposal.ask_again(member.name)
            case TimerFired():
                return self._timer(now)
            case VoteWritten(vote):
                self._vote, self._propose_at = vote, next_turn(self._view, now)
                self.proposal.bids.heard(vote.promised)
                return []
            case AcceptanceFound(ballot, change):
                self.proposal.bids.ballot, self.proposal.plan = ballot, None
                return self._accept(change, now)
            case ConnectionLost(connection):
                return self._door.lost(connection, now)
            case ChangeWanted(request):
                return self._asked(Plan(request, self._view), Asker(), now)
            case ConnectionMessage(connection, say.JoinRunning() as join):
                return self._join(connection, join, now)
            case ConnectionMessage(_, say.Staged() as staged):
                return self._staged(staged, now)
            case ConnectionMessage(_, say.CopiedAhead() as copied):
                return self._copied(copied, now)
            case MemberMessage(sender, message):
                return self._message(sender, message, now)
            case _:
                return []

    def _message(self, sender: WorkerName, message: object, now: float) -> list[Effect]:
        proposal = self.proposal
        match message:
            case say.ChangeRequest():
                return self._asked(Plan(message, self._view), Asker(sender), now)
            case say.ChangeAnswered():
                return self._door.answered(message)
            case say.CopiedAhead():
                return self._copied(message, now)
            case say.TakeCheckpoint(number, say.Purpose.CHANGE):
                proposal.frozen, proposal.done = number, set()
                return []
            case say.CheckpointCommitted(number) if number == proposal.frozen:
                self.phase = Phase.PUBLISHING
                return self._published(now)
            case say.ChangePublished(number) if number == proposal.frozen:
                proposal.done.add(sender)
                return self._published(now) if self.phase is Phase.PUBLISHING else []
            case say.Collect(question, ballot):
                return self._another_asks(question, ballot, now)
            case say.Outbid(promised):
                return proposal.is_outbid(promised)
            case say.Holdings():
                return self._collected(sender, message, now)
            case say.Staged():
                return self._staged(message, now)
            case say.Accepted(ballot) if ballot == proposal.bids.ballot:
                return self._accepted(sender)
            case _:
                return []

    # ---- what is asked for -----------------------------------------------------------------------

    @property
    def _busy(self) -> str:
        if self._replan is None:
            return "this cluster cannot change"
        if self.phase is not Phase.IDLE:
            return f"another change is in progress: {self.proposal.progress}"
        return objections.to_any(self._view, self._vote)

    def _join(self, connection: int, join: say.JoinRunning, now: float) -> list[Effect]:
        plan = self._door.plan(join, now)
        if effects := self._door.turned_away(connection, join, plan):
            return effects
        current = self.proposal.plan if self.phase is not Phase.IDLE else None
        if self._door.again(connection, plan, current, now=now):
            return self.proposal.ask([join.member.name])
        if self._door.took_over(plan, current) and self.phase is not Phase.ACCEPTING:
            return self.proposal.give_up(objections.came_empty(join.member.name))
        return self._asked(plan, Asker(connection=connection), now)

    def _asked(self, plan: Plan, asker: Asker, now: float) -> list[Effect]:
        bound = self.proposal.bound_by(plan, self._vote)
        busy = objections.to_finishing(plan, bound) if bound is not None else self._busy
        busy = busy or self._door.too_soon(plan, now)
        finished = None if busy or is_dropped(bound, plan) else bound
        if told := self._door.finishes(plan, asker, finished):
            return [*told, *self._finish(plan, now)]
        answer, taken = self._door.answer(plan, asker, busy, now=now)
        if not taken:
            return answer
        self.proposal.begin(plan)
        if not plan.request.kind.freezes:
            return [*answer, *self._collect(now)]
        return [*answer, *self._copy(plan, now)]

    def _finish(self, plan: Plan, now: float) -> list[Effect]:
        """Finish what was accepted here, without the votes of those that *plan* certifies dead."""
        self.proposal.certify(plan)
        if self.phase is Phase.ACCEPTING:
            return self._tell_if_decided()
        self.proposal.plan = None
        return self._collect(now)

    # ---- the steps -------------------------------------------------------------------------------

    def _wait(self, phase: Phase, now: float) -> None:
        self.phase = phase
        self._waits.begin(now)

    def _copy(self, plan: Plan, now: float) -> list[Effect]:
        """Have what moves copied, as far as can be foreseen."""
        assert self._replan is not None
        self._wait(Phase.COPYING, now)
        try:
            self.proposal.begin_to_copy(plan.topology(self._replan))
        except RefusedError as error:
            return self.proposal.end(error.message)
        return self.proposal.ask()

    def _copied(self, copied: say.CopiedAhead, now: float) -> list[Effect]:
        if not self.proposal.all_have_copied(copied):
            return []
        self._wait(Phase.FREEZING, now)
        return [SendToMember(self._view.leader, say.RequestCheckpoint(say.Purpose.CHANGE))]

    def _published(self, now: float) -> list[Effect]:
        return [] if set(self._view.workers) - self.proposal.done else self._collect(now)

    def _collect(self, now: float) -> list[Effect]:
        """Ask what the others hold; without a plan, to finish what was accepted here."""
        self._wait(Phase.COLLECTING, now)
        self.proposal.begin_to_ask()
        return self.proposal.ask()

    def _collected(self, sender: WorkerName, held: say.Holdings, now: float) -> list[Effect]:
        proposal = self.proposal
        if held.attempt != proposal.question:
            return []
        if held.restored:
            return proposal.abandon(objections.restored(sender)) if proposal.lacks(sender) else []
        proposal.holdings[sender] = held
        proposal.done.add(sender)
        if not proposal.promised:
            return proposal.ask() if sender == self._view.me.name else []
        change = choosing.accepted_change(proposal.holdings.values())
        dropped = change is None or is_dropped(change, proposal.plan)
        return self._stage(now) if change is None or dropped else self._accept(change, now)

    def _stage(self, now: float) -> list[Effect]:
        proposal = self.proposal
        if proposal.plan is None or self._replan is None:
            return proposal.abandon("nothing is accepted")
        try:
            proposal.change = compose(proposal.plan, proposal.holdings, self._replan)
        except RefusedError as error:
            return proposal.abandon(error.message)
        proposal.done = set()
        self._wait(Phase.STAGING, now)
        return proposal.ask()

    def _staged(self, staged: say.Staged, now: float) -> list[Effect]:
        proposal = self.proposal
        if staged.ballot != proposal.bids.ballot or proposal.change is None:
            return []
        if staged.problem:
            return proposal.cannot_be_staged(staged, now)
        proposal.done.add(staged.name)
        left = set(proposal.change.workers) - proposal.done
        return [] if left else self._accept(proposal.change, now)

    def _accept(self, change: Change, now: float) -> list[Effect]:
        self.proposal.change, self.proposal.done = change, set()
        self._wait(Phase.ACCEPTING, now)
        return self.proposal.ask()

    def _accepted(self, sender: WorkerName) -> list[Effect]:
        self.proposal.done.add(sender)
        return self._tell_if_decided()

    def _tell_if_decided(self) -> list[Effect]:
        """Tell it and adopt it. One that leaves stays for its vote, until another tells it."""
        proposal, view = self.proposal, self._view
        change = proposal.decided
        if change is None:
            return []
        own = obey(view.me, view.record, change) if change.has(view.me) else []
        return [*proposal.tell_decided(change), *own]

    def _timer(self, now: float) -> list[Effect]:
        if self.phase is Phase.IDLE:
            self._door.forget(now)
            self.proposal.plan, self._propose_at = None, next_turn(self._view, now)
            return self._collect(now) if self._vote.accepted else []
        progress = self.proposal.progress
        if self._waits.is_over(self.proposal, now):
            return self.proposal.give_up(f"no progress for {self._waits.wait_s:g} s, {progress}")
        again = self._tell_if_decided() if self.phase is Phase.ACCEPTING else []
        return [*self.proposal.tell_progress(progress), *self.proposal.ask(), *again]

    def _another_asks(self, question: str, ballot: Ballot, now: float) -> list[Effect]:
        if question == self.proposal.question:
            return []
        self._propose_at = next_turn(self._view, now)
        return self.proposal.another_asks(ballot)
