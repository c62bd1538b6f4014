"""Whose parts are kept where: each worker has its own copied to the next in the ring."""

from collections.abc import Iterable

from wallarood.model.change import Gone, Why
from wallarood.model.ids import WorkerName


def holder_of(name: WorkerName, workers: tuple[WorkerName, ...]) -> WorkerName:
    """The worker that keeps the replicas of *name*: the next one."""
    return workers[(workers.index(name) + 1) % len(workers)]


def owner_of(name: WorkerName, workers: tuple[WorkerName, ...]) -> WorkerName:
    """The worker whose replicas *name* keeps: the one before."""
    return workers[workers.index(name) - 1]


def keeper_of(
    name: WorkerName, workers: tuple[WorkerName, ...], gone: Iterable[Gone]
) -> WorkerName:
    """Who is asked for the part of *name*: itself, or its holder where it is lost."""
    lost = any(each.name == name and each.why is not Why.LEFT for each in gone)
    return holder_of(name, workers) if lost else name
