"""What counts as done here only when it is on the disk of the next worker, too."""
# Theory of operation
# ===================
# Where replicas are kept, a part that has been written is held only when its copy is, and a round
# that has been written is accepted only when the holder has the part that it starts from. So what
# the shell reports of either is kept back from the machines of rounds until the replicator says
# that it is copied. They know nothing of copies.
#
# A part is sent while it is written here: the two disks work at the same time. Where it is copied
# first, that is found out again when it is written.
#
# Three things let a round go on without its copy. In the first round of a new epoch the ring is a
# new one, and copying all state may take long: until a checkpoint is committed, one more loss is
# fatal, and status says so. So it is where the holder turns out to lack what is known committed, as
# where no copies were kept until now: who waited would make nothing safer, and what is new is not
# committed without its copy. And a new question of recovery is answered at once: the holder may be
# away, or asked as well, and that copy may never come.

import attrs

from wallarood.control.effects import Effect
from wallarood.control.events import Event, MemberMessage, RoundWritten, SnapshotWritten
from wallarood.control.replicas.effects import Copied
from wallarood.control.replicas.events import HolderHas, OfReplicas, PartToCopy, RoundOver
from wallarood.control.replicas.holder import Holder
from wallarood.control.replicas.replicator import Replicator
from wallarood.model.checkpoint import CheckpointId
from wallarood.model.cluster_record import ClusterRecord
from wallarood.model.ids import NO_BALLOT, Ballot
from wallarood.model.messages import Collect, RoundProposal


@attrs.define(eq=False)
class Copies:
    """The machines of replicas on one worker, in the epoch of *record*.

    Replicas are kept for whoever asks; without a *replicator* this worker has none of its own.
    """

    record: ClusterRecord
    holder: Holder
    replicator: Replicator | None
    _proposal: RoundProposal | None = attrs.field(default=None, init=False)
    _ballot: Ballot = attrs.field(default=NO_BALLOT, init=False)
    """The highest of the questions so far: nothing lower is heeded."""
    _kept_back: dict[CheckpointId, Event] = attrs.field(factory=dict, init=False)

    def proposed(self, proposal: RoundProposal) -> None:
        """This proposal is about to be written here."""
        self._proposal = proposal

    def take(self, event: Event, now: float) -> tuple[list[Effect], list[Event]]:
        """What is to be done, and what the machines of rounds are to be told now."""
        effects: list[Effect] = []
        for machine in (self.holder, self.replicator):
            if machine is not None and type(event) in machine.INPUTS:
                effects += machine.step(event, now)
        passed = self._passed(event)
        for checkpoint in self._to_copy(event):
            effects += self._replicate(checkpoint, now)
        copied = [each.checkpoint for each in effects if isinstance(each, Copied)]
        passed += [self._kept_back.pop(each) for each in copied if each in self._kept_back]
        if copied:
            self._forget_older(copied[-1])
        if isinstance(event, HolderHas):
            passed += self._lacked(event)
        return [each for each in effects if not isinstance(each, Copied)], passed

    @property
    def keeps_round(self) -> bool:
        """Whether a round that is written here waits for the copy of what it starts from."""
        return any(isinstance(each, RoundWritten) for each in self._kept_back.values())

    def _lacked(self, there: HolderHas) -> list[Event]:
        """The round, if the holder lacks a start that was committed without a copy.

        So it is of one that is known committed; and of any if not even an older one is there.
        """
        start = self._proposal.checkpoint if self._proposal is not None else None
        written = self._kept_back.get(start) if start is not None else None
        if start is None or not isinstance(written, RoundWritten):
            return []
        without = start.number <= written.committed or (written.committed and not there.parts)
        return [self._kept_back.pop(start)] if without else []

    def _forget_older(self, than: CheckpointId) -> None:
        """Only the newest part is sent: those that were written before it never will be."""
        self._kept_back = {
            checkpoint: event
            for checkpoint, event in self._kept_back.items()
            if checkpoint.number > than.number or isinstance(event, RoundWritten)
        }

    def _passed(self, event: Event) -> list[Event]:
        """What the machines of rounds are told at once; the rest is kept back."""
        match event:
            case RoundOver():
                self._kept_back = {}
                return []
            case MemberMessage(_, Collect() as asked):
                return [event, *self._overtaken(asked)]
            case MemberMessage():
                return [event]
            case _ if isinstance(event, OfReplicas):
                return []
            case RoundWritten() | SnapshotWritten() if self._keeps_back(event):
                return []
            case _:
                return [event]

    def _keeps_back(self, event: RoundWritten | SnapshotWritten) -> bool:
        if self.replicator is None or self._proposal is None:
            return False
        if isinstance(event, SnapshotWritten):
            self._kept_back[CheckpointId(self._proposal.round, event.number)] = event
            return True
        if event.round != self._proposal.round or self._ring_is_new(self._proposal.checkpoint):
            return False
        self._kept_back = {self._proposal.checkpoint: event}
        return True

    def _to_copy(self, event: Event) -> list[CheckpointId]:
        if self._proposal is None:
            return []
        match event:
            case RoundWritten(number) if number == self._proposal.round:
                return [self._proposal.checkpoint]
            case SnapshotWritten(number):
                return [CheckpointId(self._proposal.round, number)]
            case _:
                return []

    def _replicate(self, checkpoint: CheckpointId, now: float) -> list[Effect]:
        if self.replicator is None or self._proposal is None:
            return []
        return self.replicator.step(PartToCopy(checkpoint, self._proposal.round), now)

    def _overtaken(self, asked: Collect) -> list[Event]:
        """What is not waited for any longer, since a newer question is to be answered."""
        newer = self._proposal is None or asked.attempt != self._proposal.attempt
        heeded, self._ballot = asked.ballot >= self._ballot, max(asked.ballot, self._ballot)
        if not newer or not heeded:
            return []
        written = [each for each in self._kept_back.items() if isinstance(each[1], RoundWritten)]
        for checkpoint, _ in written:
            del self._kept_back[checkpoint]
        return [event for _, event in written]

    def _ring_is_new(self, checkpoint: CheckpointId) -> bool:
        change = self.record.change
        return change is not None and checkpoint.number <= change.basis.number
