"""The loops that call user code for each record, and the operator around them."""
# Theory of operation
# ===================
# Steps run one after the other, each over the whole batch: the code of a function stays in the
# processor's caches, which matters most where it calls a library. Python's interpreter adapts each
# place of a call to what is called there, so every step gets its loop as code of its own, and the
# loops are Python, since from there a function of Python is entered without a detour through C.
#
# A loop adds exactly one result for each record, NOTHING if it has none. So what stands beside the
# records, their keys, stands beside the results too; only if some are nothing are both sifted. And
# when a function raises, the number of results says which record was at fault. Its policy is
# applied, and the same iterator goes on behind it: no record is passed to user code twice.

from collections.abc import Callable, Iterator
from itertools import compress, repeat
from types import FunctionType
from typing import Any, Final, TypeAlias

from wallarood.flow.failures import Failure, fail, pass_on
from wallarood.flow.keys import (
    KEY_TYPES_EXACT,
    KeyTypeError,
    can_all_be_keys,
    canonical_all,
    encode_key,
    kind_of,
)
from wallarood.flow.state import KeyedState, SingleState, State
from wallarood.flow.steps.operators import DROPPED, Operator, Plain
from wallarood.flow.steps.selectors import selector_of
from wallarood.model.batch import Batch
from wallarood.model.pipeline import Computation, Shape

Loop: TypeAlias = Callable[[Callable[..., Any], Iterator[Any], list[Any]], bool]
"""Calls a function for the records of an iterator and adds the results to a list.

Returns whether none of them is nothing.
"""


def _one(function: Callable[[Any], Any], records: Iterator[Any], results: list[Any]) -> bool:
    whole = True
    for record in records:
        result = function(record)
        if result is None:
            result, whole = DROPPED, False
        results.append(result)
    return whole


def _one_with_state(
    function: Callable[[Any, Any], Any], records: Iterator[Any], results: list[Any]
) -> bool:
    whole = True
    for record, state in records:
        result = function(record, state)
        if result is None:
            result, whole = DROPPED, False
        results.append(result)
    return whole


def _one_with_key(function: Callable[..., Any], records: Iterator[Any], results: list[Any]) -> bool:
    whole = True
    for record, key, state in records:
        result = function(record, state, key=key)
        if result is None:
            result, whole = DROPPED, False
        results.append(result)
    return whole


def _many(function: Callable[[Any], Any], records: Iterator[Any], results: list[Any]) -> bool:
    for record in records:
        result = function(record)
        if type(result) is not list:
            result = () if result is None else list(result)
        results.append(result)
    return True


def _many_with_state(
    function: Callable[[Any, Any], Any], records: Iterator[Any], results: list[Any]
) -> bool:
    for record, state in records:
        result = function(record, state)
        # It may be lazy, or a list that the state keeps: it is drawn before the state changes.
        results.append(() if result is None else list(result))
    return True


def _many_with_key(
    function: Callable[..., Any], records: Iterator[Any], results: list[Any]
) -> bool:
    for record, key, state in records:
        result = function(record, state, key=key)
        results.append(() if result is None else list(result))
    return True


def _predicate(function: Callable[[Any], Any], records: Iterator[Any], results: list[Any]) -> bool:
    whole = True
    for record in records:
        if function(record):
            results.append(record)
        else:
            results.append(DROPPED)
            whole = False
    return whole


def _inspect(function: Callable[[Any], Any], records: Iterator[Any], results: list[Any]) -> bool:
    for record in records:
        function(record)
        results.append(record)
    return True


def _key(function: Callable[[Any], Any], records: Iterator[Any], results: list[Any]) -> bool:
    # Nothing is asked of a key here, and then a loop in C is the cheaper one.
    results.extend(map(function, records))
    return True


_LOOPS: Final = {
    Shape.ONE: _one,
    Shape.MANY: _many,
    Shape.PREDICATE: _predicate,
    Shape.INSPECT: _inspect,
}
_LOOPS_WITH_STATE: Final = {Shape.ONE: _one_with_state, Shape.MANY: _many_with_state}
_LOOPS_WITH_KEY: Final = {Shape.ONE: _one_with_key, Shape.MANY: _many_with_key}
LOOPED: Final = frozenset(_LOOPS)
"""The shapes of functions that are called for each record."""


