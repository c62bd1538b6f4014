"""What an author may not expect of the event time of an application."""

from collections.abc import Iterable

from wallarood.model.messages import Listing
from wallarood.model.pipeline import Application, Step, StepKind
from wallarood.model.time import TimeSettings

OPEN_AT_ONCE = 8
"""How many partitions of a source that ends are read at a time on a worker."""


def advice_of_time(application: Application, listings: Iterable[Listing]) -> list[str]:
    """A line for each source whose watermark waits for its last partitions."""
    listed = {each.source: len(each.partitions) for each in listings}
    found = []
    for step in application.steps:
        settings = step.computation.spec if step.computation is not None else None
        if step.kind is not StepKind.STAMP or not isinstance(settings, TimeSettings):
            continue
        source = _source_of(application, step)
        count = listed.get(source.name, 0)
        if source.connector.bounded and count > OPEN_AT_ONCE and not settings.ordered:
            found.append(
                f"source {source.name!r} has {count:,} partitions, of which {OPEN_AT_ONCE} are "
                "read at a time on a worker: no window closes before the last has been opened; if "
                "they follow each other in time by their names, set event_time(…, ordered=True)"
            )
    return found


def _source_of(application: Application, step: Step) -> Step:
    while step.inputs:
        step = application.step(step.inputs[0].step)
    return step
