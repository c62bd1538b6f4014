"""From one epoch's topology to the next: who takes over what, and how much that is."""
# Theory of operation
# ===================
# The stages of an application follow from the application alone, so a stage has the same number in
# both topologies, and only its place changes. What a worker has on its own disk alone cannot move:
# the journal of what a source has accepted, and files that no other worker can read. A worker that
# has such a thing may leave only when nothing of it is left to read, which the checkpoint says; a
# journal is never at its end, since its source accepts more until it is closed.

from collections.abc import Collection

import attrs

from wallarood.model.errors import RefusedError
from wallarood.model.ids import WorkerName
from wallarood.model.pipeline import Application, StepKind
from wallarood.model.topology import Stage, StageKind, Topology
from wallarood.planning.plan import LOCAL, plan, stays


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
        if step.kind is StepKind.SOURCE and step.connector.scope.value == LOCAL:
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
    readers = {each.partition: each.worker for each in before.source_partitions}
    moved: dict[tuple[WorkerName, WorkerName], list[str]] = {}
    for each in after.source_partitions:
        source = readers[each.partition]
        if each.worker in _readers_of(before, each.partition):
            continue
        moved.setdefault((source, each.worker), []).append(each.partition)
    return [Move(after.index, *ways, partitions=tuple(names)) for ways, names in moved.items()]


def _readers_of(stage: Stage, partition: str) -> set[WorkerName]:
    """Local partitions of one name may be read on several workers."""
    return {each.worker for each in stage.source_partitions if each.partition == partition}
