"""Planted bugs: each is something that a careless change might do, and that must be caught."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import attrs

from wallarood.control.effects import ShellEffect
from wallarood.control.settings import MachineClasses
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


def faithfully(_node: "Node", effects: list[ShellEffect]) -> list[ShellEffect]:
    """Effects as the machine wants them."""
    return effects


def whole(store: CheckpointStore) -> CheckpointStore:
    """A store as it was opened."""
    return store


@attrs.frozen
class Bugs:
    """Where the world can be made to go wrong; as it stands, nowhere."""

    parts: Parts = attrs.field(factory=Parts)
    classes: MachineClasses = attrs.field(factory=MachineClasses)
    transform: Callable[["Node", list[ShellEffect]], list[ShellEffect]] = faithfully
    stale: Callable[[Envelope, Stamp], bool] = is_stale
    part: Callable[[CheckpointStore, CheckpointPart], CheckpointPart] = as_it_is
    opened: Callable[[CheckpointStore], CheckpointStore] = whole
    early_ack: bool = False
    early_held: bool = False
    early_accept: bool = False
    early_committed: bool = False
    forgets_line: bool = False
    unordered: bool = False
    any_round: bool = False
    start_counts: int = 1
