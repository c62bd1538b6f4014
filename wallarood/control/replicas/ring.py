"""Whose parts are kept where: each worker has its own copied to the next in the ring."""

from wallarood.model.ids import WorkerName


def holder_of(name: WorkerName, workers: tuple[WorkerName, ...]) -> WorkerName:
    """The worker that keeps the replicas of *name*: the next one."""
    return workers[(workers.index(name) + 1) % len(workers)]


def owner_of(name: WorkerName, workers: tuple[WorkerName, ...]) -> WorkerName:
    """The worker whose replicas *name* keeps: the one before."""
    return workers[workers.index(name) - 1]
