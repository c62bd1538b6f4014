"""Steps in a row that call user code for each record, as one loop over the records of a batch."""
# Theory of operation
# ===================
# The loop is written for the steps of a chain, in Python, and compiled: a function of Python is
# entered from there without a detour through C, the interpreter adapts each place of a call to what
# is called there, and a record is through all steps while it is in the processor's caches, and is
# gone before the next one begins.
#
# Each step stands on lines of its own, and assigns `record` only once it is done. So when user code
# raises, the traceback says in which step, and `record` is what that step was given: no record
# costs anything for that. The policy of the step is applied, and the loop is entered again with the
# same iterator, which is past that record: no record is passed to user code twice.
#
# Where something stands beside the records, as their keys do, the loop adds exactly one result for
# each record, a list where the last step makes many, and DROPPED if it has none; then what is
# beside them is sifted or repeated likewise. Where nothing does, results are just added.

from collections.abc import Callable, Iterator, Sequence
from enum import Enum
from itertools import repeat
from operator import is_not
from types import CodeType
from typing import Any, Final

import attrs

from wallarood.flow.failures import Failure, fail, pass_on
from wallarood.flow.keys import canonical_all
from wallarood.flow.state.at_once import AtOnce, SharedObject
from wallarood.flow.state.keyed import KeyedState
from wallarood.flow.state.state import State
from wallarood.flow.steps.operators import DROPPED
from wallarood.model.batch import Batch
from wallarood.model.pipeline import Computation, FunctionShape

CHAINED: Final = frozenset(
    {FunctionShape.ONE, FunctionShape.MANY, FunctionShape.PREDICATE, FunctionShape.INSPECT}
)
"""The shapes of functions that are called for each record."""


class _Results(Enum):
    """What a loop adds, and what it does for a record that has no result."""

    FREE = ("continue",)
    BESIDE = ("results.append(DROPPED)", "whole = False", "continue")


_ALONE: Final = ("record", "record")
_WITH_STATE: Final = ("record, state", "record, state")
_WITH_KEY: Final = ("record, key, state", "record, state, key=key")
"""What is drawn for each record, and what of it the first function gets."""
_HEAD_LINES: Final = 3
"""How many lines of the text of a loop are before those of its steps."""


@attrs.frozen
class _Loop:
    """A compiled loop, and the number of the step that stands on each line of its text.

    `run` calls the functions for what an iterator gives, adds results to a list, and says whether
    there is none for which DROPPED was added.
    """

    run: Callable[..., bool]
    code: CodeType
    steps: Sequence[int]


def _lines_of(shape: FunctionShape, call: str, results: _Results) -> list[str]:
    """The lines of one step, which is a *call*."""
    drop = results.value
    match shape:
        case FunctionShape.ONE:
            return [f"record = {call}", "if record is None:", *(f"    {each}" for each in drop)]
        case FunctionShape.PREDICATE:
            return [f"if not {call}:", *(f"    {each}" for each in drop)]
        case FunctionShape.INSPECT:
            return [call]
        case _ if results is _Results.FREE:
            drawn = "made if type(made) is list else list(made)"
            return [f"made = {call}", "if made is not None:", f"    results += {drawn}"]
        case _:
            # A list that a state keeps is drawn before the state changes.
            drawn = "made if type(made) is list else list(made)"
            drawn = "list(made)" if ", state" in call else drawn
            return [f"made = {call}", f"results.append(() if made is None else {drawn})"]


