"""What the machines of formation share: who a worker is, the cluster ID, and the refusals."""

import difflib
import hashlib
from collections.abc import Callable, Iterable

import attrs

from wallarood.model.ids import ClusterId, WorkerName
from wallarood.model.messages import PROTOCOL_VERSION, Contribution, Join, Listing, Member
from wallarood.model.topology import Topology

Listings = tuple[tuple[WorkerName, tuple[Listing, ...]], ...]
Planner = Callable[[tuple[WorkerName, ...], Listings], Topology]


@attrs.frozen
class Founder:
    """One worker at the founding of a cluster. Times are in seconds."""

    member: Member
    nonce: str
    application: str
    fingerprint: tuple[str, ...]
    worker_count: int
    listings: tuple[Listing, ...]
    planner: Planner
    formation_deadline_s: float = 60.0
    name_taken_wait_s: float = 2.0
    inquiry_interval_s: float = 1.0
    wanted_cluster_id: ClusterId | None = None

    @property
    def name(self) -> WorkerName:
        """The worker's name."""
        return self.member.name

    def join(self, *, nonce: str, initializer: bool = False) -> Join:
        """The message by which this worker asks to be part of a cluster."""
        return Join(
            self.member,
            nonce,
            self.application,
            self.fingerprint,
            PROTOCOL_VERSION,
            self.worker_count,
            initializer,
            self.listings,
            self.wanted_cluster_id,
        )


def cluster_id_of(contributions: Iterable[Contribution]) -> ClusterId:
    """The cluster ID that these contributions make, whatever their order.

    ``wc-`` and the first 80 bits, in hexadecimal, of the SHA-256 over all (name, nonce) pairs sorted
    by name, each part prefixed with its length.
    """
    digest = hashlib.sha256()
    for each in sorted(contributions, key=lambda one: one.name):
        for part in (each.name.encode(), each.nonce.encode()):
            digest.update(len(part).to_bytes(4, "big") + part)
    return f"wc-{digest.hexdigest()[:20]}"


def next_nonce(nonce: str) -> str:
    """Another nonce, derived from the last: a proposal that was given up leaves no ID behind."""
    return hashlib.sha256(nonce.encode()).hexdigest()[:32]


def mismatch(founder: Founder, join: Join) -> str:
    """Why a worker with this *join* can never be in *founder*'s new cluster; empty if it can."""
    name = join.member.name
    if join.protocol != PROTOCOL_VERSION:
        return (
            f"{name} speaks protocol version {join.protocol}, this cluster {PROTOCOL_VERSION}: "
            "install the same version of wallarood on all workers"
        )
    if join.initializer:
        return (
            f"two initializers: {founder.name} is the initializer of this cluster, and {name} says "
            "that it is one too; give --topology-initializer to one worker only"
        )
    if join.worker_count != founder.worker_count:
        return (
            f"another worker count: {name} expects {join.worker_count} workers, {founder.name} "
            f"{founder.worker_count}; give all workers the same --worker-count"
        )
    if join.fingerprint != founder.fingerprint:
        return (
            f"another application: {name} runs {join.application!r}, {founder.name} "
            f"{founder.application!r}; they differ in:\n"
            + difference(founder.fingerprint, join.fingerprint)
        )
    if name == founder.name:
        return f"duplicate worker name: {name} is the initializer itself; choose another name"
    return ""


def difference(ours: tuple[str, ...], theirs: tuple[str, ...]) -> str:
    """The lines in which two fingerprints differ: ``-`` the cluster's, ``+`` the newcomer's."""
    lines = difflib.ndiff(ours, theirs)
    return "\n".join(f"  {line}" for line in lines if line[0] in "-+")


def names(workers: Iterable[WorkerName]) -> str:
    """Worker names for a message."""
    return ", ".join(workers)
