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

from enum import Enum
from typing import ClassVar

from wallarood.control.effects import Effect, Level, Report, SendToMember, WaitingFor
from wallarood.control.events import (
    Event,
    MemberDown,
    MemberMessage,
    MemberUp,
    TimerFired,
)
from wallarood.control.machine import Table, transition
from wallarood.model.checkpoint import CheckpointId
from wallarood.model.errors import DamagedStateError
from wallarood.model.ids import WorkerName
from wallarood.model.messages import (
    Collect,
    Holdings,
    Member,
    Refused,
    Resume,
    RoundAccepted,
    RoundProposal,
)

ASK_AGAIN_S = 2.0


class Phase(Enum):
    """How far the leader has brought the round."""

    GATHERING = "gathering"
    """Not all members are attached."""
    COLLECTING = "collecting"
    PROPOSED = "proposed"
    RUNNING = "running"


G, C, P, R = Phase

# Where each event may lead in each phase. Empty: a straggler, dropped.
TRANSITIONS: dict[tuple[Phase, type], frozenset[Phase]] = {
    (G, MemberUp): frozenset({G, C}),
    (C, MemberUp): frozenset({C, G}),
    (P, MemberUp): frozenset({P, C, G}),
    (R, MemberUp): frozenset({R, G, C}),
    (G, MemberDown): frozenset({G}),
    (C, MemberDown): frozenset({C}),
    (P, MemberDown): frozenset({P}),
    (R, MemberDown): frozenset({R}),
    (G, Holdings): frozenset(),
    (C, Holdings): frozenset({C, P, G}),
    (P, Holdings): frozenset(),
    (R, Holdings): frozenset(),
    (G, RoundAccepted): frozenset(),
    (C, RoundAccepted): frozenset(),
    (P, RoundAccepted): frozenset({P, R}),
    (R, RoundAccepted): frozenset({R}),
    (G, TimerFired): frozenset(),
    (C, TimerFired): frozenset({C}),
    (P, TimerFired): frozenset({P}),
    (R, TimerFired): frozenset(),
}


