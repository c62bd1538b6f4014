"""Which steps wait for a table to be read before they take their stream."""

from wallarood.model.pipeline import Application, FunctionShape, Step, StepKind


def waits_for_table(application: Application, step: Step) -> bool:
    """Whether *step* joins a stream with a table as it is now, all of whose sources have an end."""
    return _is_enriched(step) and all(
        each.connector.bounded for each in sources_of(application, step.inputs[1].step)
    )


def waits_for_rows(application: Application, step: Step) -> bool:
    """Whether *step* waits for its table, to its end or for what there is when a worker starts.

    The latter not if a source of the table feeds a stream that waits too: it could not be read.
    """
    if waits_for_table(application, step):
        return True
    if not _is_enriched(step) or not _endless_of(application, step):
        return False
    tables = {each.name for each in sources_of(application, step.inputs[1].step)}
    return not tables & _waiting(application)


def loaded_first(application: Application) -> set[str]:
    """The endless sources of which a stream waits for what there is when a worker starts."""
    return {
        name
        for step in application.steps
        if not waits_for_table(application, step) and waits_for_rows(application, step)
        for name in _endless_of(application, step)
    }


def _is_enriched(step: Step) -> bool:
    computation = step.computation
    return (
        computation is not None
        and computation.shape is FunctionShape.ENRICH
        and not computation.spec.at_event
    )


def _endless_of(application: Application, step: Step) -> set[str]:
    sources = sources_of(application, step.inputs[1].step)
    return {each.name for each in sources if not each.connector.bounded}


def _waiting(application: Application) -> set[str]:
    """The sources of all streams that may wait for a table."""
    return {
        source.name
        for step in application.steps
        if _is_enriched(step)
        for source in sources_of(application, step.inputs[0].step)
    }


def sources_of(application: Application, name: str) -> list[Step]:
    """The sources that the records of the step *name* come from."""
    found: dict[str, Step] = {}
    waiting, seen = [name], {name}
    while waiting:
        step = application.step(waiting.pop())
        if step.kind is StepKind.SOURCE:
            found[step.name] = step
        fresh = {each.step for each in step.inputs} - seen
        seen |= fresh
        waiting += fresh
    return list(found.values())
