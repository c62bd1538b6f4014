"""Records as rows: by place or by name, and an error that names the one that does not fit."""

from collections import namedtuple
from dataclasses import dataclass
from typing import Any

import attrs
import msgspec
import pytest

from wallarood.connectors.columns import columns_of
from wallarood.model.errors import ApplicationError

Pair = namedtuple("Pair", ["n", "word"])


@attrs.frozen
class Attrs:
    """A record."""

    n: int
    other: int
    word: str


@dataclass
class Data:
    """A record."""

    n: int
    word: str


class Packed(msgspec.Struct):
    """A record."""

    word: str
    n: int


ALL: list[Any] = [
    ("a", 1),
    ["a", 1],
    {"n": 1, "word": "a", "more": 2},
    Attrs(1, 9, "a"),
    Data(1, "a"),
    Packed("a", 1),
    Pair(1, "a"),
]


@pytest.mark.parametrize("record", ALL, ids=lambda each: type(each).__name__)
def test_a_record_of_any_kind_is_a_row(record: Any) -> None:
    columns = columns_of("Sink", ["word", "n"])
    assert columns.rows([record]) == columns.rows([record, record])[:1] == [("a", 1)]


def test_records_of_many_kinds_go_together() -> None:
    assert columns_of("Sink", ["word", "n"]).rows(ALL) == [("a", 1)] * len(ALL)
    assert columns_of("Sink", ["word"]).rows(["a", ("a",), {"word": "a"}]) == [("a",)] * 3
    assert columns_of("Sink", ["n"]).rows([]) == []


@pytest.mark.parametrize(
    ("record", "said"),
    [
        (("a",), "has 1 values, not 2"),
        (["a", 1, 2], "has 3 values, not 2"),
        ({"word": "a"}, "has no 'n'"),
        (Pair("a", 1)._replace() and attrs.make_class("Less", ["word"])("a"), "has no field 'n'"),
        ("ab", "is neither a tuple, nor a dict, nor an object with fields"),
        (7, "is neither a tuple"),
    ],
)
@pytest.mark.parametrize("beside", [(), (("b", 2),), ({"word": "b", "n": 2},)])
def test_one_that_does_not_fit_is_named(record: Any, said: str, beside: tuple[Any, ...]) -> None:
    with pytest.raises(ApplicationError, match=f"^Sink: record .* {said}.*: expected the"):
        columns_of("Sink", ["word", "n"]).rows([*beside, record])


@pytest.mark.parametrize("names", [[], "word", ["a", 1], ["a", "b", "a"]])
def test_names_are_checked(names: Any) -> None:
    with pytest.raises(ApplicationError, match=r"^Sink: columns"):
        columns_of("Sink", names)