class RecoveryLeader:
    """The machine of the leader. *me* is its own entry; *workers* are all members."""

    TRANSITIONS: ClassVar[Table] = TRANSITIONS
    INPUTS: ClassVar[tuple[type, ...]] = (
        MemberUp,
        MemberDown,
        TimerFired,
        Holdings,
        RoundAccepted,
    )

    def __init__(self, me: Member, workers: tuple[WorkerName, ...]) -> None:
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

    @property
    def deadline(self) -> float | None:
        """When `TimerFired` is due; None: never."""
        waiting = self.phase in (Phase.COLLECTING, Phase.PROPOSED)
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
                return [] if self.phase is Phase.RUNNING else [self._waiting_for()]
            case MemberMessage(sender, Holdings() as holdings):
                return self._collected(sender, holdings, now)
            case MemberMessage(sender, RoundAccepted(number)):
                return self._accepted(sender, number)
            case TimerFired():
                return self._ask_again(now)
            case _:
                return []

    # ---- who is there ----------------------------------------------------------------------------

    def _up(self, member: Member, now: float) -> list[Effect]:
        self._present[member.name] = member
        self._away.discard(member.name)
        if self.phase is Phase.GATHERING:
            return self._gather(now)
        known = self._asked.get(member.name)
        if known is None or known.incarnation != member.incarnation:
            again = Report(_rolling_back(member.name), Level.WARNING)
            lost = [again] if self.phase is Phase.RUNNING else []
            return [*lost, *self._gather(now)]
        return [*self._say_again(member.name), self._waiting_for()]

    def _say_again(self, name: WorkerName) -> list[Effect]:
        """What a member that was away may have missed."""
        if self.phase is Phase.COLLECTING:
            return [SendToMember(name, Collect(self._attempt))]
        assert self._proposal is not None
        if self.phase is Phase.PROPOSED:
            return [SendToMember(name, self._proposal)]
        return [SendToMember(name, Resume(self._proposal.round))]

    @property
    def _attempt(self) -> str:
        return f"{self._me.incarnation.starts}-{self._me.incarnation.nonce}-{self._attempts}"

    def _gather(self, now: float) -> list[Effect]:
        """Ask all what they hold, if all are there."""
        if any(name not in self._present or name in self._away for name in self._workers):
            self.phase = Phase.GATHERING
            return [self._waiting_for()]
        self.phase, self._attempts = Phase.COLLECTING, self._attempts + 1
        self._asked, self._holdings, self._proposal = dict(self._present), {}, None
        self._ask_again_at = now + ASK_AGAIN_S
        return [
            *(SendToMember(name, Collect(self._attempt)) for name in self._workers),
            self._waiting_for(),
        ]

    def _waiting_for(self) -> WaitingFor:
        absent = self._absent()
        count = len(self._workers)
        text = f"waiting for {len(absent)} of {count} workers: {', '.join(absent)}"
        doing = {
            Phase.GATHERING: "",
            Phase.COLLECTING: " to say what they hold",
            Phase.PROPOSED: " to write the proposal",
            Phase.RUNNING: "",
        }[self.phase]
        return WaitingFor(text + doing if absent else "")

    def _absent(self) -> list[WorkerName]:
        done: set[WorkerName] = {
            Phase.GATHERING: set(self._present) - self._away,
            Phase.COLLECTING: set(self._holdings),
            Phase.PROPOSED: self._accepted_by,
            Phase.RUNNING: set(self._workers),
        }[self.phase]
        return [name for name in self._workers if name not in done]

    def _ask_again(self, now: float) -> list[Effect]:
        self._ask_again_at = now + ASK_AGAIN_S
        return [each for name in self._absent() for each in self._say_again(name)]

    # ---- the proposal ----------------------------------------------------------------------------

    def _collected(self, sender: WorkerName, holdings: Holdings, now: float) -> list[Effect]:
        if holdings.attempt != self._attempt:
            return []
        self._holdings[sender] = holdings
        if self._absent():
            return [self._waiting_for()]
        return self._choose(now)

    def _choose(self, now: float) -> list[Effect]:
        everything = self._holdings.values()
        common = frozenset.intersection(*(frozenset(each.checkpoints) for each in everything))
        known = max((each.committed for each in everything), key=_number)
        if not common:
            return self._nothing_common(known, now)
        checkpoint = max(common, key=_number)
        older = checkpoint.number < known.number
        line = max(each.line for each in everything)
        if older or self._may_be_older(checkpoint.number):
            line += 1
        self._proposal = RoundProposal(
            self._attempt,
            max(each.round for each in everything) + 1,
            checkpoint,
            max(each.highest for each in everything),
            tuple(self._asked[name] for name in self._workers),
            line,
        )
        self.phase, self._accepted_by = Phase.PROPOSED, set()
        self._ask_again_at = now + ASK_AGAIN_S
        text = f"round {self._proposal.round} starts from checkpoint {checkpoint}"
        if older:
            text += (
                f", which is older than {known}: output published after it will be produced again"
            )
        return [
            Report(text, Level.WARNING if older else Level.INFO),
            *(SendToMember(name, self._proposal) for name in self._workers),
            self._waiting_for(),
        ]

    def _may_be_older(self, number: int) -> bool:
        """Whether what is above a checkpoint, and held by some, may have been published.

        A member that was alone in knowing it committed may have come back with a copy of its state
        that was made before. That cannot be told from a member that never held it. Another line is
        safe in either case; it is not begun at each crash because copies are put back only while a
        checkpoint is kept, which need not be the one that the round starts from.
        """
        everything = self._holdings.values()
        kept = any(each <= number for holdings in everything for each in holdings.kept)
        return kept and any(max(map(_number, each.checkpoints)) > number for each in everything)

    def _nothing_common(self, known: CheckpointId, now: float) -> list[Effect]:
        """Somebody lacks what is known committed: tell it what is missing; the others wait."""
        lacking = [name for name, each in self._holdings.items() if known not in each.checkpoints]
        effects: list[Effect] = []
        for name in lacking:
            held = ", ".join(str(each) for each in self._holdings[name].checkpoints) or "none"
            reason = (
                f"{name} lacks checkpoint {known}, which the cluster has committed (it holds "
                f"{held}): put back its state directory, or a copy that was made at a checkpoint "
                "which the others have kept (wallarooctl checkpoint --keep), or stop all workers "
                "and start them without --cluster-id for a new cluster"
            )
            effects += [
                Report(f"refused: {reason}", Level.WARNING),
                SendToMember(name, Refused(reason, DamagedStateError.exit_code)),
            ]
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
        resume = Resume(number)
        return [*(SendToMember(name, resume) for name in self._workers), self._waiting_for()]


def _number(checkpoint: CheckpointId) -> int:
    return checkpoint.number


def _rolling_back(name: WorkerName) -> str:
    return f"{name} restarted; rolling all workers back to the last common checkpoint"
