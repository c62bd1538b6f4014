"""The functions by which pickles in checkpoints make objects again: their names never change."""

import msgspec
import pytest

from wallarood.flow.stored import made
from wallarood.flow.stored.made import make_struct, put_attributes, put_struct


class Point(msgspec.Struct, frozen=True):
    x: int
    y: int = 0


class Counting(msgspec.Struct):
    x: int

    def __post_init__(self) -> None:
        self.x += 1


class Plain:
    pass


@pytest.mark.parametrize("function", [put_attributes, make_struct, put_struct])
def test_pickles_find_them_where_they_have_always_been(function: object) -> None:
    name = getattr(function, "__name__", "")
    assert getattr(function, "__module__", "") == "wallarood.flow.stored.made"
    assert getattr(made, name) is function


def test_attributes_are_put_by_their_names() -> None:
    plain = Plain()
    put_attributes(plain, {"a": 1, "b": [2]})
    assert vars(plain) == {"a": 1, "b": [2]}


def test_a_struct_is_made_and_put_as_it_was_whatever_it_does_when_it_is_made() -> None:
    again = make_struct(Counting, {"x": 5})
    put_struct(again, {"x": 5})
    assert again.x == 5


def test_a_frozen_struct_is_put_too_and_what_is_no_field_is_left_out() -> None:
    point = make_struct(Point, {"x": 1})
    put_struct(point, {"x": 2, "y": 3, "gone": 4})
    assert point == Point(2, 3)
