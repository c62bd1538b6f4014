"""What a worker proposes: how far that has come, and what is said of it to whom."""

from collections.abc import Iterable

import attrs

from wallarood.control.change.proposing.bids import Bids
from wallarood.control.change.proposing.changer_phases import Phase
from wallarood.control.change.proposing.composing import Plan, decides
from wallarood.control.change.proposing.requests import Door
from wallarood.control.change.view import View
from wallarood.control.effects import Effect, Level, Report, SendToMember
from wallarood.model import messages as say
from wallarood.model.change import Change, Vote
from wallarood.model.ids import Ballot, WorkerName
from wallarood.model.topology import Topology

WAITS = {
    Phase.COPYING: "copying what moves while records flow",
    Phase.FREEZING: "taking a checkpoint after which all sources stand still",
    Phase.PUBLISHING: "publishing what that checkpoint holds",
    Phase.COLLECTING: "asking which checkpoints the members hold",
    Phase.STAGING: "making what moves durable",
    Phase.ACCEPTING: "deciding",
}
"""What is done in each phase, in words."""
_ANSWERED = frozenset(Phase) - {Phase.IDLE, Phase.FREEZING}
"""The phases in which each member says when it has done its part."""


@attrs.define(eq=False)
class Proposal:
    """The change that is brought about here, one after the other.

    `plan` is None where one is finished that another worker has proposed. `done` are those who have
    done what is waited for in this phase.
    """

    view: View
    door: Door
    bids: Bids
    phase: Phase = Phase.IDLE
    plan: Plan | None = None
    change: Change | None = None
    done: set[WorkerName] = attrs.field(factory=set)
    holdings: dict[WorkerName, say.Holdings] = attrs.field(factory=dict)
    topology: Topology | None = None
    """What is foreseen of the next epoch, where it is copied ahead."""
    frozen: int = 0
    """The checkpoint after whose barrier no source moves."""
    abandoned: bool = False
    """Whether one was abandoned, and nothing was heard of a round that follows from that."""
    certified: set[WorkerName] = attrs.field(factory=set)
    """The members that an operator has certified dead: no vote of theirs is waited for."""
    _questions: int = 0
    _copies: int = 0

    def begin(self, plan: Plan) -> None:
        """Another change is taken up."""
        self.plan, self.change, self.done, self.frozen = plan, None, set(), 0
        self.certify(plan)

    def certify(self, plan: Plan) -> None:
        """Who is certified dead in a request is so whatever is proposed, unless it is heard of."""
        self.certified |= set(plan.gone if plan.request.certified else ())

    def begin_to_copy(self, topology: Topology) -> None:
        """Ask all that take over something in *topology* to copy it while records flow."""
        self.topology, self.done, self._copies = topology, set(), self._copies + 1

    @property
    def copies(self) -> str:
        """The name of the last request to copy."""
        life = self.view.me.incarnation
        return f"{life.starts}-{life.nonce}-copy-{self._copies}"

    def begin_to_ask(self) -> None:
        """Ask all what they hold, with a ballot above all that are known."""
        self.phase, self._questions = Phase.COLLECTING, self._questions + 1
        self.change, self.done, self.holdings = None, set(), {}
        self.bids.bid()

    @property
    def question(self) -> str:
        """The name of the last question."""
        life = self.view.me.incarnation
        return f"{life.starts}-{life.nonce}-change-{self._questions}"

    @property
    def asks(self) -> bool:
        """Whether its ballot counts: a higher one ends it."""
        return self.phase in (Phase.COLLECTING, Phase.STAGING, Phase.ACCEPTING)

    @property
    def promised(self) -> bool:
        """Whether enough have promised: all that stay; or to finish a change, so many as decide it.

        That is a majority, or all that are not certified dead by a change that one has accepted: no
        other change can have been decided without any of them.
        """
        if self.plan is None:
            votes = [each.accepted for each in self.holdings.values() if each.accepted is not None]
            accepted = [each.change for each in votes if each.change is not None]
            enough = any(decides(self.view, each, self.done, self.certified) for each in accepted)
            return enough or len(self.done) >= self.view.majority
        return self.done >= set(self.plan.needed)

    def lacks(self, name: WorkerName) -> bool:
        """Whether the promise of *name*, which has a restored directory, is needed here."""
        self.view.restored.add(name)
        return self.plan is not None and name in self.plan.needed

    @property
    def decided(self) -> Change | None:
        """The change, if enough have accepted it."""
        change = self.change
        found = change is not None and decides(self.view, change, self.done, self.certified)
        return change if found else None

    def bound_by(self, plan: Plan, vote: Vote) -> Change | None:
        """What is being decided, where *plan* says that those are dead whose votes are missing."""
        finishes = self.phase is Phase.COLLECTING and self.plan is None
        if not plan.request.certified:
            return None
        if self.phase is Phase.ACCEPTING:
            return self.change
        return vote.change if finishes or self.phase is Phase.IDLE else None

    @property
    def everybody(self) -> tuple[WorkerName, ...]:
        """Those who have something to do in this phase."""
        if self.phase is Phase.STAGING and self.change is not None:
            return self.change.workers
        if self.phase is Phase.COPYING and self.topology is not None:
            return self.topology.workers
        return self.view.workers

    def all_here(self, now: float) -> bool:
        """Whether those that have something left to do in this phase are heard of."""
        left = set(self.everybody) - self.done
        members = set(self.view.workers) - {self._joiner}
        away = left & set(self.view.away) & members
        return not away and (left <= members or self.door.is_there(now))

    def bounded(self, until: float) -> float:
        """Until when is waited: a worker that was to join, and is gone, is not waited for long."""
        joiner = self._joiner
        return until if joiner is None or joiner in self.done else self.door.bounded(until)

    @property
    def progress(self) -> str:
        """What is waited for, in words; empty if nothing is."""
        if self.phase is Phase.IDLE:
            return self.door.progress
        left = [name for name in self.everybody if name not in self.done]
        waits = f"; waiting for {', '.join(left)}" if left and self.phase in _ANSWERED else ""
        return f"change to epoch {self.view.epoch + 1}: {WAITS[self.phase]}{waits}"

    def ask(self, names: Iterable[WorkerName] | None = None) -> list[Effect]:
        """Say what is wanted to those that have not done it; to this worker first, if it bids."""
        me = self.view.me.name
        if self.phase is Phase.COLLECTING and me not in self.done:
            names = (me,)
        left = [name for name in self.everybody if name not in self.done]
        absent = left if names is None else [name for name in names if name in left]
        wanted = self._wanted()
        return (
            [] if wanted is None else [each for name in absent for each in self._to(name, wanted)]
        )

    def ask_again(self, name: WorkerName) -> list[Effect]:
        """A member is back: what it may have missed. The leader must hear of one abandoned."""
        self.certified.discard(name)
        is_over = self.abandoned and self.phase is Phase.IDLE and name == self.view.leader
        over = [SendToMember(name, say.ChangeProgress(self.bids.ballot, ""))] if is_over else []
        return [*over, *self.ask([name])]

    def another_asks(self, ballot: Ballot) -> list[Effect]:
        """A round or a change is under way that others know of."""
        self.abandoned = False
        self.bids.heard(ballot)
        counts = not self.asks or self.bids.outbid
        return self.end("the cluster recovers") if counts else []

    def _wanted(self) -> say.ControlMessage | None:
        record, change, ballot = self.view.record, self.change, self.bids.ballot
        if self.phase is Phase.COPYING and self.topology is not None:
            cluster_id, old = record.cluster_id, self.view.members
            return say.CopyAhead(self.copies, cluster_id, self.topology, record.topology, old)
        if self.phase is Phase.COLLECTING:
            return say.Collect(self.question, ballot)
        if self.phase is Phase.STAGING and change is not None:
            cluster, was = (record.cluster_id, record.initializer), self.view.layout(change.layout)
            return say.Stage(ballot, *cluster, change, was.topology, was.members)
        if self.phase is Phase.ACCEPTING and change is not None:
            return say.Accept(ballot, change)
        return None

    def _to(self, name: WorkerName, message: say.ControlMessage) -> list[Effect]:
        if name in self.view.workers and name != self._joiner:
            return [SendToMember(name, message)]
        theirs = isinstance(message, say.CopyAhead | say.Stage)
        return self.door.tell(message) if theirs else []

    @property
    def _joiner(self) -> WorkerName | None:
        """The name of the worker that joins, which may be that of the member that it replaces."""
        joiner = self.plan.request.joiner if self.plan is not None else None
        return joiner.name if joiner is not None else None

    def all_have_copied(self, copied: say.CopiedAhead) -> bool:
        """Whether all have copied what they could, now that one more says so."""
        if copied.name != self.copies:
            return False
        self.done.add(copied.worker)
        return not set(self.everybody) - self.done

    # ---- the end of one --------------------------------------------------------------------------

    def is_outbid(self, promised: Ballot) -> list[Effect]:
        """Somebody heeds another ballot."""
        self.bids.heard(promised)
        counts = self.asks and self.bids.outbid
        return self.end(f"{promised.name} has proposed at a higher ballot") if counts else []

    def end(self, why: str) -> list[Effect]:
        """It can come to nothing any more: whoever is ahead of it says what follows."""
        if self.phase is Phase.IDLE:
            return []
        self.phase = Phase.IDLE
        return self.door.answer_again(self.plan, why)

    def abandon(self, why: str) -> list[Effect]:
        """Nothing was accepted: tell all, so that the leader begins a round in this epoch."""
        self.abandoned = True
        said = Report(f"the change is abandoned: {why}", Level.WARNING)
        return [said, *self.tell_progress(""), *self.end(why)]

    def cannot_be_staged(self, staged: say.Staged, now: float) -> list[Effect]:
        """One of those that take something over says why it cannot."""
        if self._joiner is not None:
            self.door.put_off(self._joiner, now)
        return self.abandon(f"{staged.name} cannot take over its part: {staged.problem}")

    def give_up(self, why: str) -> list[Effect]:
        """Nothing moves on. Where only copies were made ahead, nothing stands still for it."""
        if self.plan is None:
            return self.end("")
        return self.end(why) if self.phase is Phase.COPYING else self.abandon(why)

    # ---- what is told ----------------------------------------------------------------------------

    def tell_progress(self, text: str) -> list[Effect]:
        """Tell all how far it has come; with no text, that nothing comes of it."""
        told = say.ChangeProgress(self.bids.ballot, text)
        return [SendToMember(name, told) for name in self.view.workers]

    def tell_decided(self, change: Change) -> list[Effect]:
        """Tell those that stay or join that it is decided.

        Who leaves hears it only from one that has adopted it: its vote may be needed until then.
        """
        decided = say.Decided(self.view.record.cluster_id, change)
        stay = set(change.workers) - {self.view.me.name}
        others = [name for name in self.view.workers if name in stay]
        return [*(SendToMember(name, decided) for name in others), *self.door.tell(decided)]
