"""Checkpoints as values: how they are named, and what one worker's part of one consists of."""

from typing import Any

import attrs

from wallarood.model.ids import WorkerName


@attrs.frozen
class CheckpointId:
    """The name of a checkpoint. Numbers are never used twice, so the number alone orders them."""

    round: int
    number: int

    def __str__(self) -> str:
        return f"{self.round}.{self.number}"


FIRST_CHECKPOINT = CheckpointId(0, 0)
"""What every cluster begins with: empty state, sources at their beginnings."""
BEFORE_UPGRADE = "before-upgrade"
"""What the last checkpoint of the version before an upgrade is kept as."""
PENDING = "upgrade"
"""What the name begins with of a checkpoint that is kept while a new version is waited for."""


def waits_for_version(name: str) -> bool:
    """Whether a checkpoint that is kept as *name* has the cluster wait for another version."""
    return name == PENDING or name.startswith(f"{PENDING} --")


@attrs.frozen
class SourcePosition:
    """Where a source partition continues: a JSON value that the source understands."""

    source: str
    partition: str
    position: Any
    ended: bool


@attrs.frozen
class SinkPart:
    """What a sink instance needs after a rollback.

    `state` is what its writer is opened with; `unpublished` are the transactions that were prepared
    and not yet known to be published, oldest first. All are JSON values.
    """

    step: str
    state: Any
    unpublished: tuple[Any, ...]


@attrs.frozen
class LeftSink:
    """What a sink's writer has left whose worker is lost: its heir here publishes that.

    `worker` and `instance` are those of the writer, and its directory has been of epoch `layout`.
    """

    worker: WorkerName
    instance: int
    layout: int
    part: SinkPart


@attrs.frozen
class StatePart:
    """The changed state of one computation: chunks of encoded keys and states.

    A *base* holds all of it; else it holds what has changed since the checkpoint *since*.
    """

    computation: str
    base: bool
    since: int
    chunks: tuple[bytes, ...]
    keys: int


@attrs.frozen
class CheckpointPart:
    """One worker's part of one checkpoint."""

    checkpoint: CheckpointId
    worker: WorkerName
    sources: tuple[SourcePosition, ...]
    sinks: tuple[SinkPart, ...]
    states: tuple[StatePart, ...]


@attrs.frozen
class Restored:
    """One worker's part of a checkpoint as the store gives it back.

    `chunks` has, for each computation with state, everything to be put in one over the other. Those
    that are `narrowed` have keys in it that are on other workers now.
    """

    checkpoint: CheckpointId
    sources: tuple[SourcePosition, ...] = ()
    sinks: tuple[SinkPart, ...] = ()
    chunks: dict[str, list[bytes]] = attrs.field(factory=dict)
    narrowed: frozenset[str] = frozenset()
    left: tuple[LeftSink, ...] = ()
