"""Every member's part in a change besides its vote: what is published, what is staged."""
# Theory of operation
# ===================
# For a planned change each member copies what it will take over, as far as that is there, while
# records flow. Then a checkpoint is taken after whose barrier no source moves. When the sinks
# here have published it, all members are told: one of them proposes. Then each member makes durable
# what it will have in the new epoch, beside what it has, and says so: from that moment on the
# change may be accepted, and adopting it needs no other worker. Of two proposals the one with the
# higher ballot is staged.

from enum import Enum
from typing import ClassVar

from wallarood.control.change.decided import adopted, effect_of
from wallarood.control.change.effects import StageChange
from wallarood.control.change.events import AheadCopied, ChangeStaged, StagingFailed
from wallarood.control.change.view import View
from wallarood.control.effects import Effect, SendToMember
from wallarood.control.events import Event, MemberMessage, MemberUp, SinksPublished
from wallarood.control.machine import Table, transition
from wallarood.model.cluster_record import Layout
from wallarood.model.ids import NO_BALLOT, Ballot, WorkerName
from wallarood.model.messages import (
    ChangePublished,
    CopiedAhead,
    CopyAhead,
    Purpose,
    Stage,
    Staged,
    TakeCheckpoint,
)


class Phase(Enum):
    """What is staged here."""

    NOTHING = "nothing"
    STAGING = "staging"
    STAGED = "staged"


N, G, D = Phase

# Where each event may lead in each phase. Empty: a straggler, dropped.
TRANSITIONS: dict[tuple[Phase, type], frozenset[Phase]] = {
    **{
        (phase, kind): frozenset({phase})
        for phase in Phase
        for kind in (TakeCheckpoint, SinksPublished, MemberUp, CopyAhead, AheadCopied)
    },
    (N, Stage): frozenset({G}),
    (G, Stage): frozenset({G}),
    (D, Stage): frozenset({D, G}),
    (G, ChangeStaged): frozenset({G, D}),
    (G, StagingFailed): frozenset({G, N}),
    **{(phase, kind): frozenset() for phase in (N, D) for kind in (ChangeStaged, StagingFailed)},
}


class Participant:
    """The machine of one member; *view* is that of the node."""

    TRANSITIONS: ClassVar[Table] = TRANSITIONS
    INPUTS: ClassVar[tuple[type, ...]] = (
        TakeCheckpoint,
        SinksPublished,
        MemberUp,
        CopyAhead,
        AheadCopied,
        Stage,
        ChangeStaged,
        StagingFailed,
    )

    def __init__(self, view: View) -> None:
        self.phase = Phase.NOTHING
        self._view = view
        self._taken = 0
        self._published = 0
        self._ballot: Ballot = NO_BALLOT
        self._proposer: WorkerName = view.leader
        self._copying = ""
        self._copied = ""

    @property
    def progress(self) -> str:
        """What this member waits for in a change, in words; empty if for nothing."""
        if self.phase is Phase.NOTHING or self._view.running:
            return ""
        epoch, staged = self._view.epoch + 1, self.phase is Phase.STAGED
        done = "what this worker has in it is durable; waiting for the others"
        return f"change to epoch {epoch}: {done if staged else 'making what moves durable'}"

    @property
    def deadline(self) -> None:
        """Never: who proposes has deadlines."""

    def step(self, event: Event, now: float) -> list[Effect]:
        """Take one event, return what is to be done about it."""
        return transition(self, event, now)

    def take(self, event: Event, now: float) -> list[Effect]:  # noqa: ARG002 - as all machines
        """Do what is done with an event that the table lets in."""
        match event:
            case MemberMessage(_, TakeCheckpoint(number, Purpose.CHANGE)):
                self._taken = number
                return []
            case SinksPublished(number) if number == self._taken > self._published:
                self._published = number
                return [SendToMember(name, ChangePublished(number)) for name in self._view.workers]
            case MemberUp(member) if self._published:
                return [SendToMember(member.name, ChangePublished(self._published))]
            case MemberMessage(sender, CopyAhead() as copy):
                return self._copy(sender, copy)
            case AheadCopied(name) if name == self._copying:
                self._copied = name
                return [self._say_copied()]
            case MemberMessage(sender, Stage() as stage):
                return self._stage(sender, stage)
            case ChangeStaged(ballot) if ballot == self._ballot:
                self.phase = Phase.STAGED
                return [self._say()]
            case StagingFailed(ballot, reason) if ballot == self._ballot:
                self.phase = Phase.NOTHING
                return [self._say(reason)]
            case _:
                return []

    def _copy(self, sender: WorkerName, copy: CopyAhead) -> list[Effect]:
        self._proposer = sender
        if self.phase is Phase.STAGING:  # it would take the place of what counts
            self._copying = self._copied = copy.name
        if copy.name == self._copying:
            return [self._say_copied()] if copy.name == self._copied else []
        self._copying = copy.name
        return [effect_of(copy)]

    def _say_copied(self) -> Effect:
        return SendToMember(self._proposer, CopiedAhead(self._copied, self._view.me.name))

    def _stage(self, sender: WorkerName, stage: Stage) -> list[Effect]:
        if stage.ballot < self._ballot:
            return []
        if stage.ballot == self._ballot and self.phase is not Phase.NOTHING:
            return [self._say()] if self.phase is Phase.STAGED else []
        self.phase, self._ballot, self._proposer = Phase.STAGING, stage.ballot, sender
        before = Layout(stage.previous, stage.old_members)
        record = adopted(self._view.record, stage.change, before)
        return [StageChange(stage.ballot, record, stage.previous, stage.old_members)]

    def _say(self, problem: str = "") -> Effect:
        me = self._view.me
        return SendToMember(self._proposer, Staged(self._ballot, me.name, me.seat, problem))