def _compiled(shapes: Sequence[FunctionShape], head: tuple[str, str], results: _Results) -> _Loop:
    """The loop of steps of these *shapes*; *head* is one of those above."""
    drawn, given = head
    functions = [f"step_{number}" for number in range(len(shapes))]
    lines = [
        f"def loop(records, results, {', '.join(functions)}):",
        "    whole = True",
        f"    for {drawn} in records:",
    ]
    steps = [0] * _HEAD_LINES
    for number, (shape, function) in enumerate(zip(shapes, functions, strict=True)):
        call = f"{function}({given if number == 0 else 'record'})"
        own = _lines_of(shape, call, results)
        lines += [f"        {line}" for line in own]
        steps += [number] * len(own)
    rest = ["    return whole"]
    if shapes[-1] is not FunctionShape.MANY:
        rest.insert(0, "        results.append(record)")
    lines += rest
    steps += [len(shapes) - 1] * len(rest)
    names: dict[str, Any] = {"DROPPED": DROPPED}
    exec(compile("\n".join(lines), "<the loop of a stage>", "exec"), names)
    run = names["loop"]
    return _Loop(run, run.__code__, steps)


class Chain:
    """The operator that calls the functions of *computations* for each record.

    The first of them may have a *state*.
    """

    def __init__(self, computations: Sequence[Computation], state: State | None = None) -> None:
        self._computations = tuple(computations)
        self._state = state
        self._functions = tuple(each.function for each in computations)
        self._shapes = tuple(each.shape for each in computations)
        self._many = self._shapes[-1] is FunctionShape.MANY
        first = self._computations[0]
        self._with_key = first.with_key and isinstance(state, KeyedState)
        self._head = _ALONE if state is None else _WITH_KEY if self._with_key else _WITH_STATE
        self._loops: dict[_Results, _Loop] = {}

    def joined(self, other: "Chain") -> "Chain | None":
        """This chain and the *other* one after it as one; None if they are two loops."""
        if self._many or other._state is not None:
            return None
        return Chain(self._computations + other._computations, self._state)

    def on_batch(self, batch: Batch, failures: list[Failure], side: int = 0) -> Batch:  # noqa: ARG002
        """See `Operator.on_batch`."""
        is_bare = batch.is_bare and not isinstance(self._state, KeyedState)
        kind = _Results.FREE if is_bare else _Results.BESIDE
        loop = self._loops.get(kind)
        if loop is None:
            loop = self._loops[kind] = _compiled(self._shapes, self._head, kind)
        results: list[Any] = []
        waiting = self._beside(batch)
        whole = True
        while True:
            try:
                whole = loop.run(waiting, results, *self._functions) and whole
                if not is_bare and len(results) < len(batch):
                    raise StopIteration  # by what makes a state: it ended a loop in C
                break
            except BaseException as error:
                pass_on(error)
                computation, record = self._at_fault(loop, batch, results, error=error)
                fail(computation, record, error, failures=failures)
            if not is_bare:
                results.append(DROPPED)
                whole = False
        if is_bare:
            return Batch(results)
        if self._many:
            return batch.spread(results if whole else [() if r is DROPPED else r for r in results])
        if whole:
            return batch.replace(results)
        return batch.sift(map(is_not, results, repeat(DROPPED)), results)

    def _at_fault(
        self, loop: _Loop, batch: Batch, results: list[Any], *, error: BaseException
    ) -> tuple[Computation, Any]:
        """The step that raised *error*, and the record that it was given."""
        trace = error.__traceback__
        while trace is not None:
            if trace.tb_frame.f_code is loop.code and trace.tb_lineno > _HEAD_LINES:
                step = loop.steps[trace.tb_lineno - 1]
                return self._computations[step], trace.tb_frame.f_locals["record"]
            trace = trace.tb_next
        # The state of the next record could not be made.
        return self._computations[0], batch.values[min(len(results), len(batch) - 1)]

    def _beside(self, batch: Batch) -> Iterator[Any]:
        """The records of *batch*, each beside what the first function is given with it.

        The state is drawn last: if it cannot be made, the record and its key are drawn already.
        """
        match self._state:
            case None:
                return iter(batch.values)
            case AtOnce(of=SharedObject() as state):
                return zip(batch.values, repeat(state.value), strict=False)
            case KeyedState() as state:
                states = state.use(canonical_all(batch))
                if self._with_key:
                    return zip(batch.values, batch.keys or (), states, strict=False)
                return zip(batch.values, states, strict=False)
            case state:
                raise ValueError(f"a {type(state).__name__} has no state object for each record")
