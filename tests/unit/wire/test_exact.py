"""Hints are looked at once, values each time."""

import dataclasses
from typing import Annotated, Any, ClassVar

import attrs
import msgspec
import pytest
from support.record_types import Color, Derived, Level, Open, Order, Plain, Word, with_more

from wallarood.wire.exact import NotExactError, compile_check


@pytest.mark.parametrize(
    ("hint", "exact", "not_exact"),
    [
        (int, [1, 1 << 70], [True, 1.0, Level.LOW, None]),
        (float, [1.0], [1]),
        (str, ["a"], [Word("a"), b"a"]),
        (bytes, [b"a"], [bytearray(b"a"), memoryview(b"a")]),
        (list[int], [[1]], [(1,), [True], [1.0]]),
        (tuple[int, ...], [(1, 2)], [[1]]),
        (tuple[str, int], [("a", 1)], [("a",), ("a", 1, 2), ["a", 1], ("a", True)]),
        (set[int], [{1}], [frozenset({1})]),
        (dict[str, float], [{"a": 1.0}], [{"a": 1}, {1: 1.0}]),
        (int | None, [1, None], [True]),
        (Plain, [Plain(1)], [Derived(1), Plain(True), Plain(1, Word("a"))]),
        (list[Plain], [[Plain(1)]], [[Derived(1)]]),
        (Open, [Open(1)], [with_more(1)]),
        (Order, [Order(1)], [Order(1, 1)]),
        (Color, [Color.RED], ["r", Level.LOW]),
    ],
)
def test_values_of_exactly_the_type(hint: Any, exact: list[Any], not_exact: list[Any]) -> None:
    check = compile_check(hint)
    assert check(exact)
    assert check([])
    for value in not_exact:
        assert not check([*exact, value]), value


def test_an_object_without_one_of_its_fields() -> None:
    broken = Plain(1)
    del broken.number
    assert not compile_check(Plain)([broken])


def test_an_item_that_is_known_is_not_looked_at() -> None:
    check = compile_check(tuple[str, int], known_item=0)
    assert check([("a", 1)])
    assert not check([("a", True)])
    assert not check([("a",)])


@dataclasses.dataclass
class WithInitVar:
    number: int
    given: dataclasses.InitVar[int]


@dataclasses.dataclass
class WithClassVar:
    number: int
    scale: ClassVar[float] = 1.5


class Checked(msgspec.Struct):
    number: Annotated[int, msgspec.Meta(ge=0)]


class Short(msgspec.Struct, omit_defaults=True):
    number: int = 0


@attrs.define
class Validated:
    number: int = attrs.field(validator=attrs.validators.ge(0))


@attrs.define
class Later:
    number: int = attrs.field(init=False, default=1)


@dataclasses.dataclass
class Computing:
    number: int

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value * 2)


@dataclasses.dataclass
class Listed(dict[str, int]):
    number: int = 0


@pytest.mark.parametrize(
    "hint",
    [Any, list, dict, int | str, WithInitVar, Checked, Short, Validated, Later, Computing, Listed],
)
def test_types_that_msgpack_may_change(hint: Any) -> None:
    with pytest.raises(NotExactError):
        compile_check(hint)


def test_a_class_variable_is_no_field() -> None:
    assert compile_check(WithClassVar)([WithClassVar(1)])


def test_types_that_are_nested_too_deeply() -> None:
    hint: Any = int
    for _ in range(20):
        hint = list[hint]
    with pytest.raises(NotExactError, match="nested deeper"):
        compile_check(hint)
