"""The machines of one round on one worker: its part in checkpoints, the leader's, the end."""

import attrs

from wallarood.control.rounds.checkpoint_leader import CheckpointLeader
from wallarood.control.rounds.checkpoint_member import CheckpointMember
from wallarood.control.rounds.completion import Completion, Phase
from wallarood.model.messages import RoundProposal


@attrs.frozen
class ActiveRound:
    """The round of *proposal*. Only the leader has a `checkpoint_leader`."""

    proposal: RoundProposal
    checkpoint_member: CheckpointMember
    completion: Completion
    checkpoint_leader: CheckpointLeader | None

    machines: tuple[CheckpointMember | CheckpointLeader | Completion, ...] = attrs.field(init=False)
    """The machines, in the order in which they are given an event."""

    @machines.default
    def _all(self) -> tuple[CheckpointMember | CheckpointLeader | Completion, ...]:
        leading = () if self.checkpoint_leader is None else (self.checkpoint_leader,)
        return (self.checkpoint_member, *leading, self.completion)

    @property
    def completed(self) -> bool:
        """Whether the job is done."""
        return self.completion.phase is Phase.COMPLETED
