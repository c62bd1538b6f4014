"""Who goes on with what a source has taken in, when the worker goes that has journalled it."""
# Theory of operation
# ===================
# What a source has acknowledged to its clients is in a journal on the disk of its worker. Where one
# worker listens for all, another goes on with the journal and listens in its place. Where every
# worker listens, the journal of one that goes is a partition of its own from then on: its heir
# reads it to its end, and nobody listens for it. It is never one with the heir's own journal, for
# its time is behind: what is in it would be late there. Its name tells it from any other of the
# source, also from one that the same worker leaves when it has come back and goes once more.

from collections.abc import Iterator

import attrs

from wallarood.model.ids import WorkerName
from wallarood.model.pipeline import Step
from wallarood.model.topology import SourcePartition, Stage

LOCAL = "local"
"""The value of `wallarood.app.connector.Scope.LOCAL`."""


def stays(source: Step, partition: str) -> bool:
    """Whether *partition*, or what was read of it, is on the disk of its worker alone."""
    asked = getattr(source.connector, "stays", None)
    return asked is not None and bool(asked(partition))


def is_journalled(source: Step) -> bool:
    """Whether another worker can go on with the journals of *source*; see `Journalled`."""
    return callable(getattr(source.connector, "journal", None))


def listens_everywhere(source: Step) -> bool:
    """Whether every worker has a journal of its own for *source*."""
    return is_journalled(source) and bool(source.connector.scope.value == LOCAL)


def left_behind_by(
    before: Stage,
    ring: tuple[WorkerName, ...],
    workers: tuple[WorkerName, ...],
    *,
    epoch: int,
) -> Iterator[SourcePartition]:
    """The journals of those of *ring* that are not among *workers* any more, with their heirs.

    The heir is the next one in the ring that stays: a worker that is lost has its copies there.
    """
    for each in before.source_partitions:
        if each.worker in workers:
            continue
        heir = heir_of(each.worker, ring, workers)
        if each.left_by:
            yield attrs.evolve(each, worker=heir)
            continue
        name = f"{each.partition}, left by {each.worker} at epoch {epoch}"
        yield SourcePartition(name, heir, left_by=each.worker, was=each.partition)


def heir_of(
    gone: WorkerName, ring: tuple[WorkerName, ...], workers: tuple[WorkerName, ...]
) -> WorkerName:
    """The next worker of *ring* after *gone* that is among *workers*; else the first of them."""
    place = ring.index(gone)
    after = (*ring[place + 1 :], *ring[:place])
    return next((each for each in after if each in workers), workers[0])


def new_listeners(
    source: Step, had: tuple[SourcePartition, ...], workers: tuple[WorkerName, ...]
) -> Iterator[SourcePartition]:
    """What those of *workers* read that do not listen for *source* yet."""
    listen = {each.worker for each in had if not each.left_by}
    for worker in workers:
        if worker not in listen:
            yield from (SourcePartition(each, worker) for each in source.connector.partitions())


def origin_of(source: Step, partition: SourcePartition, before: Stage) -> SourcePartition | None:
    """What *partition* was in the epoch of *before*; None: there was nothing of it."""
    same = [each for each in before.source_partitions if each.partition == partition.partition]
    if partition.left_by:
        same += [
            each
            for each in before.source_partitions
            if (each.partition, each.worker) == (partition.was, partition.left_by)
        ]
    elif source.connector.scope.value == LOCAL:
        same = [each for each in same if each.worker == partition.worker]
    return same[0] if same else None
