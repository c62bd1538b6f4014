"""What a worker has of the next epoch before that is decided."""

from typing import Any

import attrs

from wallarood.model.checkpoint import CheckpointId, LeftSink
from wallarood.model.cluster_record import ClusterRecord
from wallarood.model.ids import Ballot, Member
from wallarood.model.topology import SINCE_CHANGES, Topology


@attrs.frozen
class StagedChain:
    """The chunks of one computation: (number, how many), base first. See `Restored.narrowed`."""

    computation: str
    links: tuple[tuple[int, int], ...]
    narrowed: bool = False


@attrs.frozen
class StagedPart:
    """One worker's part of the basis in the next epoch.

    `sources` and `sinks` are as in a checkpoint. Chunks that were staged have the number -`number`.
    `left` is what this worker publishes for others.
    """

    number: int
    basis: CheckpointId
    sources: tuple[tuple[str, str, Any, bool], ...]
    sinks: tuple[tuple[str, Any, tuple[Any, ...]], ...]
    chains: tuple[StagedChain, ...]
    left: tuple[LeftSink, ...] = attrs.field(default=(), metadata=SINCE_CHANGES)


@attrs.frozen
class StagedChange:
    """All that was asked for, and what was made durable of it."""

    ballot: Ballot
    record: ClusterRecord
    previous: Topology
    old_members: tuple[Member, ...]
    part: StagedPart
