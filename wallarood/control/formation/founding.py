"""What the machines of formation share: who a worker is, the cluster ID, and the refusals."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

import attrs

from wallarood.model.change import Trust
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
Journalled = Callable[[str], bool]
"""Whether the source of a name acknowledges what it has in a journal."""


def always(_: str) -> bool:
    """`Journalled` of sources of which nothing is known."""
    return True


class Replanner(Protocol):
    """How the topology of the next epoch follows from that of this one, with the fewest moves."""

    def __call__(
        self, previous: Topology, workers: tuple[WorkerName, ...], /, *, epoch: int
    ) -> Topology:
        """The topology on *workers*. Raises RefusedError: there is none."""


class Upgrader(Protocol):
    """How the topology of a new version of the application follows from what runs."""

    @property
    def fingerprint(self) -> tuple[str, ...]:
        """That of the new version."""

    def __call__(self, record: ClusterRecord, listings: Listings, /) -> Topology:
        """The topology of the next epoch. Raises RefusedError: it cannot follow."""


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
    forms_new: bool = False
    """Started without ``--cluster-id``: a cluster of which no round has begun here gives way to a
    new one if others have put it aside."""
    replan: Replanner | None = None
    """None: the cluster does not change."""
    trust: Trust = Trust.WHOLE
    """Whether the state directory is what was last written to it."""
    upgrade: Upgrader | None = None
    """How the cluster comes to the application that this worker runs, where that is a new one."""
    waits: tuple[tuple[str, int], ...] = ()
    """What was kept when this worker started as the cluster waits for another version of the
    application: names and numbers of checkpoints."""
    journalled: Journalled = always
    """Which sources acknowledge what they have in a journal."""

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


def propose(settings: FormationSettings, nonce: str, joins: Sequence[Join]) -> Proposal:
    """The cluster that *settings*, the initializer, proposes to those that have joined."""
    everybody = [(settings.member, nonce, settings.listings)]
    everybody += [(each.member, each.nonce, each.listings) for each in joins]
    contributions = tuple(Contribution(member.name, given) for member, given, _ in everybody)
    listings = tuple((member.name, listed) for member, _, listed in everybody)
    workers = tuple(member.name for member, _, _ in everybody)
    return Proposal(
        cluster_id_of(contributions),
        contributions,
        settings.planner(workers, listings),
        tuple(member for member, _, _ in everybody),
        listings,
    )


def prepared(settings: FormationSettings, proposal: Proposal) -> ClusterRecord:
    """The record that *settings* makes of a proposal."""
    return ClusterRecord(
        proposal.cluster_id,
        RecordState.PREPARED,
        settings.name,
        proposal.topology.leader,
        settings.fingerprint,
        proposal.topology,
        proposal.members,
    )


def wrong_with(settings: FormationSettings, proposal: Proposal, *, nonce: str) -> str:
    """Why a worker cannot agree to a proposal; empty if it can. *nonce* is what it contributed."""
    own = Contribution(settings.name, nonce)
    if own not in proposal.contributions:
        return "this worker's contribution to the cluster ID is missing"
    if cluster_id_of(proposal.contributions) != proposal.cluster_id:
        return f"{proposal.cluster_id} is not made of the contributions of all workers"
    workers = proposal.topology.workers
    if workers != tuple(each.name for each in proposal.contributions):
        return f"its workers {names(workers)} are not those who contributed"
    if settings.planner(workers, proposal.listings) != proposal.topology:
        return "its topology is not the one that follows from the application"
    return ""


def in_question(settings: FormationSettings, record: ClusterRecord | None) -> bool:
    """Whether the others must be heard first of a cluster that is on disk here.

    It is committed, no round of it has begun here, and this worker was started to form a new one.
    One in which a round has begun was put aside at such a start: if that is so anywhere, it can
    never be completed. If it is so nowhere, it is the new one.
    """
    return settings.forms_new and record is not None and record.state is RecordState.COMMITTED


def next_nonce(nonce: str) -> str:
    """Another nonce, derived from the last: no ID names two proposals."""
    return hashlib.sha256(nonce.encode()).hexdigest()[:32]


def waiting_text(absent: Sequence[WorkerName], count: int) -> str:
    """What is waited for, when *absent* of *count* workers are; empty if none is."""
    return f"waiting for {len(absent)} of {count} workers: {names(absent)}" if absent else ""


def did_not_form(why: str, deadline_s: float) -> str:
    """What an operator is told when time has run out."""
    return f"cluster did not form within {deadline_s:g} s (timing.formation-deadline): {why}"


def difference(ours: tuple[str, ...], theirs: tuple[str, ...]) -> str:
    """The lines in which two fingerprints differ: ``-`` the cluster's, ``+`` the newcomer's."""
    import difflib  # noqa: PLC0415 - for a refusal only

    lines = difflib.ndiff(ours, theirs)
    return "\n".join(f"  {line}" for line in lines if line[0] in "-+")


def names(workers: Iterable[WorkerName]) -> str:
    """Worker names for a message."""
    return ", ".join(workers)
