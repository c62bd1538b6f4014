"""What a worker does when it starts, given what it finds on disk and what it was told."""

from enum import Enum
from typing import TypeAlias

import attrs

from wallarood.control.formation.founding import difference
from wallarood.model.cluster_record import ClusterRecord, RecordState
from wallarood.model.errors import ApplicationError, RefusedError, WallaroodError
from wallarood.model.ids import ClusterId, WorkerName

AUTO = "auto"


class Role(Enum):
    """What a worker is at the founding of its cluster."""

    INITIALIZER = "initializer"
    JOINER = "joiner"
    NEWCOMER = "newcomer"
    """It joins a cluster that runs."""


def role_in(record: ClusterRecord) -> Role:
    """What the worker that holds *record* is in its cluster, however it was started."""
    return Role.INITIALIZER if record.worker == record.initializer else Role.JOINER


def role_now(record: ClusterRecord | None, started_as: Role) -> Role:
    """What a worker is: by the *record*, and if there is none by how it was started."""
    return started_as if record is None else role_in(record)


@attrs.frozen
class FormNew:
    """Form or join a new cluster; what is on disk is archived first if *archive*."""

    archive: ClusterRecord | None = None


@attrs.frozen
class GoOn:
    """Go on with the cluster on disk: rejoin it, or complete a founding that was interrupted."""

    record: ClusterRecord

    @property
    def has_topology(self) -> bool:
        """Whether what is to be read is settled, so that sources need not list it again.

        A founding that was interrupted may yet give way to a new cluster.
        """
        return self.record.state in (RecordState.STARTED, RecordState.PUBLISHED)


@attrs.frozen
class AskFor:
    """The wanted cluster is not the one on disk.

    Bring it back from the archive, or else ask the cluster, which will say what is missing.
    """

    cluster_id: ClusterId


@attrs.frozen
class Stop:
    """The process cannot continue."""

    error: WallaroodError


Decision: TypeAlias = FormNew | GoOn | AskFor | Stop


def decide(
    record: ClusterRecord | None,
    wanted: ClusterId | None,
    *,
    worker: WorkerName,
    fingerprint: tuple[str, ...],
    role: Role,
) -> Decision:
    """Choose by the *record* on disk and by ``--cluster-id`` (None, an ID, or "auto").

    A founding that was interrupted is completed whatever the flag says: a record in doubt must not
    be forgotten, and one that is committed but has not started has nothing to lose. *role* is the
    one that this worker is started in; in an existing cluster it has the one of the record.
    """
    if record is None:
        return FormNew() if wanted in (None, AUTO) else AskFor(str(wanted))
    founding = record.state in (RecordState.PREPARED, RecordState.COMMITTED)
    if wanted not in (None, AUTO, record.cluster_id):
        return AskFor(str(wanted))
    if wanted is None and not founding:
        return FormNew(record)
    if record.worker != worker:
        return Stop(
            RefusedError(
                f"the state directory belongs to worker {record.worker} of {record.cluster_id}, "
                f"this is {worker}: choose another --state-directory or --worker-name"
            )
        )
    founded = role_in(record)
    if record.state is RecordState.PREPARED and role is Role.INITIALIZER and role is not founded:
        return Stop(
            RefusedError(
                f"cluster {record.cluster_id} is in doubt here: {record.initializer} proposed it, "
                f"and it alone knows whether it exists. Start {record.initializer} with "
                f"--topology-initializer and {worker} without, or discard the cluster here with "
                "'wallarood state reset'"
            )
        )
    if wanted is None and record.state is RecordState.COMMITTED and role is not founded:
        return FormNew(record)
    if record.fingerprint != fingerprint:
        if wanted is None:
            return FormNew(record) if record.state is RecordState.COMMITTED else GoOn(record)
        return Stop(
            ApplicationError(
                f"the application is not the one of cluster {record.cluster_id}; they differ in:\n"
                + difference(record.fingerprint, fingerprint)
                + "\nTo go on with the new one and what the cluster has, start the old one again "
                "and upgrade the cluster: wallarooctl upgrade"
            )
        )
    return GoOn(record)
