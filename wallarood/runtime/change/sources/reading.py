"""Which partitions of sources a worker reads in the next epoch, and where they stand."""
# Theory of operation
# ===================
# A partition that any worker can read is read on from where its reader stood; one that is local
# stays where it is. A journal goes with its partition. Where every worker listens, that of one that
# goes is read to its end by its heir, and each of the others needs it as well: for what it tells of
# clients, since these connect to any of them now. A worker that joins needs what the others know of
# clients of those that have gone before.

from collections.abc import Iterator, Mapping, Sequence

import attrs

from wallarood.flow.steps.timed import OF_CLOCKS
from wallarood.model.ids import WorkerName
from wallarood.model.pipeline import Application, Step
from wallarood.model.topology import SourcePartition, Stage, StageKind, Topology
from wallarood.planning.dealing import reader_of
from wallarood.planning.sources.journals import LOCAL, is_journalled, listens_everywhere, origin_of
from wallarood.runtime.dataflow.tasks.source_task import LISTING

Position = tuple[str, str, object, bool]
"""Source, partition, position, whether it has ended: as a manifest has it."""


@attrs.frozen
class Needed:
    """The journal that *owner* has of a partition of *step*: it is *origin* there.

    It is `partition` in the next epoch, read here if it *comes*; else only its clients are wanted.
    """

    step: Step
    owner: WorkerName
    origin: SourcePartition
    partition: str
    comes: bool


@attrs.frozen
class Reading:
    """From *previous* to *topology*, as *worker* sees it; see `Takeover`, also for *former*."""

    application: Application
    previous: Topology
    topology: Topology
    worker: WorkerName
    former: Mapping[str, str] | None = None

    def was(self, name: str) -> str:
        """The former name of a step or of its clock; empty: it is new."""
        if self.former is None:
            return name
        step = name.removeprefix(OF_CLOCKS)
        was = self.former.get(step, "")
        return f"{name[: len(name) - len(step)]}{was}" if was else ""

    def before(self, name: str) -> Stage | None:
        """The stage of the epoch before that has had a step, or its clock; None: it is new."""
        was = self.was(name).removeprefix(OF_CLOCKS)
        return next((each for each in self.previous.stages if was in each.steps), None)

    def _sources(self) -> Iterator[tuple[Step, Stage, Stage]]:
        """Each source that is read here and has been there before: step, stage, former stage."""
        for stage in self.topology.stages_on(self.worker):
            if stage.kind is not StageKind.SOURCE:
                continue
            before = self.before(stage.steps[0])
            if before is not None:
                yield self.application.step(stage.steps[0]), stage, before

    def _here(self, stage: Stage) -> list[SourcePartition]:
        return [each for each in stage.source_partitions if each.worker == self.worker]

    # ---- positions -------------------------------------------------------------------------------

    def positions(self, had: Mapping[WorkerName, Sequence[Position]]) -> list[Position]:
        """Where the partitions stand that are read here, of what each worker *had*."""
        found: list[Position] = []
        for step, stage, before in self._sources():
            was = self.was(step.name)
            of_it = {
                (owner, each[1]): each
                for owner in before.workers
                for each in had.get(owner, ())
                if each[0] == was
            }
            if step.is_watched:
                here = self._watched(step, stage, of_it)
            else:
                here = self._listed(step, stage, before, of_it=of_it)
            found += [(step.name, *each) for each in here]
        return found

    def _watched(
        self, step: Step, stage: Stage, of_it: Mapping[tuple[WorkerName, str], Position]
    ) -> Iterator[tuple[str, object, bool]]:
        if step.connector.scope.value == LOCAL:
            yield from (each[1:] for (owner, _), each in of_it.items() if owner == self.worker)
            return
        for (_, name), each in of_it.items():
            if name != LISTING and reader_of(step.name, name, stage.workers) == self.worker:
                yield each[1:]
        unlisted = (each[1:] for (_, name), each in of_it.items() if name == LISTING)
        if (first := next(unlisted, None)) is not None:
            yield first

    def _listed(
        self,
        step: Step,
        stage: Stage,
        before: Stage,
        *,
        of_it: Mapping[tuple[WorkerName, str], Position],
    ) -> Iterator[tuple[str, object, bool]]:
        for each in self._here(stage):
            origin = origin_of(step, each, before)
            at = of_it.get((origin.worker, origin.partition)) if origin is not None else None
            if at is not None:
                yield (each.partition, *at[2:])

    # ---- what is new here ------------------------------------------------------------------------

    def gained(self) -> set[tuple[str, str]]:
        """The (source, partition) that others read before, or nobody."""
        return {
            (step.name, each.partition)
            for step, stage, before in self._sources()
            for each in self._here(stage)
            if (origin := origin_of(step, each, before)) is None or origin.worker != self.worker
        }

    def journals(self) -> list[Needed]:
        """The journals that are to be fetched, each from its owner or who has a copy."""
        found: list[Needed] = []
        for step, stage, before in self._sources():
            if not is_journalled(step):
                continue
            for each in stage.source_partitions:
                origin = origin_of(step, each, before)
                if origin is None and each.left_by and listens_everywhere(step):
                    # By one that joined after the basis: all that it took in is in its journal.
                    origin = SourcePartition(each.was, each.left_by)
                if origin is None or origin.worker == each.worker:
                    continue
                comes = each.worker == self.worker
                if comes or listens_everywhere(step):
                    found.append(Needed(step, origin.worker, origin, each.partition, comes))
        return found

    def told_of_clients(self) -> list[Needed]:
        """The journals of which a worker that joins wants to know what they have inherited."""
        found = []
        for step, _, before in self._sources():
            if listens_everywhere(step) and self.worker not in self.previous.workers:
                own = [each for each in before.source_partitions if not each.left_by]
                found += [Needed(step, e.worker, e, e.partition, comes=False) for e in own[:1]]
        return found

    def times_from(self, owner: WorkerName, state: str) -> dict[str, str] | None:
        """Of the times of *owner*'s partitions those that matter here, each with its name here.

        None: *state* is not that of a source whose partitions are of one worker.
        """
        for step, stage, before in self._sources():
            if state in stage.steps and step.connector.scope.value == LOCAL:
                origins = ((origin_of(step, each, before), each) for each in self._here(stage))
                return {
                    origin.partition: each.partition
                    for origin, each in origins
                    if origin is not None and origin.worker == owner
                }
        return None
