"""From a stage to the functions that run it.

A stage is a chain of steps. Steps in a row that run inline are fused into one function from batch
to batch; a step that awaits or blocks stands between two of these. Between the steps of a fused
run there is nothing but the columns: no task, no channel, no object for each record. Of them, those
in a row that call user code for each record are one loop.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

import attrs

from wallarood.flow.failures import Failure, letter_of, pass_on
from wallarood.flow.state.at_once import AtOnce, SharedObject
from wallarood.flow.state.keyed import KeyedState
from wallarood.flow.state.state import State
from wallarood.flow.steps import grouped, operators
from wallarood.flow.steps.arrow import columnar
from wallarood.flow.steps.chains import CHAINED, Chain
from wallarood.flow.steps.keying import key_by
from wallarood.flow.steps.makers import OPERATORS, STATES
from wallarood.flow.steps.operators import DROPPED, Operator
from wallarood.flow.steps.timed import Making, Timed, Wall, clock_name
from wallarood.flow.stored.versions import Versions
from wallarood.flow.watermarks import Clock
from wallarood.model.batch import Batch
from wallarood.model.errors import ApplicationError, LocalProtocolError
from wallarood.model.pipeline import (
    Application,
    Computation,
    ExecutionMode,
    FunctionShape,
    Step,
    StepKind,
)
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
class InTime:
    """An operator that knows time, at its place among those of its segment, and its watermark."""

    place: int
    operator: Timed
    clock: Clock


@attrs.frozen
class Inline:
    """Steps that run one after the other on the event loop; `timed` are those that know time."""

    operators: tuple[Operator, ...]
    timed: tuple[InTime, ...] = ()

    def run(self, batch: Batch, failures: list[Failure], side: int = 0) -> Batch:
        """Pass *batch*, which is of input number *side*, through all steps.

        Raises ComputationFailed: a policy is to stop.
        """
        if side:
            return self._run_from(1, self.operators[0].on_batch(batch, failures, side), failures)
        for operator in self.operators:
            batch = operator.on_batch(batch, failures)
        return batch

    def _run_from(self, place: int, batch: Batch, failures: list[Failure]) -> Batch:
        for operator in self.operators[place:]:
            batch = operator.on_batch(batch, failures)
        return batch

    def advance(self, time: int, failures: list[Failure]) -> Iterator[Batch]:
        """What follows from no record before *time* being still to come, slice by slice.

        What an operator emits passes those after it before they are told. Raises as `run`.
        """
        for each in self.timed:
            if each.clock.is_news(time):
                for batch in each.operator.on_watermark(time, failures):
                    yield self._run_from(each.place + 1, batch, failures)
                each.clock.told(time)

    def hold(self) -> None:
        """The first operator keeps what comes of its stream until `loaded` is called."""
        self.operators[0].hold()  # type: ignore[attr-defined]

    def loaded(self, failures: list[Failure]) -> Iterator[Batch]:
        """What follows from the table that the first operator waits for having been read."""
        for batch in self.operators[0].on_loaded(failures):  # type: ignore[attr-defined]
            yield self._run_from(1, batch, failures)

    def on_wall(self, now: int, failures: list[Failure]) -> Iterator[Batch]:
        """What follows from the wall clock showing *now*, slice by slice. Raises as `run`."""
        for each in self.timed:
            due = each.operator.wall_due
            if due is not None and due <= now:
                for batch in each.operator.on_wall(now, failures):
                    yield self._run_from(each.place + 1, batch, failures)

    @property
    def wall_due(self) -> int | None:
        """When `on_wall` must be called next; None if it need not be."""
        dues = [each.operator.wall_due for each in self.timed]
        return min((due for due in dues if due is not None), default=None)


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
        shape = step.computation.shape if step.computation is not None else None
        if shape in OPERATORS:
            name = clock_name(step.name)
            states[name] = AtOnce(name, Clock())
        if shape in STATES:
            states[step.name] = STATES[shape](step)
            continue
        match step.kind, step.computation:
            case StepKind.STATEFUL, Computation(state=make) as computation if make is not None:
                kind = make if isinstance(make, type) else None
                new, versions = _new_state(computation, make), Versions.of(computation)
                of = SharedObject(step.name, new, kind, versions)
                states[step.name] = AtOnce(step.name, of)
            case StepKind.PARTITIONED, Computation(state=make) as computation if make is not None:
                states[step.name] = KeyedState(step.name, make, Versions.of(computation))
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


def _clock_of(state: State) -> Clock:
    assert isinstance(state, AtOnce)
    assert isinstance(state.of, Clock)
    return state.of


def _no_clock() -> int:
    raise LocalProtocolError("a stage whose steps need the wall clock was compiled without one")


def compile_stage(
    application: Application, stage: Stage, states: Mapping[str, State], *, wall: Wall = _no_clock
) -> tuple[Segment, ...]:
    """The segments of *stage*, in order, working on *states*. A final branch is left out."""
    segments: list[Segment] = []
    fused: list[Operator] = []
    timed: list[InTime] = []
    for step in (application.step(name) for name in stage.steps):
        execution = step.computation.execution if step.computation else ExecutionMode.INLINE
        if step.computation is not None and step.computation.shape in OPERATORS:
            clock = _clock_of(states[clock_name(step.name)])
            making = Making(step, step.computation, states.get(step.name), clock, wall)
            made: Any = OPERATORS[step.computation.shape](making)
            if hasattr(made, "on_watermark"):
                timed.append(InTime(len(fused), made, clock))
            fused.append(made)
            continue
        if execution is ExecutionMode.INLINE:
            for operator in _operator(step, states):
                _add(operator, fused)
            continue
        if fused:
            segments.append(Inline(tuple(fused), tuple(timed)))
            fused, timed = [], []
        assert step.computation is not None
        if execution is ExecutionMode.ASYNC:
            segments.append(Concurrent(step.computation))
        else:
            threads = step.computation.threads
            segments.extend(InThread(each, threads) for each in _operator(step, states))
    if fused:
        segments.append(Inline(tuple(fused), tuple(timed)))
    return tuple(segments)


def _add(operator: Operator, fused: list[Operator]) -> None:
    """Put *operator* after those there are, in one loop with the last one if they can be one."""
    joined = None
    if fused and isinstance(operator, Chain) and isinstance(fused[-1], Chain):
        joined = fused[-1].joined(operator)
    if joined is None:
        fused.append(operator)
    else:
        fused[-1] = joined


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
            return (key_by(computation),)
        case StepKind.BRANCH, _, _:
            return ()
        case _, Computation() as computation, state if computation.shape in CHAINED:
            return (Chain((computation,), state),)
        case StepKind.SIMPLE, Computation() as computation, _:
            if computation.shape is FunctionShape.ARROW:
                return (columnar(computation),)
            return (operators.whole(computation),)
        case StepKind.STATEFUL, Computation() as computation, AtOnce(of=SharedObject() as state):
            return (grouped.together(computation, state),)
        case StepKind.PARTITIONED, Computation() as computation, KeyedState() as state:
            if computation.shape is FunctionShape.AGGREGATE:
                from wallarood.flow.steps.aggregates.aggregate import (  # noqa: PLC0415 - few do
                    Aggregator,
                )

                return (Aggregator(computation, state),)
            return (grouped.by_key(computation, state),)
        case _:
            return ()
