"""From a stage to the functions that run it.

A stage is a chain of steps. Steps in a row that run inline are fused into one function from batch
to batch; a step that awaits or blocks stands between two of these. Between the steps of a fused
run there is nothing but the columns: no task, no channel, no object for each record.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import attrs

from wallarood.flow.failures import Failure, letter_of, pass_on
from wallarood.flow.state import KeyedState, SingleState, State
from wallarood.flow.steps import grouped, loops, operators
from wallarood.flow.steps.aggregate import Aggregator
from wallarood.flow.steps.arrow import columnar
from wallarood.flow.steps.operators import DROPPED, Operator
from wallarood.model.batch import Batch
from wallarood.model.errors import ApplicationError
from wallarood.model.pipeline import Application, Calling, Computation, Shape, Step, StepKind
from wallarood.model.topology import Stage

__all__ = [
    "DROPPED",
    "Concurrent",
    "InThread",
    "Inline",
    "Segment",
    "compile_branch",
    "compile_stage",
    "make_states",
]


@attrs.frozen
class Inline:
    """Steps that run one after the other on the event loop."""

    operators: tuple[Operator, ...]

    def run(self, batch: Batch, failures: list[Failure]) -> Batch:
        """Pass *batch* through all steps. Raises ComputationFailed: a policy is to stop."""
        for operator in self.operators:
            batch = operator.on_batch(batch, failures)
        return batch


@attrs.frozen
class InThread:
    """A step that blocks: the caller runs `run` in a thread, or in up to `threads` at once."""

    operator: Operator
    threads: int = 1

    def run(self, batch: Batch, failures: list[Failure]) -> Batch:
        """Pass *batch* through the step. Raises ComputationFailed: its policy is to stop."""
        return self.operator.on_batch(batch, failures)


@attrs.frozen
class Concurrent:
    """A step whose function is a coroutine function: the caller awaits one for each record."""

    computation: Computation

    def gather(self, batch: Batch, results: list[Any]) -> Batch:
        """The batch that follows from *results*, which stand beside the records of *batch*."""
        return operators.gather(self.computation.shape, batch, results)


Segment: TypeAlias = Inline | InThread | Concurrent
Split: TypeAlias = Callable[[Batch, list[Failure]], tuple[Batch, Batch]]


def make_states(application: Application, stage: Stage) -> dict[str, State]:
    """New state for each computation of *stage* that has one, by the computation's name."""
    states: dict[str, State] = {}
    for step in (application.step(name) for name in stage.steps):
        match step.kind, step.computation:
            case StepKind.STATEFUL, Computation(state=make) as computation if make is not None:
                kind = make if isinstance(make, type) else None
                states[step.name] = SingleState(step.name, _new_state(computation, make), kind)
            case StepKind.PARTITIONED, Computation(state=make) if make is not None:
                states[step.name] = KeyedState(step.name, make)
    return states


def _new_state(computation: Computation, make: Callable[[], Any]) -> Any:
    try:
        return make()
    except BaseException as error:
        pass_on(error)
        letter = letter_of(computation, None, error)
        raise ApplicationError(
            f"the state of computation {computation.name!r} cannot be made: state= failed at "
            f"{letter.file}:{letter.line}: {letter.error}"
        ) from error


def compile_stage(
    application: Application, stage: Stage, states: Mapping[str, State]
) -> tuple[Segment, ...]:
    """The segments of *stage*, in order, working on *states*. A final branch is left out."""
    segments: list[Segment] = []
    fused: list[Operator] = []
    for step in (application.step(name) for name in stage.steps):
        calling = step.computation.calling if step.computation else Calling.INLINE
        if calling is Calling.INLINE:
            fused.extend(_operator(step, states))
            continue
        if fused:
            segments.append(Inline(tuple(fused)))
            fused = []
        assert step.computation is not None
        if calling is Calling.ASYNC:
            segments.append(Concurrent(step.computation))
        else:
            threads = step.computation.threads
            segments.extend(InThread(each, threads) for each in _operator(step, states))
    if fused:
        segments.append(Inline(tuple(fused)))
    return tuple(segments)


def compile_branch(application: Application, stage: Stage) -> Split | None:
    """The function that parts the records of *stage* in two; None without a branch at its end."""
    step = application.step(stage.steps[-1])
    if step.kind is not StepKind.BRANCH or step.computation is None:
        return None
    computation = step.computation

    def split(batch: Batch, failures: list[Failure]) -> tuple[Batch, Batch]:
        answers = operators.answer_each(computation, batch.values, failures=failures)
        return (
            batch.sift([each is True for each in answers]),
            batch.sift([each is False for each in answers]),
        )

    return split


def _operator(step: Step, states: Mapping[str, State]) -> tuple[Operator, ...]:
    match step.kind, step.computation, states.get(step.name):
        case StepKind.COLLECT | StepKind.REDISTRIBUTE, _, _:
            return (operators.COLLECT,)
        case StepKind.KEY_BY, Computation() as computation, _:
            return (loops.key_by(computation),)
        case StepKind.BRANCH, _, _:
            return ()
        case _, Computation() as computation, state if computation.shape in loops.LOOPED:
            return (loops.each(computation, state),)
        case StepKind.SIMPLE, Computation() as computation, _:
            if computation.shape is Shape.ARROW:
                return (columnar(computation),)
            return (operators.whole(computation),)
        case StepKind.STATEFUL, Computation() as computation, SingleState() as state:
            return (grouped.together(computation, state),)
        case StepKind.PARTITIONED, Computation() as computation, KeyedState() as state:
            if computation.shape is Shape.AGGREGATE:
                return (Aggregator(computation, state),)
            return (grouped.by_key(computation, state),)
        case _:
            return ()
