"""The decorators: what they declare, and what they refuse."""

import functools
import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

import wallarood as w
from wallarood.app.functions.declared import Declared
from wallarood.app.functions.declaring import declare
from wallarood.model.pipeline import ExecutionMode, FunctionShape


class Total:
    count = 0


def parse(line: str) -> int:
    return int(line)


def add(number: int, total: Total) -> int:
    total.count += number
    return total.count


async def look_up(line: str) -> int:
    return int(line)


class AsyncLookUp:
    async def __call__(self, line: str) -> int:
        return int(line)


def test_a_decorated_function_stays_a_function() -> None:
    decorated = w.computation(parse)
    assert decorated("7") == 7
    assert inspect.signature(decorated) == inspect.signature(parse)
    assert inspect.unwrap(decorated) is parse


def test_each_decorator_declares_its_shape() -> None:
    assert w.computation(parse).shape is FunctionShape.ONE
    assert w.computation_multi(parse).shape is FunctionShape.MANY
    assert w.computation_batch(parse).shape is FunctionShape.BATCH
    assert w.state_computation(state=Total)(add).shape is FunctionShape.ONE
    assert w.state_computation_multi(state=Total)(add).shape is FunctionShape.MANY


def test_options_are_kept() -> None:
    chosen = w.computation(name="ask", on_error="skip", concurrency=3, ordered=False)(look_up)
    assert (chosen.name, chosen.on_error, chosen.concurrency, chosen.ordered) == (
        "ask",
        "skip",
        3,
        False,
    )
    assert w.state_computation(state=Total, partitions=8)(add).partitions == 8


@pytest.mark.parametrize(
    ("function", "execution"),
    [
        (parse, ExecutionMode.INLINE),
        (look_up, ExecutionMode.ASYNC),
        (functools.partial(look_up), ExecutionMode.ASYNC),
        (AsyncLookUp(), ExecutionMode.ASYNC),
        (int, ExecutionMode.INLINE),
    ],
)
def test_how_a_function_is_called_is_seen(
    function: Callable[..., Any], execution: ExecutionMode
) -> None:
    assert declare(function, FunctionShape.ONE).execution is execution


def test_a_blocking_computation_says_so() -> None:
    assert w.computation(blocking=True)(parse).execution is ExecutionMode.BLOCKING


def _generator(line: str) -> Iterator[str]:
    yield line


async def _async_generator(line: str) -> AsyncIterator[str]:
    yield line


def _no_arguments() -> int:
    return 1


async def _async_add(number: int, total: Total) -> int:
    return number + total.count


async def _async_batch(numbers: list[int]) -> list[int]:
    return numbers


class NeedsArguments:
    def __init__(self, first: int) -> None:
        self.first = first


WRONG: dict[str, tuple[Callable[[], object], str]] = {
    "no function": (lambda: declare(7, FunctionShape.ONE), "expected a function, found 7"),  # type: ignore[arg-type]
    "twice": (lambda: w.computation(w.computation(parse)), "parse is declared a computation twice"),
    "async and blocking": (
        lambda: w.computation(blocking=True)(look_up),
        "look_up: a coroutine function cannot be blocking",
    ),
    "generator as simple": (lambda: w.computation(_generator), "use .flat_map"),
    "async generator": (lambda: w.computation_multi(_async_generator), "asynchronous generator"),
    "async batch": (lambda: w.computation_batch(_async_batch), "cannot be a coroutine function"),
    "async state": (
        lambda: w.state_computation(state=Total)(_async_add),
        "a state computation cannot be a coroutine function",
    ),
    "no parameter": (lambda: w.computation(_no_arguments), "cannot be called as f(record)"),
    "no state parameter": (
        lambda: w.state_computation(state=Total)(parse),
        "cannot be called as f(record, state)",
    ),
    "state of None": (lambda: w.state_computation(state=None), "state=None"),  # type: ignore[arg-type]
    "state that is a value": (
        lambda: w.state_computation(state=0)(add),  # type: ignore[arg-type]
        "add: state=0: expected a class",
    ),
    "state with arguments": (
        lambda: w.state_computation(state=NeedsArguments)(add),  # type: ignore[arg-type]
        "state=NeedsArguments: expected a class, or a function without arguments",
    ),
    "no partitions": (
        lambda: w.state_computation(state=Total, partitions=0)(add),
        "partitions=0: expected 1 to 65536",
    ),
    "no concurrency": (lambda: w.computation(concurrency=0)(look_up), "concurrency=0"),
    "no thread": (lambda: w.computation(blocking=True, threads=0)(parse), "threads=0"),
    "threads of what does not block": (
        lambda: w.computation(threads=2)(parse),
        "threads=2: expected blocking=True",
    ),
    "true as a number": (lambda: w.computation(concurrency=True)(look_up), "concurrency=True"),
    "text as a switch": (lambda: w.computation(ordered="no")(look_up), "ordered='no'"),  # type: ignore[call-overload]
    "unknown policy": (
        lambda: w.computation(on_error="ignore")(parse),  # type: ignore[call-overload]
        "on_error='ignore': expected 'stop', 'skip' or w.dead_letter(sink)",
    ),
    "sink as policy": (
        lambda: w.computation(on_error=w.ListSink([]))(parse),  # type: ignore[call-overload]
        "expected 'stop', 'skip' or w.dead_letter(sink)",
    ),
    "unknown option": (
        lambda: w.computation(retries=3)(parse),  # type: ignore[call-overload]
        "unknown option 'retries': expected blocking, concurrency, name, on_error, ordered",
    ),
    "concurrency of a batch": (
        lambda: w.computation_batch(concurrency=3)(parse),  # type: ignore[call-overload]
        "unknown option 'concurrency'",
    ),
    "name with a slash": (lambda: w.computation(name="a/b")(parse), "computation name 'a/b'"),
    "dead letters to nothing": (lambda: w.dead_letter(None), "expected a sink"),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_declaration_names_the_line_of_the_application(case: str) -> None:
    declare_it, message = WRONG[case]
    with pytest.raises(w.PipelineError) as caught:
        declare_it()
    file, line, text = str(caught.value).split(":", 2)
    assert message in text
    assert file == __file__
    first = declare_it.__code__.co_firstlineno
    assert first <= int(line) <= first + 3


def test_a_name_that_cannot_be_one_is_not_taken_from_the_function() -> None:
    declared: Declared[..., Any] = declare(lambda record: record, FunctionShape.ONE)
    assert declared.name == ""
