"""From one epoch's topology to the next: who takes over what, and how much that is."""
# Theory of operation
# ===================
# The stages of an application follow from the application alone, so a stage has the same number in
# both topologies, and only its place changes. A journal of what a source has accepted goes with its
# partition, see `sources.journals`. What no other worker can read cannot move: local files, and the
# journal of a pipe. A worker that has such a thing may leave only when nothing of it is left to
# read, which the checkpoint says; the journal of a pipe is never at its end.

from collections.abc import Collection

import attrs

from wallarood.model.errors import RefusedError
from wallarood.model.ids import WorkerName
from wallarood.model.pipeline import Application, StepKind
from wallarood.model.topology import SourcePartition, Stage, StageKind, Topology
from wallarood.planning.plan import plan
from wallarood.planning.sources.journals import LOCAL, is_journalled, stays


@attrs.frozen
class Move:
    """What *target* takes over from *source* of a stage.

    `slots` are partitions of the keys; none where it is all that a single stage has. `partitions`
    are those of a source.
    """

    stage: int
    source: WorkerName
    target: WorkerName
    slots: tuple[int, ...] = ()
    partitions: tuple[str, ...] = ()


def replan(
    application: Application, previous: Topology, workers: tuple[WorkerName, ...], *, epoch: int
) -> Topology:
    """The topology of *epoch*: that of the one before, *previous*, on other *workers*.

    Those of before that stay come first, in their order: the first leads.

    Raises RefusedError: what a worker that leaves has cannot move.
    """
    _check_leavers(application, previous, workers)
    planned = plan(application, workers, (), epoch=epoch, previous=previous)
    before = {stage.index: stage for stage in previous.stages}
    stages = tuple(with_writers(stage, before[stage.index]) for stage in planned.stages)
    return attrs.evolve(planned, stages=stages, key_hash=previous.key_hash)


def moves(previous: Topology, topology: Topology) -> tuple[Move, ...]:
    """What moves between workers, from *previous* to *topology*.

    Partitions of a source that are found while it runs are not among them: only the checkpoint
    knows which there are.
    """
    found = []
    for before, after in zip(previous.stages, topology.stages, strict=True):
        match after.kind:
            case StageKind.PARTITIONED:
                found += _moved_slots(before, after)
            case StageKind.SOURCE:
                found += _moved_partitions(before, after)
            case StageKind.STATEFUL if before.workers != after.workers:
                found.append(Move(after.index, before.workers[0], after.workers[0]))
            case _:
                pass
    return tuple(found)


def leavers_of(previous: Topology, topology: Topology) -> tuple[WorkerName, ...]:
    """The workers of *previous* that *topology* has not."""
    return tuple(each for each in previous.workers if each not in topology.workers)


def _check_leavers(
    application: Application, previous: Topology, workers: tuple[WorkerName, ...]
) -> None:
    if not workers:
        raise RefusedError("a cluster has at least one worker")
    for stage in previous.stages:
        step = application.step(stage.steps[0])
        leaving = [each for each in stage.workers if each not in workers]
        if leaving and step.is_watched and step.connector.scope.value == LOCAL:
            raise RefusedError(
                f"{leaving[0]} cannot leave: source {step.name!r} finds what it reads there, and "
                f"no other worker can read what is found on {leaving[0]}; stop the cluster and "
                "form a new one if that worker must go"
            )
        for each in stage.source_partitions:
            if is_journalled(step):
                break
            if each.worker not in workers and stays(step, each.partition):
                raise RefusedError(
                    f"{each.worker} cannot leave: source {step.name!r} reads {each.partition} "
                    f"there, and its journal is on the disk of {each.worker} alone; stop the "
                    "cluster and form a new one if that worker must go"
                )


def left_behind(
    application: Application, previous: Topology, workers: tuple[WorkerName, ...]
) -> tuple[tuple[WorkerName, str, str], ...]:
    """The (worker, source, partition) that no other worker can read: they must be at their end."""
    found = []
    for stage in previous.stages:
        step = application.step(stage.steps[0])
        is_local = step.kind is StepKind.SOURCE and step.connector.scope.value == LOCAL
        if is_local and not is_journalled(step):
            found += [
                (each.worker, step.name, each.partition)
                for each in stage.source_partitions
                if each.worker not in workers
            ]
    return tuple(found)


def is_for_heirs(sink: object) -> bool:
    """Whether another worker can publish what an instance of *sink* has prepared, from a copy."""
    return bool(getattr(sink, "for_heirs", False))


def lost_output(
    application: Application, previous: Topology, lost: Collection[WorkerName]
) -> tuple[str, ...]:
    """The names of the sinks whose output of *lost* workers is on their disks alone."""
    return tuple(
        sorted(
            stage.name
            for stage in previous.stages
            if stage.kind is StageKind.SINK
            and set(stage.workers) & set(lost)
            and not is_for_heirs(application.step(stage.steps[-1]).connector)
        )
    )


def with_writers(stage: Stage, before: Stage) -> Stage:
    """The writers of a sink that stay keep their numbers; the others get new ones."""
    if stage.kind is not StageKind.SINK:
        return stage
    kept = {worker: before.writer_of(worker) for worker in before.workers}
    given = before.writers_given or len(before.workers)
    writers = []
    for worker in stage.workers:
        if worker in kept:
            writers.append(kept[worker])
        else:
            writers.append(given)
            given += 1
    return attrs.evolve(stage, writers=tuple(writers), writers_given=given)


def _moved_slots(before: Stage, after: Stage) -> list[Move]:
    moved: dict[tuple[WorkerName, WorkerName], list[int]] = {}
    for slot, ways in enumerate(zip(before.owners, after.owners, strict=True)):
        if ways[0] != ways[1]:
            moved.setdefault(ways, []).append(slot)
    return [Move(after.index, *ways, slots=tuple(slots)) for ways, slots in moved.items()]


def _moved_partitions(before: Stage, after: Stage) -> list[Move]:
    moved: dict[tuple[WorkerName, WorkerName], list[str]] = {}
    for each in after.source_partitions:
        was = _moved_from(each, before, after)
        if was is not None:
            moved.setdefault((was.worker, each.worker), []).append(was.partition)
    return [Move(after.index, *ways, partitions=tuple(names)) for ways, names in moved.items()]


def _moved_from(partition: SourcePartition, before: Stage, after: Stage) -> SourcePartition | None:
    """What *partition* was on another worker; None: it is here still, or new."""
    same = [each for each in before.source_partitions if each.partition == partition.partition]
    if partition.left_by and not same:
        return SourcePartition(partition.was, partition.left_by)
    # Local partitions of one name may be read on several workers, and on a new one as well.
    stays_there = {(each.partition, each.worker) for each in after.source_partitions}
    if any(each.worker == partition.worker for each in same):
        return None
    gone = [each for each in same if (each.partition, each.worker) not in stays_there]
    return gone[0] if gone else None
