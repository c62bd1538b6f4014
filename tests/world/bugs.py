"""Planted bugs: each is something that a careless change might do, and that must be caught."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import attrs

from wallarood.control.effects import Effect
from wallarood.control.rounds.checkpoint_leader import CheckpointLeader
from wallarood.control.rounds.checkpoint_member import CheckpointMember
from wallarood.control.rounds.recovery_leader import RecoveryLeader
from wallarood.control.rounds.recovery_member import RecoveryMember
from wallarood.control.stale import Stamp, is_stale
from wallarood.model.checkpoint import CheckpointPart
from wallarood.model.messages import Envelope
from wallarood.storage.checkpoints import CheckpointStore

from .job import Parts

if TYPE_CHECKING:
    from .node import Node


def as_it_is(_store: CheckpointStore, part: CheckpointPart) -> CheckpointPart:
    """A part as the job has made it."""
    return part


def faithfully(_node: "Node", effects: list[Effect]) -> list[Effect]:
    """Effects as the machine wants them."""
    return effects


@attrs.frozen
class Bugs:
    """Where the world can be made to go wrong; as it stands, nowhere."""

    parts: Parts = attrs.field(factory=Parts)
    coordinator: type[CheckpointLeader] = CheckpointLeader
    recovery: type[RecoveryLeader] = RecoveryLeader
    rollback: type[RecoveryMember] = RecoveryMember
    snapshotter: type[CheckpointMember] = CheckpointMember
    transform: Callable[["Node", list[Effect]], list[Effect]] = faithfully
    stale: Callable[[Envelope, Stamp], bool] = is_stale
    part: Callable[[CheckpointStore, CheckpointPart], CheckpointPart] = as_it_is
    early_ack: bool = False
    early_choice: bool = False
    forgets_line: bool = False
    unordered: bool = False
    any_round: bool = False
    start_counts: int = 1
