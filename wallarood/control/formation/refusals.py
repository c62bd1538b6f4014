"""Who is not taken into a cluster, and why: each reason is said at both ends."""

from collections.abc import Sequence

from wallarood.control.effects import (
    Close,
    Effect,
    Fail,
    Level,
    PersistNever,
    Report,
    SendOnConnection,
)
from wallarood.control.formation.founding import FormationSettings, difference, names
from wallarood.model.cluster_record import ClusterRecord
from wallarood.model.errors import RefusedError
from wallarood.model.ids import ClusterId, WorkerName
from wallarood.model.messages import PROTOCOL_VERSION, Busy, Inquiry, Join, Never, Refused

LOST = (
    "put its state directory back, or a copy that was made at a checkpoint which the others have "
    "kept (wallarooctl checkpoint --keep); or end the cluster and form a new one, by a start of "
    "all workers without --cluster-id"
)
"""What to do about a worker that has lost its state: no other worker has it."""


def not_new(settings: FormationSettings, join: Join, others: Sequence[WorkerName]) -> str:
    """Why a new cluster does not take this worker; empty if it does.

    *others* are the workers that it was proposed to, if it was.
    """
    name = join.member.name
    if join.cluster_id is not None:
        return (
            f"wrong cluster ID: {name} asks for {join.cluster_id}, but {settings.name} is "
            "forming a new cluster"
        )
    if reason := mismatch(settings, join):
        return reason
    if others and name not in others:
        members = names((settings.name, *others))
        return (
            f"cluster is full; its {settings.worker_count} members are {members}, and {name} is "
            "not one of them"
        )
    return ""


def mismatch(settings: FormationSettings, join: Join) -> str:
    """Why a worker with this *join* can never be in *settings*'s new cluster; empty if it can."""
    name = join.member.name
    if join.protocol != PROTOCOL_VERSION:
        return (
            f"{name} speaks protocol version {join.protocol}, this cluster {PROTOCOL_VERSION}: "
            "install the same version of wallarood on all workers"
        )
    if join.initializer:
        return (
            f"two initializers: {settings.name} is the initializer of this cluster, and {name} "
            "says that it is one too; give --topology-initializer to one worker only"
        )
    if join.worker_count != settings.worker_count:
        return (
            f"another worker count: {name} expects {join.worker_count} workers, {settings.name} "
            f"{settings.worker_count}; give all workers the same --worker-count"
        )
    if join.fingerprint != settings.fingerprint:
        return (
            f"another application: {name} runs {join.application!r}, {settings.name} "
            f"{settings.application!r}; they differ in:\n"
            + difference(settings.fingerprint, join.fingerprint)
        )
    if name == settings.name:
        return f"duplicate worker name: {name} is the initializer itself; choose another name"
    return ""


def existing(settings: FormationSettings, join: Join, record: ClusterRecord) -> str:
    """Why a cluster that exists does not take this worker."""
    name, cluster = join.member.name, record.cluster_id
    workers = names(record.topology.workers)
    if join.cluster_id not in (None, cluster):
        return f"wrong cluster ID: {name} asks for {join.cluster_id}, but this is {cluster}"
    if join.cluster_id == cluster and name in record.topology.workers:
        return f"{name} is a member of {cluster} but holds no state of it: {LOST}"
    if reason := mismatch(settings, join):
        return reason
    if name in record.topology.workers:
        return (
            f"{name} is a member of {cluster}, which is running with {workers}, and holds no state "
            f"of it: if this is another worker, give it another name; if not, {LOST}"
        )
    return f"cluster {cluster} is full; its members are {workers}, and {name} is not one of them"


def taken(name: WorkerName) -> str:
    """Why a second worker of this name is not taken."""
    return f"duplicate worker name: {name} is connected and alive; choose another --worker-name"


def without_record(settings: FormationSettings, connection: int, name: WorkerName) -> list[Effect]:
    """End an initializer that has no record, since a member of a cluster takes it for one."""
    error = RefusedError(
        f"{name} is a member of an existing cluster and takes {settings.name} for one: put the "
        "state directory back, or end that cluster first"
    )
    busy = Busy(f"{settings.name} does not hold this cluster any more")
    return [SendOnConnection(connection, busy), Fail(error)]


def not_ours(settings: FormationSettings, inquiry: Inquiry) -> str:
    """Why this initializer cannot say what became of a cluster in doubt that another proposed."""
    return (
        f"{inquiry.name} holds cluster {inquiry.cluster_id} in doubt: {inquiry.initializer} "
        f"proposed it, and {settings.name} cannot know whether it exists; start "
        f"{inquiry.initializer} with --topology-initializer, or discard the cluster on "
        f"{inquiry.name} with 'wallarood state reset'"
    )


def never(connection: int, cluster_id: ClusterId) -> list[Effect]:
    """Say that a cluster of which nothing is known here will never be, once that is durable."""
    return [PersistNever(cluster_id), SendOnConnection(connection, Never(cluster_id))]


def refuse(connection: int, reason: str) -> list[Effect]:
    """Refuse the worker on a connection."""
    return [
        Report(f"refused: {reason}", Level.WARNING),
        SendOnConnection(connection, Refused(reason, RefusedError.exit_code)),
        Close(connection),
    ]
