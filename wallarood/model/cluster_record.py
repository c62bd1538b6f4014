"""What a worker remembers of its cluster: the content of ``cluster.json``."""

from enum import Enum

import attrs

from wallarood.model.change import Change, Departed, PartName
from wallarood.model.checkpoint import CheckpointId
from wallarood.model.ids import ClusterId, WorkerName, are_same
from wallarood.model.messages import Member
from wallarood.model.topology import SINCE_CHANGES, Topology

SCHEMA_VERSION = 1


class RecordState(Enum):
    """How far a cluster record has come."""

    PREPARED = "prepared"
    """In doubt: only the initializer knows whether the cluster exists."""
    COMMITTED = "committed"
    """The cluster exists."""
    STARTED = "started"
    """The cluster exists, and records have flowed."""
    PUBLISHED = "published"
    """The job has ended, and this worker has published its part of the output."""


@attrs.frozen
class Layout:
    """Of an older epoch: who has which part of the basis, which the newer one began with."""

    topology: Topology
    members: tuple[Member, ...]


@attrs.frozen
class WayBack:
    """The version of the application before the last upgrade, and how the cluster ran it.

    `basis` is its last checkpoint: each member keeps its part of it, in the layout of `topology`.
    """

    fingerprint: tuple[str, ...]
    topology: Topology
    basis: CheckpointId

    def part_of(self, name: WorkerName) -> PartName:
        """What the member *name* keeps."""
        return PartName(self.topology.epoch, name, self.basis.round, self.basis.number)


@attrs.frozen
class ClusterRecord:
    """One worker's durable view of one cluster. `worker` is who this directory belongs to.

    `change` is the one by which the cluster has become what it is; None in its first epoch. Until
    a checkpoint of this epoch is committed, the parts of its basis are also kept as they are in
    `before`: the copies of them there are the only ones of what a worker has that is lost now.
    `back` is what this epoch was upgraded from; the next change ends it. `departed` are the last
    seats that went since this worker is in the cluster, the oldest first.
    """

    cluster_id: ClusterId
    state: RecordState
    worker: WorkerName
    initializer: WorkerName
    fingerprint: tuple[str, ...]
    topology: Topology
    members: tuple[Member, ...]
    change: Change | None = attrs.field(default=None, metadata=SINCE_CHANGES)
    before: Layout | None = attrs.field(default=None, metadata=SINCE_CHANGES)
    back: WayBack | None = attrs.field(default=None, metadata=SINCE_CHANGES)
    departed: tuple[Departed, ...] = attrs.field(default=(), metadata=SINCE_CHANGES)

    def went(self, member: Member) -> Departed | None:
        """How the seat of *member* went, as far as that is known; None: it is not."""
        same = (each for each in reversed(self.departed) if each.name == member.name)
        return next((each for each in same if are_same(each.seat, member.seat)), None)
