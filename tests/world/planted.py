"""The planted bugs: each is something that a careless change might do, and that must be caught."""

from typing import TYPE_CHECKING, Any

import attrs

from wallarood.control.effects import (
    DiscardCheckpoint,
    Effect,
    PublishSinks,
    ReadyToLeave,
    RecordCommitted,
    ReleaseBarrier,
    SendToMember,
    ShellEffect,
)
from wallarood.control.events import CommitRecorded, Event, SinksPublished
from wallarood.control.rounds.checkpoint_leader import CheckpointLeader
from wallarood.control.rounds.checkpoint_member import CheckpointMember, Phase
from wallarood.control.rounds.recovery_leader import Phase as Recovery
from wallarood.control.rounds.recovery_leader import RecoveryLeader
from wallarood.control.settings import MachineClasses as Classes
from wallarood.control.stale import Stamp
from wallarood.flow.align import Alignment
from wallarood.flow.link import LinkSender
from wallarood.flow.state.keyed import KeyedState
from wallarood.flow.transactions import Transactions
from wallarood.model.batch import Barrier, Mark
from wallarood.model.checkpoint import CheckpointId, CheckpointPart
from wallarood.model.ids import WorkerName
from wallarood.model.messages import Envelope, Purpose
from wallarood.runtime.dataflow.part_collector import PartCollector
from wallarood.storage.checkpoints import CheckpointStore

from .bugs import Bugs
from .job import Parts

if TYPE_CHECKING:
    from .node import Node


class HastyCheckpointLeader(CheckpointLeader):
    """Takes one worker less for all."""

    def _is_held(self, sender: WorkerName, number: int, now: float) -> list[Effect]:
        if number in self._held:
            self._held[number].add("nobody")
        return super()._is_held(sender, number, now)


class HastyLeader(RecoveryLeader):
    """Begins the round before the last worker has made the proposal durable."""

    def _absent(self) -> list[WorkerName]:
        absent = super()._absent()
        return absent[1:] if self.phase is Recovery.PROPOSED else absent


class SameLine(RecoveryLeader):
    """Goes on in the line that there was."""

    def _choose(self, now: float) -> list[Effect]:
        effects = super()._choose(now)
        if self._proposal is None:
            return effects
        before = max(each.line for each in self._holdings.values())
        chosen, self._proposal = self._proposal, attrs.evolve(self._proposal, line=before)
        return [
            SendToMember(each.name, self._proposal)
            if isinstance(each, SendToMember) and each.message == chosen
            else each
            for each in effects
        ]


class GoesByWhatIsKnown(RecoveryLeader):
    """Takes what nobody remembers to be committed for what was not."""

    def _may_be_older(self, number: int) -> bool:
        del number
        return False


class SelfishLeader(RecoveryLeader):
    """Does not ask what the others hold."""

    def _choose(self, now: float) -> list[Effect]:
        mine = self._holdings[self._me.name]
        self._holdings = {
            name: attrs.evolve(each, checkpoints=mine.checkpoints)
            for name, each in self._holdings.items()
        }
        return super()._choose(now)


class Forgetful(KeyedState):
    """Clears what has changed when it is captured, and not when that is committed."""

    def capture(self, number: int, since: int) -> None:
        super().capture(number, since)
        self._unsure.clear()


class Smeared(KeyedState):
    """Lets a state change while it waits to be encoded."""

    def touch(self, keys: Any) -> None:
        del keys


class Stubborn(Alignment):
    """Waits for the barrier that it has begun with, whatever comes."""

    def release(self, number: int) -> bool:
        del number
        return False

    def _take_barrier(self, source: Any, barrier: Barrier) -> tuple[Mark, ...]:
        if self._barrier is not None and barrier.number > self._barrier.number:
            self._shown.add(source)
            self.blocked = frozenset(self._shown)
            return ()
        return super()._take_barrier(source, barrier)


class OneTooFar(LinkSender):
    """Goes on one frame behind where it should."""

    def resume(self, received: Any) -> None:
        super().resume(received)
        self.next_unsent()


class NotCarried(Transactions):
    """Lists only what is new in a checkpoint."""

    def held_by(self, number: int) -> tuple[Any, ...]:
        new = tuple(each.transaction for each in self._prepared if each.number is None)
        super().held_by(number)
        return new


class NotRepublished(Transactions):
    """Takes what a checkpoint lists for published."""

    def __init__(self, restored: tuple[Any, ...] = ()) -> None:
        del restored
        super().__init__()


class Unreleased(PartCollector):
    """Lets an instance that ends stand for a checkpoint whose barrier it has not shown."""

    def released(self, number: int) -> None:
        del number


class AnyNumber(PartCollector):
    """Takes a late part of a checkpoint that was given up for one of that in progress."""

    def _collects(self, number: int) -> bool:
        del number
        return self.barrier is not None


class Lingering(CheckpointMember):
    """Does not leave before all sinks have published."""

    def step(self, event: Event, now: float) -> list[Effect]:
        effects = super().step(event, now)
        match event:
            case CommitRecorded() if ReadyToLeave() in effects:
                self.phase = Phase.LEAVING
                return [each for each in effects if each != ReadyToLeave()]
            case SinksPublished(number) if self._purposes.get(number) is Purpose.LEAVE:
                self.phase = Phase.LEFT
                return [*effects, ReadyToLeave()]
            case _:
                return effects


