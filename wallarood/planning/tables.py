"""Which steps wait for a table to be read before they take their stream."""

from wallarood.model.pipeline import Application, FunctionShape, Step, StepKind


def waits_for_table(application: Application, step: Step) -> bool:
    """Whether *step* joins a stream with a table as it is now, all of whose sources have an end.

    A table that is read by an endless source is not waited for: it is never whole.
    """
    computation = step.computation
    if (
        computation is None
        or computation.shape is not FunctionShape.ENRICH
        or computation.spec.at_event
    ):
        return False
    return all(each.connector.bounded for each in sources_of(application, step.inputs[1].step))


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
