"""What each step keeps, and until when; and what an author should be told of it."""

from wallarood.model.pipeline import Application, Step, StepKind

_WITH_STATE = (StepKind.PARTITIONED, StepKind.STATEFUL)


def keeping(application: Application) -> dict[str, str]:
    """What each step that keeps something keeps, in words, by the step's name."""
    return {
        step.name: _kept_by(step)
        for step in application.steps
        if step.kind in _WITH_STATE and step.computation is not None
    }


def _kept_by(step: Step) -> str:
    assert step.computation is not None
    said: str = getattr(step.computation.spec, "keeps", "")
    if said:
        return said
    if step.kind is StepKind.STATEFUL:
        return "one state for all records"
    if step.computation.aggregations:
        return "the results of each key, forever"
    return "a state for each key, forever"


def advice(application: Application) -> list[str]:
    """A line for each step whose state grows without an end, where no author has said `forever`.

    Where records have no time, keys are taken to be few, unless timers say otherwise.
    """
    return [
        f"{step.where}: {step.name} keeps a state for each key and never forgets one: "
        + (
            "set ttl= (w.forever if that is meant)"
            if hasattr(step.computation.spec, "endless")
            else "use a window, or @w.state_computation_timed with ttl= (w.forever if it is meant)"
        )
        for step in application.steps
        if step.kind is StepKind.PARTITIONED and step.computation is not None and _is_endless(step)
    ]


def _is_endless(step: Step) -> bool:
    assert step.computation is not None
    spec = step.computation.spec
    if spec is None:
        return step.stamped
    return getattr(spec, "ttl", 0) is None and not getattr(spec, "endless", True)
