"""Type hints: what they say about records, and what they refuse."""

import functools
from abc import ABC
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple, Optional, Protocol, TypedDict, TypeVar

import attrs
import pytest

from wallarood.app.hints import can_be_key, can_flow, function_hints, record_types, show
from wallarood.model.pipeline import FunctionShape

T = TypeVar("T")


class Animal:
    pass


class Dog(Animal):
    pass


class Shape2D(ABC):  # noqa: B024 - what matters is that it is abstract
    pass


class Speaks(Protocol):
    def speak(self) -> str: ...


class Row(TypedDict):
    name: str


class Pair(NamedTuple):
    word: str
    times: int


@attrs.frozen
class FrozenKey:
    name: str


@attrs.define
class LooseKey:
    name: str


@dataclass(frozen=True)
class FrozenData:
    name: str


@dataclass
class LooseData:
    name: str


class Parser:
    def __call__(self, line: str) -> int:
        return int(line)

    def method(self, line: str) -> float:
        return float(line)


def test_a_function_says_what_it_takes_and_returns() -> None:
    def parse(line: str, _base: int = 10) -> int:
        return int(line)

    assert function_hints(parse) == (str, int)
    assert function_hints(lambda line: line) == (Any, Any)
    assert function_hints(str.upper) == (Any, Any)


def test_methods_and_callable_objects_are_read_without_self() -> None:
    assert function_hints(Parser()) == (str, int)
    assert function_hints(Parser().method) == (str, float)
    assert function_hints(functools.partial(Parser())) == (Any, Any)


def test_a_class_takes_what_its_init_does_and_returns_itself() -> None:
    assert function_hints(FrozenKey) == (str, FrozenKey)
    assert function_hints(int) == (Any, int)


def test_a_hint_that_cannot_be_resolved_counts_as_none() -> None:
    def broken(line: "NoSuchName") -> int:  # type: ignore[name-defined]  # noqa: F821
        return int(line)

    assert function_hints(broken) == (Any, Any)


def test_a_hint_with_a_type_variable_counts_as_none() -> None:
    def first(records: list[T]) -> T:
        return records[0]

    assert function_hints(first) == (Any, Any)


def test_the_result_of_each_shape() -> None:
    def one(line: str) -> Optional[int]:  # noqa: UP045 - the older spelling too
        return int(line) if line else None

    def many(line: str) -> Iterator[int]:
        yield int(line)

    def many_or_none(line: str) -> tuple[int, ...] | None:
        return (int(line),) if line else None

    def batch(lines: list[str]) -> Sequence[int]:
        return [int(line) for line in lines]

    def predicate(line: str) -> bool:
        return bool(line)

    assert record_types(one, FunctionShape.ONE) == (str, int)
    assert record_types(many, FunctionShape.MANY) == (str, int)
    assert record_types(many_or_none, FunctionShape.MANY) == (str, int)
    assert record_types(batch, FunctionShape.BATCH) == (str, int)
    assert record_types(predicate, FunctionShape.PREDICATE) == (str, str)
    assert record_types(predicate, FunctionShape.INSPECT) == (str, str)


@pytest.mark.parametrize(
    ("output", "wanted"),
    [
        (str, str),
        (Any, int),
        (str, Any),
        (object, str),
        (bool, int),
        (int, float),
        (Dog, Animal),
        (Animal, Dog),
        (str | int, int),
        (int, str | int),
        (list[int], list[int]),
        (list[bool], list[int]),
        (list, list[int]),
        (list[int], Sequence[int]),
        (Iterable[int], list[int]),
        (dict[str, int], Mapping[str, int]),
        (Pair, tuple[str, int]),
        (tuple[int, ...], tuple[int, int]),
        (Row, dict[str, str]),
        (dict[str, str], Row),
        (Dog, Speaks),
        (Annotated[str, "a note"], str),
        (Shape2D, Animal),
    ],
)
def test_what_may_fit_flows(output: Any, wanted: Any) -> None:
    assert can_flow(output, wanted)


@pytest.mark.parametrize(
    ("output", "wanted"),
    [
        (str, int),
        (int, str),
        (int, bytes),
        (float, int | None),
        (str | bytes, int),
        (list[str], list[int]),
        (list[str], str),
        (tuple[str, int], tuple[int, str]),
        (tuple[str, int], tuple[str, int, int]),
        (dict[str, str], dict[str, list[int]]),
        (Animal, Pair),
        (None.__class__, str),
    ],
)
def test_what_cannot_fit_does_not_flow(output: Any, wanted: Any) -> None:
    assert not can_flow(output, wanted)


@pytest.mark.parametrize(
    "hint",
    [
        str,
        bytes,
        int,
        bool,
        Any,
        tuple[str, int],
        tuple[int, ...],
        FrozenKey,
        FrozenData,
        str | int,
    ],
)
def test_what_can_be_a_key(hint: Any) -> None:
    assert can_be_key(hint)


@pytest.mark.parametrize(
    "hint",
    [
        float,
        list[str],
        dict[str, int],
        set[str],
        None.__class__,
        LooseKey,
        LooseData,
        tuple[str, float],
        tuple[str, tuple[float, ...]],
    ],
)
def test_what_cannot_be_a_key(hint: Any) -> None:
    assert not can_be_key(hint)


def test_a_type_is_shown_the_same_in_every_process() -> None:
    assert show(tuple[str, int]) == "tuple[str, int]"
    assert show(Optional[int]) == show(int | None) == "int | None"  # noqa: UP045
    assert show(list[FrozenKey]) == "list[FrozenKey]"
    assert show(Any) == "Any"
    assert show(tuple[int, ...]) == "tuple[int, ...]"
    assert "0x" not in show(Annotated[int, object()])
