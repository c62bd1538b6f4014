"""What an author may not expect of the event time of an application."""

from collections.abc import Iterable

from wallarood.model.messages import Listing
from wallarood.model.pipeline import Application, Step, StepKind
from wallarood.model.spans import show_span
from wallarood.model.time import SECOND, StampsFrom, TimeSettings, WhenAllIdle
from wallarood.model.timing.windows import WindowKind, WindowSpec

WEEK = 7 * 86_400 * SECOND
_ALIGNED = (WindowKind.TUMBLING, WindowKind.HOPPING)
OPEN_AT_ONCE = 8
"""How many partitions of a source that ends are read at a time on a worker."""


def advice_of_time(application: Application, listings: Iterable[Listing]) -> list[str]:
    """A line for each source whose watermark waits for its last partitions, and for odd weeks."""
    return [*_of_sources(application, listings), *_of_weeks(application)]


def _of_weeks(application: Application) -> list[str]:
    """A line for each step whose windows are weeks, and begin on Thursdays."""
    found = []
    for step in application.steps:
        spec = step.computation.spec if step.computation is not None else None
        if not isinstance(spec, WindowSpec) or spec.windows.kind not in _ALIGNED:
            continue
        every = spec.windows.every or spec.windows.size
        if every % WEEK == 0 and spec.windows.offset == 0:
            found.append(
                f"{step.where}: windows of {step.name}, {spec.windows.shown}, begin on Thursdays, "
                'as 1970 did: for weeks from Monday use w.calendar("week", tz=…), or offset="4d"'
            )
    return found


def describe_time(application: Application) -> dict[str, str]:
    """How each source's records are stamped, and what moves time, in words, by the step's name."""
    return {
        step.name: _described(step.computation.spec)
        for step in application.steps
        if step.kind is StepKind.STAMP
        and step.computation is not None
        and isinstance(step.computation.spec, TimeSettings)
    }


def _described(settings: TimeSettings) -> str:
    if settings.stamps is StampsFrom.CLOCK:
        stamps = "the clock of the worker that reads a record"
    else:
        of = "a function" if settings.stamps is StampsFrom.FUNCTION else "the source"
        stamps = f"from {of}, up to {show_span(settings.out_of_order)} out of order"
    idle = "never idle" if settings.idle is None else f"idle after {show_span(settings.idle)}"
    facts = [stamps, f"partitions {idle}"]
    if settings.ordered:
        facts.append("follow each other by name")
    if settings.drift is not None:
        facts.append(f"at most {show_span(settings.drift)} apart")
    if settings.when_all_idle is WhenAllIdle.HOLD:
        facts.append("time stands still when all are idle")
    return ", ".join(facts)


def _of_sources(application: Application, listings: Iterable[Listing]) -> list[str]:
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
