"""Coalescing: steps that can be joined to their neighbours become one stage.

A stage is a chain. It begins at a source, a state, a merge, a redistribution, a sink, or after
something that ended the stage before. Simple computations always join what precedes them, so
nothing comes between two of them in a row.
"""

import attrs

from wallarood.model.pipeline import SIDE_OUTPUTS, Application, Step, StepKind
from wallarood.model.topology import StageKind

_KIND = {
    StepKind.SOURCE: StageKind.SOURCE,
    StepKind.STATEFUL: StageKind.STATEFUL,
    StepKind.PARTITIONED: StageKind.PARTITIONED,
    StepKind.SINK: StageKind.SINK,
}


@attrs.frozen
class Chain:
    """The steps of a stage to be, what kind of stage they make, and what ended the chain."""

    steps: tuple[Step, ...]
    kind: StageKind
    stopped_by: str

    @property
    def name(self) -> str:
        """The names of the steps, joined by arrows."""
        return " → ".join(step.name for step in self.steps)


def coalesce(application: Application) -> tuple[Chain, ...]:
    """The chains of *application*, in topological order of their first steps."""
    taken: set[str] = set()
    chains = []
    for step in application.steps:
        if step.name not in taken:
            chain = _chain_from(application, step)
            taken.update(each.name for each in chain.steps)
            chains.append(chain)
    return tuple(chains)


def _chain_from(application: Application, first: Step) -> Chain:
    steps = [first]
    while not (why := _stopped_by(application, steps[-1])):
        steps.append(consumers(application, steps[-1])[0])
    return Chain(tuple(steps), _KIND.get(first.kind, StageKind.SIMPLE), why)


def consumers(application: Application, step: Step) -> list[Step]:
    """The steps that take the records of *step*, one for each way."""
    return [
        each
        for each in application.steps
        for source in each.inputs
        if source.step == step.name and source.output not in SIDE_OUTPUTS
    ]


def _stopped_by(application: Application, step: Step) -> str:
    """What keeps the next step out of the stage that ends with *step*; empty if nothing does."""
    if step.kind is StepKind.SINK:
        return "a sink is the end of its stream"
    if step.kind is StepKind.BRANCH:
        return f"{step.name} sends each record to one of two streams"
    if step.kind is StepKind.STATEFUL:
        return (
            f"{step.name} keeps one state for all records: what follows may run on another worker"
        )
    after = consumers(application, step)
    if len(after) != 1:
        return f"{len(after)} streams continue from {step.name}"
    following = after[0]
    match following.kind:
        case StepKind.PARTITIONED:
            return f"{following.name} keeps state per key: records change worker here"
        case StepKind.STATEFUL:
            return f"{following.name} keeps one state for all records, on one worker"
        case StepKind.REDISTRIBUTE:
            return f"{following.name} deals records to all workers"
        case StepKind.MERGE:
            return f"{following.name} merges several streams"
        case StepKind.SINK:
            return f"{following.name} is a sink: a task of its own on the same worker"
        case _:
            return ""
