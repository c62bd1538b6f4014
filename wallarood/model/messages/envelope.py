"""All control messages as one tagged union, and the envelope that each of them travels in.

The tag is the name of the class.
"""

from typing import TypeAlias

import attrs

from wallarood.model.ids import ClusterId
from wallarood.model.messages.change import ChangeMessage
from wallarood.model.messages.checkpoints import CheckpointMessage
from wallarood.model.messages.completion import CompletionMessage
from wallarood.model.messages.formation import FormationMessage
from wallarood.model.messages.membership import MembershipMessage
from wallarood.model.messages.recovery import RecoveryMessage

ControlMessage: TypeAlias = (
    FormationMessage
    | MembershipMessage
    | RecoveryMessage
    | CheckpointMessage
    | CompletionMessage
    | ChangeMessage
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
