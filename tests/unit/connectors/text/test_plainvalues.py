"""Objects become dicts with every field that they have, also where msgspec would leave one out."""

import enum
import pathlib
from collections import deque
from typing import Any

import attrs
import msgspec
import pytest

from wallarood.connectors.text.plainvalues import hides_fields, plain_of, unknown_of


@attrs.define
class Open:
    count: int
    inside: Any = None


@attrs.define
class Hiding:
    """msgspec leaves out what begins with an underscore."""

    _count: int


class Struct(msgspec.Struct, rename="upper", tag="kind"):
    count: int
    inside: Any = None


class Array(msgspec.Struct, array_like=True):
    a: int
    b: int


class Colour(enum.Enum):
    RED = "red"


@pytest.mark.parametrize(
    ("values", "hides"),
    [
        ([1, "x", None, b""], False),
        ([Open(1), Open(2)], False),
        ([Hiding(1)], True),
        ([Open(1, Hiding(1))], True),
        ([Open(1, [{"a": (Hiding(1),)}])], True),
        ([{"a": 1}, {"b": Hiding(1)}], True),
        ([[1, 2], [Hiding(1)]], True),
        ([1, Hiding(1)], True),
        ([], False),
    ],
)
def test_a_field_that_would_be_left_out_is_found_at_any_depth(
    values: list[Any], *, hides: bool
) -> None:
    assert hides_fields(values) is hides


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (7, 7),
        (Hiding(1), {"_count": 1}),
        (Open(1, [Hiding(2), (3,)]), {"count": 1, "inside": [{"_count": 2}, [3]]}),
        ({"a": Open(1)}, {"a": {"count": 1, "inside": None}}),
        (deque([1, 2]), [1, 2]),
        (Struct(1, Hiding(2)), {"type": "kind", "COUNT": 1, "INSIDE": {"_count": 2}}),
        (Array(1, 2), [1, 2]),
    ],
)
def test_an_object_is_a_dict_of_its_fields_as_its_class_says(value: Any, plain: Any) -> None:
    assert plain_of(value) == plain


def test_what_msgspec_does_not_know_is_turned_into_what_it_does() -> None:
    assert unknown_of(pathlib.PurePosixPath("/srv/x")) == "/srv/x"
    assert unknown_of(Colour.RED) == "red"
    assert unknown_of(deque([1])) == [1]
    with pytest.raises(TypeError, match="an object of class object has neither fields"):
        unknown_of(object())
