"""The control messages of checkpoints; see `wallarood.model.messages`."""

from enum import Enum
from typing import TypeAlias

import attrs


class Purpose(Enum):
    """What a checkpoint is taken for."""

    INTERVAL = "interval"
    """Its time has come."""
    ASKED = "asked"
    """An operator wants one now."""
    LEAVE = "leave"
    """A worker stops: all sources pause after the barrier until it is back."""
    SHUTDOWN = "shutdown"
    """The whole cluster stops after the barrier."""
    FINAL = "final"
    """All inputs have ended: the last one."""
    CHANGE = "change"
    """The cluster changes: all sources stand still after the barrier, and sinks publish it."""


@attrs.frozen
class RequestCheckpoint:
    """The leader is asked for a checkpoint. `keep` is the name under which it is kept."""

    purpose: Purpose
    keep: str = ""


@attrs.frozen
class TakeCheckpoint:
    """Put a barrier after what your sources have read.

    While `hold` says why, all sources pause: too much waits to be committed or published.
    """

    number: int
    purpose: Purpose
    keep: str = ""
    hold: str = ""


@attrs.frozen
class CheckpointProgress:
    """The sender's part moves on: so many steps are done; `awaiting` says in words what is not."""

    number: int
    steps: int
    awaiting: str


@attrs.frozen
class CheckpointHeld:
    """The sender's part is durable.

    `unpublished` is how many committed transactions wait in that of its sinks that has most.
    """

    number: int
    size_bytes: int
    unpublished: int = 0


@attrs.frozen
class CheckpointFailed:
    """The sender's part could not be written, and never will be."""

    number: int
    reason: str


@attrs.frozen
class CheckpointCommitted:
    """All workers hold it."""

    number: int


@attrs.frozen
class CheckpointAbandoned:
    """It is not waited for any longer. Nothing is undone: it may yet prove committed.

    Unless it is `void`: a worker will never hold its part, so no worker needs to keep its own.
    """

    number: int
    void: bool = False


@attrs.frozen
class DropKept:
    """A kept checkpoint may go."""

    name: str


CheckpointMessage: TypeAlias = (
    RequestCheckpoint
    | TakeCheckpoint
    | CheckpointProgress
    | CheckpointHeld
    | CheckpointFailed
    | CheckpointCommitted
    | CheckpointAbandoned
    | DropKept
)
"""All that workers say in this protocol."""