def given_up_is_void(_: "Node", effects: list[ShellEffect]) -> list[ShellEffect]:
    """What is held of a checkpoint goes as soon as it is given up, though others may hold it."""
    gone = [DiscardCheckpoint(e.number) for e in effects if isinstance(e, ReleaseBarrier)]
    return [*effects, *gone]


def giving_up_aborts(node: "Node", effects: list[ShellEffect]) -> list[ShellEffect]:
    """A checkpoint that is given up takes what sinks have prepared for it with it."""
    mine = node.running
    if mine is not None and mine.job is not None:
        for each in effects:
            if isinstance(each, ReleaseBarrier):
                mine.job.transactions = Transactions()
    return effects


def publish_before_record(_: "Node", effects: list[ShellEffect]) -> list[ShellEffect]:
    """Sinks publish before it is durable here that the checkpoint is committed."""
    early = [PublishSinks(e.number) for e in effects if isinstance(e, RecordCommitted)]
    return [*early, *effects]


def of_any_round(envelope: Envelope, ours: Stamp) -> bool:
    """Messages of older rounds are let in."""
    del envelope, ours
    return False


def late_is_welcome(store: CheckpointStore, part: CheckpointPart) -> CheckpointPart:
    """A write that began in an older round counts in this one."""
    number = part.checkpoint.number
    return attrs.evolve(part, checkpoint=CheckpointId(store.marks.round, number))


def written_is_committed(store: CheckpointStore, part: CheckpointPart) -> CheckpointPart:
    """A worker drops what is older than what it has written itself."""
    for number in [each for each in store._manifests if each < part.checkpoint.number]:
        if number > store.marks.committed or len(store._manifests) > 1:
            store.marks = type(store.marks)(
                store.marks.cluster_id,
                round=store.marks.round,
                highest=store.marks.highest,
                committed=max(store._manifests),
            )
    return part


PLANTED: dict[str, tuple[Bugs, str]] = {
    "a part is acknowledged before it is durable": (Bugs(early_ack=True), "which is not committed"),
    "committed at one worker less than all": (
        Bugs(classes=Classes(checkpoint_leader=HastyCheckpointLeader)),
        "which is not committed",
    ),
    "giving up aborts what sinks prepared": (
        Bugs(transform=giving_up_aborts),
        "the output is wrong",
    ),
    "the proposal is acknowledged before it is durable": (
        Bugs(early_accept=True),
        "which is not on the disk of",
    ),
    "the round begins before all have the proposal": (
        Bugs(classes=Classes(recovery_leader=HastyLeader)),
        "which is not on the disk of",
    ),
    "the leader goes by what it holds itself": (
        Bugs(classes=Classes(recovery_leader=SelfishLeader)),
        "which is not committed|which it lacks",
    ),
    "a late write of an older round counts": (
        Bugs(unordered=True, part=late_is_welcome),
        "goes back to| sees ",
    ),
    "a worker drops what is not known committed": (
        Bugs(part=written_is_committed),
        "lacks checkpoint",
    ),
    "changes are cleared at an uncommitted checkpoint": (
        Bugs(parts=Parts(state=Forgetful)),
        "records in its state",
    ),
    "a state changes before it is encoded": (Bugs(parts=Parts(state=Smeared)), " sees "),
    "published before the commit is recorded": (
        Bugs(transform=publish_before_record),
        "has not recorded it as committed",
    ),
    "what is prepared is not carried on": (
        Bugs(parts=Parts(transactions=NotCarried)),
        "the output is wrong",
    ),
    "what is prepared is not published again": (
        Bugs(parts=Parts(transactions=NotRepublished)),
        "the output is wrong",
    ),
    "a stale round is let in": (Bugs(stale=of_any_round, any_round=True), "not done after"),
    "resend is off by one": (Bugs(parts=Parts(sender=OneTooFar)), "not done after"),
    "another life is taken for the same": (Bugs(start_counts=0), "not done after"),
    "a late part counts in a newer checkpoint": (
        Bugs(parts=Parts(collector=AnyNumber)),
        "records in its state",
    ),
    "a barrier waits for room among what is prepared": (
        Bugs(parts=Parts(room_for=2)),
        "not done after",
    ),
    "who leaves waits for what is published": (
        Bugs(classes=Classes(checkpoint_member=Lingering)),
        "let it leave",
    ),
    "what is given up is thrown away": (
        Bugs(transform=given_up_is_void),
        "goes back to|lacks checkpoint",
    ),
}
"""Each with what is said of it: the violation that it must be caught by, a regular expression."""

PLANTED_LINES: dict[str, tuple[Bugs, str]] = {
    "the line is not raised": (
        Bugs(classes=Classes(recovery_leader=SameLine)),
        "was published in line 0",
    ),
    "the line is not raised when nobody remembers": (
        Bugs(classes=Classes(recovery_leader=GoesByWhatIsKnown)),
        "was published in line 0",
    ),
    "the line is not durable before the proposal is acted on": (
        Bugs(forgets_line=True),
        "begins line 1 after line 0, and line 0 is on its disk",
    ),
}
"""As `PLANTED`, when a copy of a disk is put back."""

PLANTED_ENDS: dict[str, tuple[Bugs, str]] = {
    "an instance that ends stands for what was released": (
        Bugs(parts=Parts(collector=Unreleased)),
        "the sources had read",
    ),
}
"""As `PLANTED`, when the last source to end stands still."""

PLANTED_MISSED: dict[str, tuple[Bugs, str]] = {
    "an alignment is not released": (Bugs(parts=Parts(alignment=Stubborn)), "not done after"),
}
"""As `PLANTED`, when a worker never hears of a checkpoint."""
