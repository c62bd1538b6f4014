"""Whose parts are kept where: each worker has its own copied to the next in the ring."""

from wallarood.model.change import Change, Why
from wallarood.model.ids import Member, WorkerName


def holder_of(name: WorkerName, workers: tuple[WorkerName, ...]) -> WorkerName:
    """The worker that keeps the replicas of *name*: the next one."""
    return workers[(workers.index(name) + 1) % len(workers)]


def owner_of(name: WorkerName, workers: tuple[WorkerName, ...]) -> WorkerName:
    """The worker whose replicas *name* keeps: the one before."""
    return workers[workers.index(name) - 1]


def keeper_of(owner: Member, workers: tuple[WorkerName, ...], change: Change) -> WorkerName:
    """Who is asked for the part that *owner* had among *workers*: itself, or its holder.

    It is there if it stays, or leaves with this change; else it is lost or has left before.
    """
    leaves = any(each.name == owner.name and each.why is Why.LEFT for each in change.gone)
    return owner.name if leaves or change.has(owner) else holder_of(owner.name, workers)
