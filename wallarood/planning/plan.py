"""From a pipeline and a list of workers to a topology."""
# Theory of operation
# ===================
# Chains are placed in topological order, so whatever feeds a chain has its place already.
# - A source with one partition is a single stage; with several, its partitions are dealt out, and
#   its chain has an instance wherever a partition is read. One whose partitions are found while it
#   runs has an instance on every worker.
# - A partitioned computation has an instance on every worker, and an equal share of the slots.
# - A stateful computation is a single stage, and so is what follows it.
# - What is redistributed has an instance on every worker.
# - Streams that are merged continue where they come from. If each of them comes from a single
#   instance, the merged stream becomes a single stage, unless state per key follows: its records
#   go to all workers anyway, and one worker would be the bottleneck before them.
# - Everything else stays on the worker that its records are on.
# Single stages go to the worker with the fewest single stages, the first of equals, so that their
# numbers differ by at most one.
#
# Where there is a topology already, as much stays as can. A single stage stays where it is, unless
# its worker goes; slots, and partitions that any worker can read, move only as far as equal shares
# ask for. Nothing is listed again. What has a journal moves only if its worker goes; of sources
# that listen on every worker see `wallarood.planning.sources.journals`.

from collections.abc import Iterable, Mapping

import attrs

from wallarood.model.ids import WorkerName
from wallarood.model.messages import Listing
from wallarood.model.pipeline import Application, Step, StepKind
from wallarood.model.topology import Edge, Routing, SourcePartition, Stage, StageKind, Topology
from wallarood.planning.coalesce import Chain, coalesce, consumers
from wallarood.planning.listings import Listings, check_size
from wallarood.planning.partitions import assign
from wallarood.planning.sources.journals import (
    LOCAL,
    left_behind_by,
    listens_everywhere,
    new_listeners,
    stays,
)


def plan(
    application: Application,
    workers: tuple[WorkerName, ...],
    listings: Listings,
    *,
    epoch: int = 1,
    previous: Topology | None = None,
    former: Mapping[str, str] | None = None,
) -> Topology:
    """Place every stage of *application* on *workers*, of which the first leads.

    *listings* has the source partitions that each worker found. With a *previous* topology they are
    those that it has: of the same application, or of the version before, of which *former* has the
    name of each step that goes on, by its present one. The same arguments give the same topology,
    everywhere.

    Raises ApplicationError: there are more partitions than fit.
    """
    check_size(listings)
    before = _by_head(previous, former)
    planner = _Planner(
        application,
        workers,
        listings,
        load=dict.fromkeys(workers, 0),
        previous=before,
        epoch=epoch,
        ring=previous.workers if previous is not None else (),
    )
    for stage in before.values():
        if planner.is_single_here(stage):
            planner.load[stage.workers[0]] += 1
    for chain in coalesce(application):
        planner.place(chain)
    return Topology(epoch, application.name, workers, tuple(planner.stages), tuple(planner.edges))


def _by_head(previous: Topology | None, former: Mapping[str, str] | None) -> dict[str, Stage]:
    """The stages of the previous topology by the present names of their first steps."""
    stages = {stage.steps[0]: stage for stage in (previous.stages if previous is not None else ())}
    if former is None:
        return stages
    return {now: stages[was] for now, was in former.items() if was in stages}