def each(computation: Computation, state: State | None = None) -> Operator:
    """The operator that calls the function of *computation* for each record."""
    many = computation.shape is Shape.MANY
    loops = _LOOPS if state is None else _LOOPS_WITH_STATE
    with_key = computation.with_key and isinstance(state, KeyedState)
    if with_key:
        loops = _LOOPS_WITH_KEY
    beside = _with_keys_and_states if with_key else _with_states
    call = _calling(computation, loops[computation.shape], () if many else DROPPED)

    def run(batch: Batch, failures: list[Failure]) -> Batch:
        results, whole = call(batch.values, beside(batch, state), failures)
        if many:
            return batch.spread(results)
        if whole:
            return batch.replace(results)
        return batch.sift(_present(results), results)

    return Plain(run)


def key_by(computation: Computation) -> Operator:
    """The operator that sets the key of each record; what cannot be a key fails its record."""
    call = _calling(computation, _key, DROPPED)
    select = selector_of(computation.function)

    def run(batch: Batch, failures: list[Failure]) -> Batch:
        if select is not None:
            # If something raises, the function itself is called, and tells which record it was.
            try:
                keys = select.all_of(batch.values)
                kind = kind_of(keys)
                if kind in KEY_TYPES_EXACT or can_all_be_keys(keys, kind):
                    return batch.rekey(keys, kind, item=select.item)
            except BaseException as error:
                pass_on(error)
        keys, whole = call(batch.values, iter(batch.values), failures)
        kind = kind_of(keys)
        if kind not in KEY_TYPES_EXACT and not can_all_be_keys(keys, kind):
            whole = _refuse_keys(computation, batch.values, keys, failures=failures) and whole
        if whole:
            return batch.rekey(keys, kind)
        flags = _present(keys)
        present = list(compress(keys, flags))
        return batch.rekey(None).sift(flags).rekey(present, kind_of(present))

    return Plain(run)


def _refuse_keys(
    computation: Computation, records: list[Any], keys: list[Any], *, failures: list[Failure]
) -> bool:
    """Put DROPPED in the place of each key that cannot be one; whether there is none."""
    whole = True
    for place, (record, key) in enumerate(zip(records, keys, strict=True)):
        try:
            encode_key(key)
        except KeyTypeError as error:
            if key is not DROPPED:
                fail(computation, record, error, failures=failures)
                keys[place] = DROPPED
            whole = False
    return whole


def _with_states(batch: Batch, state: State | None) -> Iterator[Any]:
    """The records of *batch*, each beside its state if there is one."""
    match state:
        case None:
            return iter(batch.values)
        case SingleState():
            return zip(batch.values, repeat(state.value), strict=False)
        case KeyedState():
            return zip(batch.values, state.use(canonical_all(batch)), strict=False)
        case _:
            raise ValueError(f"a {type(state).__name__} has no state object for each record")


def _with_keys_and_states(batch: Batch, state: State | None) -> Iterator[Any]:
    """The records of *batch*, each beside its key and its state.

    The state is drawn last: if it cannot be made, the record and its key are drawn already.
    """
    assert isinstance(state, KeyedState)
    keys = batch.keys or ()
    return zip(batch.values, keys, state.use(canonical_all(batch)), strict=False)


def _present(results: list[Any]) -> list[bool]:
    return [result is not DROPPED for result in results]


_Call = Callable[[list[Any], Iterator[Any], list[Failure]], tuple[list[Any], bool]]


def _calling(computation: Computation, loop: Loop, nothing: Any) -> _Call:
    """What runs *loop* to its end, whatever raises: the results, and whether all are there."""
    assert isinstance(loop, FunctionType)
    loop = FunctionType(loop.__code__.replace(), loop.__globals__)
    function = computation.function

    def call(
        records: list[Any], waiting: Iterator[Any], failures: list[Failure]
    ) -> tuple[list[Any], bool]:
        results: list[Any] = []
        whole = True
        while True:
            try:
                whole = loop(function, waiting, results) and whole
                if len(results) < len(records):
                    raise StopIteration  # it ended a loop in C
                return results, whole
            except BaseException as error:
                fail(computation, records[len(results)], error, failures=failures)
                results.append(nothing)
                whole = False

    return call
