"""Whose parts are kept where: each worker has its own copied to the next in the ring."""

from collections.abc import Collection

from wallarood.model.change import Change, PartName, Why
from wallarood.model.cluster_record import ClusterRecord
from wallarood.model.ids import Member, WorkerName


def holder_of(name: WorkerName, workers: tuple[WorkerName, ...]) -> WorkerName:
    """The worker that keeps the replicas of *name*: the next one."""
    return workers[(workers.index(name) + 1) % len(workers)]


def owner_of(name: WorkerName, workers: tuple[WorkerName, ...]) -> WorkerName:
    """The worker whose replicas *name* keeps: the one before."""
    return workers[workers.index(name) - 1]


def keeper_of(owner: Member, workers: tuple[WorkerName, ...], change: Change) -> WorkerName:
    """Who is asked for the part that *owner* had among *workers*: itself, or its holder.

    It is there if it stays, or leaves with this change; else it is lost or has left before. Who has
    taken its place before has put there all that it had, and is asked: its holder may be lost.
    """
    leaves = any(each.name == owner.name and each.why is Why.LEFT for each in change.gone)
    goes = any(each.name == owner.name for each in change.gone)
    has_it = leaves or change.has(owner) or (owner.name in change.workers and not goes)
    return owner.name if has_it else holder_of(owner.name, workers)


def saved_by_older_layout(record: ClusterRecord, kept: Collection[PartName]) -> bool:
    """Whether the parts of the basis in the older layout are there without this worker's disk.

    Each is with its owner and with its holder, as far as these are members still. That there were
    copies at all shows in what is *kept* here: this worker held some, unless it has joined since.
    """
    change, before, me = record.change, record.before, record.worker
    if change is None or before is None:
        return False
    ring, basis = before.topology.workers, change.basis
    if me in ring:
        mine = PartName(change.layout, owner_of(me, ring), basis.round, basis.number)
        if mine not in kept:
            return False
    there = {each.name for each in before.members if change.has(each)} - {me}
    return all({name, holder_of(name, ring)} & there for name in ring)