@attrs.define
class _Planner:
    application: Application
    workers: tuple[WorkerName, ...]
    listings: Listings
    load: dict[WorkerName, int]
    previous: Mapping[str, Stage]
    epoch: int
    ring: tuple[WorkerName, ...]
    """The workers of the previous topology."""
    stages: list[Stage] = attrs.field(factory=list)
    edges: list[Edge] = attrs.field(factory=list)
    stage_of: dict[str, int] = attrs.field(factory=dict)

    def place(self, chain: Chain) -> None:
        head = chain.steps[0]
        index = len(self.stages)
        stage = Stage(
            index, chain.name, chain.kind, tuple(s.name for s in chain.steps), chain.stopped_by, ()
        )
        match chain.kind:
            case StageKind.SOURCE:
                placed, routing = self._place_source(stage, head), Routing.FORWARD
            case StageKind.PARTITIONED:
                placed, routing = self._place_partitioned(stage, head), Routing.KEYED
            case StageKind.STATEFUL:
                placed, routing = self._place_single(stage), Routing.SINGLE
            case StageKind.SIMPLE | StageKind.SINK:
                placed, routing = self._place_follower(stage, chain)
        self.stages.append(placed)
        self.stage_of.update((step.name, index) for step in chain.steps)
        for each in head.inputs:
            self.edges.append(
                Edge(
                    len(self.edges),
                    self.stage_of[each.step],
                    each.step,
                    each.output,
                    index,
                    routing,
                )
            )

    def is_single_here(self, before: Stage) -> bool:
        """Whether a stage had a single worker, which is there."""
        return len(before.workers) == 1 and before.workers[0] in self.load

    def _before(self, stage: Stage) -> Stage | None:
        """What *stage* was in the previous topology; None: there was none, or not this stage."""
        return self.previous.get(stage.steps[0])

    def _least_loaded(self) -> WorkerName:
        return min(self.workers, key=lambda worker: self.load[worker])

    def _place_single(self, stage: Stage) -> Stage:
        before = self._before(stage)
        if before is not None and self.is_single_here(before):
            return attrs.evolve(stage, workers=before.workers)
        worker = self._least_loaded()
        self.load[worker] += 1
        return attrs.evolve(stage, workers=(worker,))

    def _place_partitioned(self, stage: Stage, head: Step) -> Stage:
        before = self._before(stage)
        if before is None:
            slots = assign(head.partitions, range(len(self.workers)))
        else:
            owners = assign(head.partitions, self.workers, before.owners)
            slots = tuple(map(self.workers.index, owners))
        return attrs.evolve(stage, workers=self.workers, partition_owners=slots)

    def _place_source(self, stage: Stage, head: Step) -> Stage:
        if head.is_watched:
            return attrs.evolve(stage, workers=self.workers)
        before = self._before(stage)
        if head.connector.scope.value == LOCAL:
            partitions = self._local(head, before)
        else:
            names = self._names(head, before)
            if len(names) <= 1:
                single = self._place_single(stage)
                mine = tuple(SourcePartition(each, single.workers[0]) for each in names)
                return attrs.evolve(single, source_partitions=mine)
            partitions = self._deal(names, before, head=head)
        readers = {each.worker for each in partitions}
        where = tuple(worker for worker in self.workers if worker in readers)
        return attrs.evolve(
            stage, workers=where or (self.workers[0],), source_partitions=partitions
        )

    def _local(self, head: Step, before: Stage | None) -> tuple[SourcePartition, ...]:
        """The partitions that each worker has found itself; those of a worker that goes, go.

        But of one that listens its journal is read to its end, and who is new listens, too.
        """
        if before is not None:
            kept = tuple(each for each in before.source_partitions if each.worker in self.load)
            if not listens_everywhere(head):
                return kept
            left = left_behind_by(before, self.ring, self.workers, epoch=self.epoch)
            return (*kept, *left, *new_listeners(head, kept, self.workers))
        return tuple(
            SourcePartition(each, worker)
            for worker, listings in self.listings
            for each in _of(listings, head.name)
        )

    def _names(self, head: Step, before: Stage | None) -> tuple[str, ...]:
        """The partitions of a source that any worker can read."""
        if before is not None:
            return tuple(each.partition for each in before.source_partitions)
        leaders = next((mine for worker, mine in self.listings if worker == self.workers[0]), ())
        return tuple(dict.fromkeys(_of(leaders, head.name)))

    def _deal(
        self, names: tuple[str, ...], before: Stage | None, *, head: Step
    ) -> tuple[SourcePartition, ...]:
        if before is not None:
            free = [
                each
                for each in before.source_partitions
                if each.worker not in self.load or not stays(head, each.partition)
            ]
            readers = assign(len(free), self.workers, [each.worker for each in free])
            now = {each.partition: worker for each, worker in zip(free, readers, strict=True)}
            return tuple(
                SourcePartition(each.partition, now.get(each.partition, each.worker))
                for each in before.source_partitions
            )
        order = sorted(self.workers, key=lambda worker: self.load[worker])
        return tuple(
            SourcePartition(name, order[place % len(order)]) for place, name in enumerate(names)
        )

    def _place_follower(self, stage: Stage, chain: Chain) -> tuple[Stage, Routing]:
        head = chain.steps[0]
        if head.kind is StepKind.REDISTRIBUTE:
            return attrs.evolve(stage, workers=self.workers), Routing.SPREAD
        before = [self.stages[self.stage_of[each.step]] for each in head.inputs]
        if head.kind is StepKind.MERGE:
            single = all(len(each.workers) == 1 for each in before)
            single = single and not _goes_by_key(self.application, chain)
        else:
            single = stage.kind is StageKind.SIMPLE and before[0].kind is StageKind.STATEFUL
        if single:
            return self._place_single(stage), Routing.SINGLE
        where = {worker for each in before for worker in each.workers}
        workers = tuple(worker for worker in self.workers if worker in where)
        return attrs.evolve(stage, workers=workers), Routing.FORWARD


def _goes_by_key(application: Application, chain: Chain) -> bool:
    """Whether all that follows *chain* keeps state per key."""
    after = [each.kind for each in consumers(application, chain.steps[-1])]
    return bool(after) and all(kind is StepKind.PARTITIONED for kind in after)


def _of(listings: Iterable[Listing], source: str) -> tuple[str, ...]:
    return tuple(
        partition for each in listings if each.source == source for partition in each.partitions
    )
