"""All control messages as one tagged union, and the envelope that each of them travels in.

The tag is the name of the class.
"""

from typing import TypeAlias

import attrs

from wallarood.model.ids import ClusterId
from wallarood.model.messages.checkpoints import (
    CheckpointAbandoned,
    CheckpointCommitted,
    CheckpointFailed,
    CheckpointHeld,
    CheckpointProgress,
    DropKept,
    RequestCheckpoint,
    TakeCheckpoint,
)
from wallarood.model.messages.completion import Completed, Drained, Published
from wallarood.model.messages.formation import (
    Busy,
    Committed,
    Inquiry,
    Join,
    Never,
    Prepared,
    Proposal,
    Refused,
    Waiting,
)
from wallarood.model.messages.membership import (
    Attach,
    Attached,
    Heartbeat,
    JobFailed,
    Leaving,
    NewTopology,
    ShutDown,
    StatusTold,
    StatusWanted,
)
from wallarood.model.messages.recovery import (
    Collect,
    Holdings,
    Resume,
    RoundAccepted,
    RoundProposal,
)

ControlMessage: TypeAlias = (
    Join
    | Waiting
    | Proposal
    | Prepared
    | Committed
    | Inquiry
    | Never
    | Refused
    | Busy
    | Attach
    | Attached
    | NewTopology
    | Heartbeat
    | StatusWanted
    | StatusTold
    | Leaving
    | Collect
    | Holdings
    | RoundProposal
    | RoundAccepted
    | Resume
    | RequestCheckpoint
    | TakeCheckpoint
    | CheckpointProgress
    | CheckpointHeld
    | CheckpointFailed
    | CheckpointCommitted
    | CheckpointAbandoned
    | DropKept
    | Drained
    | Published
    | Completed
    | JobFailed
    | ShutDown
)


@attrs.frozen
class Envelope:
    """What every control message carries besides itself.

    `cluster_id` is empty and `epoch` 0 as long as no cluster exists for the sender. `sequence`
    counts the messages of one connection in one direction from 0.
    """

    cluster_id: ClusterId
    epoch: int
    round: int
    sequence: int
    message: ControlMessage
