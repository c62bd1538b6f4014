"""Control messages by which a cluster is founded, and what they say of a worker."""

from typing import TypeAlias

import attrs

from wallarood.model.ids import ClusterId, Member, WorkerName
from wallarood.model.topology import Topology

PROTOCOL_VERSION = 1
"""Higher where a worker of the version before could not be in a cluster that uses nothing new.

Hosts are upgraded one after the other, and one of another protocol version is refused. A message
that only a new command or key brings about, and a field that is left out at its default, leave it.
"""


@attrs.frozen
class Listing:
    """The partitions that a worker found for one of its sources."""

    source: str
    partitions: tuple[str, ...]


@attrs.frozen
class Join:
    """A worker asks the initializer to be part of the new cluster.

    `nonce` is this worker's contribution to the cluster ID (32 hexadecimal digits).
    `initializer` is whether the sender believes to be one itself. `cluster_id` is the cluster that
    the sender was told to join by ``--cluster-id``, None for a new one.
    """

    member: Member
    nonce: str
    application: str
    fingerprint: tuple[str, ...]
    protocol: int
    worker_count: int
    initializer: bool
    listings: tuple[Listing, ...]
    cluster_id: ClusterId | None = None


@attrs.frozen
class Waiting:
    """The initializer tells those that have joined whom it has."""

    joined: tuple[WorkerName, ...]
    worker_count: int


@attrs.frozen
class Contribution:
    """What one worker gave to the cluster ID."""

    name: WorkerName
    nonce: str


@attrs.frozen
class Proposal:
    """The initializer has all: the cluster ID, what it was made of, and the topology.

    `listings` are all that the topology was planned from: each worker's name and what it listed,
    so that every worker can plan again and compare.
    """

    cluster_id: ClusterId
    contributions: tuple[Contribution, ...]
    topology: Topology
    members: tuple[Member, ...]
    listings: tuple[tuple[WorkerName, tuple[Listing, ...]], ...]


@attrs.frozen
class Prepared:
    """The sender has verified the proposal and made it durable."""

    cluster_id: ClusterId


@attrs.frozen
class Committed:
    """The cluster exists: the initializer has made it durable."""

    cluster_id: ClusterId


@attrs.frozen
class Inquiry:
    """A worker that holds a cluster of which no round has begun asks what became of it.

    `initializer` is who alone may say that it will never be; empty if any initializer may, since
    the sender has nothing to lose.
    """

    cluster_id: ClusterId
    name: WorkerName
    initializer: WorkerName = ""


@attrs.frozen
class Never:
    """The cluster was not committed and never will be: that is durable at the sender."""

    cluster_id: ClusterId


@attrs.frozen
class Refused:
    """The receiver is not taken. `exit_code` is what it should end with (76 or 77)."""

    reason: str
    exit_code: int


@attrs.frozen
class Busy:
    """Not now: try again. Sent by a worker that is not yet as far as the asker."""

    reason: str


FormationMessage: TypeAlias = (
    Join | Waiting | Proposal | Prepared | Committed | Inquiry | Never | Refused | Busy
)
"""All that workers say in this protocol."""
