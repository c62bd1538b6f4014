"""Strict structuring: a test for each type, and nothing is turned into anything else."""

from enum import Enum
from typing import Any, Literal

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wallarood.model.ids import Address, Incarnation
from wallarood.wire.strict import StructureError, structure, unstructure


class Colour(Enum):
    RED = "red"
    ONE = 1


@attrs.frozen
class Point:
    x: int
    name: str = "origin"


GOOD: list[tuple[Any, Any, Any]] = [
    ("a", str, "a"),
    (7, int, 7),
    (-(1 << 70), int, -(1 << 70)),
    (True, bool, True),
    (1.5, float, 1.5),
    (2, float, 2.0),
    ("AAE=", bytes, b"\0\1"),
    (None, type(None), None),
    (None, int | None, None),
    (3, int | None, 3),
    ("a", int | str, "a"),
    (1, Literal[1, "one"], 1),
    ("red", Colour, Colour.RED),
    ([1, 2], list[int], [1, 2]),
    ([1, 2], tuple[int, ...], (1, 2)),
    ([1, "a"], tuple[int, str], (1, "a")),
    ([1, 1], set[int], {1}),
    ({"a": 1}, dict[str, int], {"a": 1}),
    ({"x": 1}, Point, Point(1)),
    ({"x": 1, "name": "n"}, Point, Point(1, "n")),
    ([], list[str], []),
]

BAD: list[tuple[Any, Any]] = [
    (1, str),
    (None, str),
    (b"a", str),
    ("7", int),
    (7.0, int),
    (True, int),
    ("false", bool),
    (0, bool),
    (None, bool),
    ("1.5", float),
    (True, float),
    (float("nan"), float),
    (float("inf"), float),
    ("no base64!", bytes),
    (5, bytes),
    (0, type(None)),
    ("3", int | None),
    (1.5, int | str),
    (True, Literal[1, "one"]),
    ("two", Literal[1, "one"]),
    ("blue", Colour),
    (True, Colour),
    ("123", tuple[int, ...]),
    ("123", list[str]),
    ({"a": 1}, list[str]),
    ([1, "2"], list[int]),
    ([1], tuple[int, str]),
    ([1, "a", 2], tuple[int, str]),
    ("ab", set[str]),
    ([["a", 1]], dict[str, int]),
    ({1: 1}, dict[str, int]),
    ({"a": "1"}, dict[str, int]),
    ({}, Point),
    ({"x": 1, "y": 2}, Point),
    ({"x": "1"}, Point),
    ([1], Point),
    (None, Point),
]


@pytest.mark.parametrize(("value", "kind", "expected"), GOOD, ids=repr)
def test_what_fits_is_taken(value: Any, kind: Any, expected: Any) -> None:
    made = structure(value, kind)
    assert made == expected
    assert type(made) is type(expected)


@pytest.mark.parametrize(("value", "kind"), BAD, ids=repr)
def test_what_does_not_fit_is_refused(value: Any, kind: Any) -> None:
    with pytest.raises(StructureError) as caught:
        structure(value, kind)
    assert all("expected" in problem or "missing" in problem for problem in caught.value.problems)


def test_all_problems_are_named_at_once_with_their_paths() -> None:
    with pytest.raises(StructureError) as caught:
        structure([{"host": 1, "port": "2", "plus": 3}, {"port": True}], list[Address])
    problems = caught.value.problems
    for path in ("0.host:", "0.port:", "0.plus:", "1.host:", "1.port:"):
        assert any(problem.startswith(path) for problem in problems), (path, problems)


def test_nesting_too_deep_is_an_error_like_any_other() -> None:
    value: Any = 1
    for _ in range(100_000):
        value = [value]
    with pytest.raises(StructureError):
        structure(value, list[list[int]])


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(json, st.sampled_from([kind for _, kind, _ in GOOD] + [Incarnation, list[Address]]))
def test_any_value_gives_the_type_or_a_structure_error(value: Any, kind: Any) -> None:
    try:
        made = structure(value, kind)
    except StructureError:
        return
    if not isinstance(made, set):
        assert structure(unstructure(made), kind) == made


@attrs.frozen
class Later:
    x: int
    extra: int = attrs.field(default=0, metadata={"omit_default": True})


def test_a_field_that_came_later_is_left_out_where_an_older_version_would_not_know_it() -> None:
    assert unstructure(Later(1)) == {"x": 1}
    assert unstructure([Later(1, 2)]) == [{"x": 1, "extra": 2}]
    assert [structure(unstructure(each), Later) for each in (Later(1), Later(1, 2))] == [
        Later(1),
        Later(1, 2),
    ]
