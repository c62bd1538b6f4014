"""What the machines of formation share: who a worker is, the cluster ID, and the refusals."""

import hashlib
from collections.abc import Callable, Iterable, Sequence

import attrs

from wallarood.model.cluster_record import ClusterRecord, RecordState
from wallarood.model.ids import ClusterId, WorkerName
from wallarood.model.messages import (
    PROTOCOL_VERSION,
    Committed,
    Contribution,
    Inquiry,
    Join,
    Listing,
    Member,
    Never,
    Prepared,
    Proposal,
    Waiting,
)
from wallarood.model.topology import Topology

FORMATION_MESSAGES = (Join, Waiting, Proposal, Prepared, Committed, Inquiry, Never)
"""What belongs to the founding, whether or not the cluster exists by now."""

Listings = tuple[tuple[WorkerName, tuple[Listing, ...]], ...]
Planner = Callable[[tuple[WorkerName, ...], Listings], Topology]


@attrs.frozen
class FormationSettings:
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
    anew: bool = False
    """Started without ``--cluster-id``: a cluster of which no round has begun here gives way to a
    new one if others have put it aside."""

    @property
    def name(self) -> WorkerName:
        """The worker's name."""
        return self.member.name

    def join(self, *, nonce: str) -> Join:
        """The message by which this worker asks to be part of a cluster."""
        return Join(
            self.member,
            nonce,
            self.application,
            self.fingerprint,
            PROTOCOL_VERSION,
            self.worker_count,
            False,
            self.listings,
            self.wanted_cluster_id,
        )


def cluster_id_of(contributions: Iterable[Contribution]) -> ClusterId:
    """The cluster ID that these contributions make, whatever their order.

    ``wc-`` and the first 80 bits, in hexadecimal, of the SHA-256 over all (name, nonce) pairs
    sorted by name, each part prefixed with its length.
    """
    digest = hashlib.sha256()
    for each in sorted(contributions, key=lambda one: one.name):
        for part in (each.name.encode(), each.nonce.encode()):
            digest.update(len(part).to_bytes(4, "big") + part)
    return f"wc-{digest.hexdigest()[:20]}"


def propose(founder: FormationSettings, nonce: str, joins: Sequence[Join]) -> Proposal:
    """The cluster that *founder*, the initializer, proposes to those that have joined."""
    everybody = [(founder.member, nonce, founder.listings)]
    everybody += [(each.member, each.nonce, each.listings) for each in joins]
    contributions = tuple(Contribution(member.name, given) for member, given, _ in everybody)
    listings = tuple((member.name, listed) for member, _, listed in everybody)
    workers = tuple(member.name for member, _, _ in everybody)
    return Proposal(
        cluster_id_of(contributions),
        contributions,
        founder.planner(workers, listings),
        tuple(member for member, _, _ in everybody),
        listings,
    )


def prepared(founder: FormationSettings, proposal: Proposal) -> ClusterRecord:
    """The record that *founder* makes of a proposal."""
    return ClusterRecord(
        proposal.cluster_id,
        RecordState.PREPARED,
        founder.name,
        proposal.topology.leader,
        founder.fingerprint,
        proposal.topology,
        proposal.members,
    )


def in_question(founder: FormationSettings, record: ClusterRecord | None) -> bool:
    """Whether the others must be heard first of a cluster that is on disk here.

    It is committed, no round of it has begun here, and this worker was started to form a new one.
    One in which a round has begun was put aside at such a start: if that is so anywhere, it can
    never be completed. If it is so nowhere, it is the new one.
    """
    return founder.anew and record is not None and record.state is RecordState.COMMITTED


def next_nonce(nonce: str) -> str:
    """Another nonce, derived from the last: a proposal that was given up leaves no ID behind."""
    return hashlib.sha256(nonce.encode()).hexdigest()[:32]


def waiting_text(absent: Sequence[WorkerName], count: int) -> str:
    """What is waited for, when *absent* of *count* workers are; empty if none is."""
    return f"waiting for {len(absent)} of {count} workers: {names(absent)}" if absent else ""


def difference(ours: tuple[str, ...], theirs: tuple[str, ...]) -> str:
    """The lines in which two fingerprints differ: ``-`` the cluster's, ``+`` the newcomer's."""
    import difflib  # noqa: PLC0415 - for a refusal only

    lines = difflib.ndiff(ours, theirs)
    return "\n".join(f"  {line}" for line in lines if line[0] in "-+")


def names(workers: Iterable[WorkerName]) -> str:
    """Worker names for a message."""
    return ", ".join(workers)
