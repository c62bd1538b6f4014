"""Which partitions of a source are read on this worker, and how far their time has come."""

from collections.abc import Callable, Iterable

from wallarood.app.connector import Scope
from wallarood.model.checkpoint import Restored, SourcePosition
from wallarood.model.ids import WorkerName
from wallarood.model.pipeline import Application, Step
from wallarood.model.topology import Stage
from wallarood.planning.dealing import reader_of
from wallarood.runtime.dataflow.counters import SourceCounters
from wallarood.runtime.dataflow.tasks.source_task import LISTING


def restored_of(restored: Restored, source: str) -> dict[str, SourcePosition]:
    """Where the partitions of *source* stand that were found before."""
    unlisted = _unlisted(source)
    mine = (each for each in restored.sources if each.source == source)
    return {each.partition: each for each in mine if each != unlisted}


def was_listed(restored: Restored, source: str) -> bool:
    """Whether the partitions of *source* were listed before: what is found now has appeared."""
    return restored.checkpoint.number > 0 and _unlisted(source) not in restored.sources


def _unlisted(source: str) -> SourcePosition:
    """What a checkpoint has of *source* if its partitions were not listed before it."""
    return SourcePosition(source, LISTING, None, ended=False)


def partitions_here(
    application: Application, restored: Restored, *, stage: Stage, worker: WorkerName
) -> dict[str, SourceCounters]:
    """Those that *worker* reads from the start, each with where it stands.

    Of a source whose partitions are found while it runs, they are those that were found before.
    """
    step = application.step(stage.steps[0])
    known = {
        name: SourceCounters(0, each.position, each.ended)
        for name, each in restored_of(restored, step.name).items()
    }
    if step.is_watched:
        return known
    return {
        each.partition: known.get(each.partition, SourceCounters())
        for each in stage.source_partitions
        if each.worker == worker
    }


def listed_of(step: Step, stage: Stage, worker: WorkerName) -> tuple[str, ...]:
    """All partitions of the source that *worker* knows of from the topology."""
    return tuple(
        each.partition
        for each in stage.source_partitions
        if step.connector.scope is Scope.SHARED or each.worker == worker
    )


def readers_rule(step: Step, stage: Stage, worker: WorkerName) -> Callable[[str], bool]:
    """Whether *worker* reads a partition that is found while the source runs."""
    if step.connector.scope is Scope.LOCAL:
        return lambda _: True
    return lambda name: reader_of(step.name, name, stage.workers) == worker


def expected(application: Application, stage: Stage, here: Iterable[str]) -> list[str]:
    """What holds the source's time until it is opened: also the first listing, if there is one."""
    return [*here, LISTING] if application.step(stage.steps[0]).is_watched else list(here)
