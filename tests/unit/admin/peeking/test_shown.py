"""Whatever a class does, there is a text for its objects."""

import dataclasses
from typing import Any

import attrs
import pytest

from wallarood.admin.peeking.shown import CHARACTERS_MAX, shown


class Total:
    count = 0
    names: list[str]

    def add(self) -> None:
        self.count += 1


class Slotted:
    __slots__ = ("a", "b")

    def __init__(self) -> None:
        self.a = Total()


@dataclasses.dataclass(repr=False)
class Plain:
    a: int = 1


@attrs.define(repr=False)
class Defined:
    a: int = 1


class Odd:
    def __repr__(self) -> str:
        raise ValueError("no")


class Endless:
    def __init__(self) -> None:
        self.me = self


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a", "'a'"),
        ({"a": 1}, "{'a': 1}"),
        (Total(), "Total(count=0)"),
        (Slotted(), "Slotted(a=Total(count=0))"),
        (Plain(), "Plain(a=1)"),
        (Defined(), "Defined(a=1)"),
        (Odd(), "<Odd whose repr raised ValueError>"),
    ],
)
def test_an_object_that_says_nothing_is_shown_by_its_attributes(value: Any, text: str) -> None:
    assert shown(value) == text


def test_changed_attributes_come_before_those_of_the_class() -> None:
    total = Total()
    total.add()
    assert shown(total) == "Total(count=1)"


def test_texts_are_cut_and_circles_end() -> None:
    assert len(shown("x" * 2 * CHARACTERS_MAX)) == CHARACTERS_MAX + 1
    assert shown(Endless()).startswith("Endless(me=Endless(me=Endless(me=<")
