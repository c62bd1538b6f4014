"""Functions that only select are recognized, and no others are."""

import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from wallarood.flow.steps.selectors import selector_of


def documented(record: dict[str, int]) -> int:
    """Has a constant that is no item."""
    return record["a"]


def named_like_its_argument(user: Any) -> Any:
    return user.user


RECORDS: list[Any] = [
    "text",
    (5, 6),
    {"a": 7, "b": 8, 0: 9, -1: 10, 1: 11},
    SimpleNamespace(a=1, b=2, user=3),
]
SELECTING: list[Callable[[Any], Any]] = [
    documented,
    named_like_its_argument,
    lambda record: record,
    lambda record: record[0],
    lambda record: record[-1],
    lambda record: record["a"],
    lambda record: record.a,
    lambda record: (record[0], record[1]),
    lambda record: (record["b"], record["a"], record["b"]),
    lambda record: (record.b, record.a),
]


@pytest.fixture(autouse=True)
def _without_a_trace() -> Any:
    trace = sys.gettrace()
    sys.settrace(None)
    yield
    sys.settrace(trace)


@pytest.mark.parametrize("function", SELECTING)
def test_what_selects_gives_what_the_function_gives(function: Callable[[Any], Any]) -> None:
    select = selector_of(function)
    assert select is not None
    fitting = 0
    for record in RECORDS:
        try:
            expected = function(record)
        except Exception as error:
            with pytest.raises(type(error)):
                select.all_of([record])
        else:
            assert select.all_of([record, record]) == [expected, expected]
            fitting += 1
    assert fitting


def yields(record: Any) -> Any:
    yield record[0]


async def awaits(record: Any) -> Any:
    return record[0]


def assigns(record: Any) -> Any:
    first = record[0]
    return first


PLACE = 0
OTHER = (1, 2)


@pytest.mark.parametrize(
    "function",
    [
        yields,
        awaits,
        assigns,
        str,
        SimpleNamespace(),
        lambda: 0,
        lambda _record: None,
        lambda _record: 0,
        lambda _record: OTHER[0],
        lambda record: record[PLACE],
        lambda record: record[True],
        lambda record: record[None],
        lambda record: record[0:1],
        lambda record: record[0][1],
        lambda record: record.a.b,
        lambda record: record.a(),
        lambda record: (record[0],),
        lambda record: [record[0], record[1]],
        lambda record: (record.a, record[0]),
        lambda record: (record, record),
        lambda record: record[0] + 1,
        lambda record: not record[0],
        lambda record, _more=0: record[0],
        lambda record, *_more: record[0],
        lambda *records: records[0],
        lambda **records: records["a"],
        lambda record: lambda: record,
    ],
)
def test_what_does_anything_else_is_called(function: Any) -> None:
    assert selector_of(function) is None


def test_who_looks_on_is_to_see_every_call() -> None:
    sys.settrace(lambda *_: None)
    assert selector_of(lambda record: record[0]) is None


def test_the_number_of_an_item_that_is_selected_alone_is_known() -> None:
    functions: list[Callable[[Any], Any]] = [
        lambda record: record[1],
        lambda record: record["a"],
        lambda record: (record[0], record[1]),
        lambda record: record.a,
        lambda record: record,
    ]
    selectors = [selector_of(each) for each in functions]
    assert [each.item for each in selectors if each] == [1, None, None, None, None]
