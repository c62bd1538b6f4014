"""What a worker is doing, or how it has ended."""

from enum import Enum


class WorkerState(Enum):
    """The state of a worker as a whole; the node derives it from its machines."""

    FORMING = "forming"
    RECOVERING = "recovering"
    """It is in a cluster that has run before, and no round runs."""
    RUNNING = "running"
    COMPLETED = "completed"
    """The job is done, and the worker stays."""
    FINISHED = "finished"
    OUTDATED = "outdated"
    """The cluster has become another: this worker is to begin again with what is on disk."""
    FAILED = "failed"


ENDED = frozenset({WorkerState.FINISHED, WorkerState.OUTDATED, WorkerState.FAILED})
