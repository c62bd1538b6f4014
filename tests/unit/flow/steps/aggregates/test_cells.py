"""A cell comes to the same by the batch, by the record and in parts; what has no order is told."""

import math
from collections import Counter
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wallarood.flow.steps.aggregates.cells import (
    ABSENT,
    Cell,
    Count,
    Greatest,
    Keyed,
    Least,
    Sum,
    all_numbers,
    all_ordered,
    number,
    ordered,
)

CELLS = (Count(), Sum(0), Least(0), Greatest(0))
numbers = st.integers(-9, 9) | st.booleans() | st.fractions(max_denominator=5)
records = st.lists(st.tuples(st.sampled_from("abc"), numbers), max_size=20)


def keyed(batch: list[tuple[str, Any]]) -> Keyed:
    held = [key for key, _ in batch]
    return Keyed(held, ([value for _, value in batch],), Counter(held))


def by_records(cell: Cell, batch: list[tuple[str, Any]], cells: dict[str, Any]) -> dict[str, Any]:
    cells = dict(cells)
    for key, value in batch:
        cells[key] = cell.step(cells.get(key, cell.empty), (value,), 0)
    return cells


def exactly(cells: dict[str, Any]) -> dict[str, Any]:
    """With the types, since True is 1."""
    return {key: (type(value), value) for key, value in cells.items()}


@pytest.mark.parametrize("cell", CELLS, ids=lambda each: type(each).__name__)
@settings(max_examples=40, deadline=None)
@given(before=records, batch=records)
def test_by_the_batch_is_as_by_the_record(
    cell: Cell, before: list[tuple[str, Any]], batch: list[tuple[str, Any]]
) -> None:
    cells = by_records(cell, before, {})
    expected = by_records(cell, batch, cells)
    assert cell.fits(keyed(batch).columns)
    news = cell.advance(cells.get, keyed(batch))
    assert exactly({**cells, **news}) == exactly(expected)
    assert list(news) == list(dict.fromkeys(key for key, _ in batch))


@pytest.mark.parametrize("cell", CELLS, ids=lambda each: type(each).__name__)
@settings(max_examples=40, deadline=None)
@given(parts=st.lists(records, min_size=1, max_size=4))
def test_parts_that_are_merged_in_their_order_are_the_whole(
    cell: Cell, parts: list[list[tuple[str, Any]]]
) -> None:
    merged: dict[str, Any] = {}
    for part in parts:
        merged |= cell.merge(merged.get, by_records(cell, part, {}).items())
    whole = by_records(cell, [record for part in parts for record in part], {})
    assert exactly(merged) == exactly(whole)


@pytest.mark.parametrize("cell", CELLS, ids=lambda each: type(each).__name__)
def test_nothing_is_changed_in_place(cell: Cell) -> None:
    """A capture may hold on to what it sees."""
    before = by_records(cell, [("a", 5)], {})
    held = dict(before)
    cell.advance(before.get, keyed([("a", 7), ("a", 3)]))
    cell.merge(before.get, [("a", 9)])
    assert before == held


def test_of_equal_values_the_first_is_kept() -> None:
    for cell in (Least(0), Greatest(0)):
        batch = [("a", 1), ("a", True), ("a", Fraction(1))]
        assert type(cell.advance({}.get, keyed(batch))["a"]) is int
        assert type(by_records(cell, batch, {})["a"]) is int
        assert type(cell.merge({"a": 1}.get, [("a", True)])["a"]) is int


def test_floats_are_added_in_the_order_of_the_records() -> None:
    batch = [("a", value) for value in (1e16, 1.0, 1.0, -1e16)]
    assert Sum(0).advance({}.get, keyed(batch)) == {"a": 0.0}
    assert by_records(Sum(0), batch, {}) == {"a": 0.0}


@pytest.mark.parametrize("value", [1, True, 1.5, Decimal(1), Fraction(1, 2), math.inf, math.nan])
def test_numbers_can_be_added(value: Any) -> None:
    assert number(value) is value
    assert all_numbers([value])
    assert all_numbers([1, 1 << 80, value])


@pytest.mark.parametrize("value", ["1", None, b"1", 1j, [1]])
def test_what_is_no_number_is_named(value: Any) -> None:
    with pytest.raises(TypeError, match=r"cannot add .*: expected a number"):
        number(value)
    assert not all_numbers([1, value])
    assert not Sum(0).fits(keyed([("a", value)]).columns)


def test_a_subclass_of_a_number_is_added_record_by_record() -> None:
    class Money(int):
        pass

    assert not all_numbers([Money(1)])  # its addition may be another
    assert Sum(0).step(0, (Money(1),), 0) == 1


def test_what_is_neither_less_nor_greater_has_no_place() -> None:
    for cell in (Least(0), Greatest(0)):
        assert not cell.fits(keyed([("a", 1.0), ("a", math.nan)]).columns)
        with pytest.raises(ValueError, match="neither less nor greater"):
            cell.step(ABSENT, (math.nan,), 0)
        with pytest.raises(InvalidOperation):  # it says so itself
            cell.step(ABSENT, (Decimal("nan"),), 0)


@pytest.mark.parametrize("value", [None, object(), 1j, {}])
def test_what_cannot_be_compared_raises(value: Any) -> None:
    with pytest.raises(TypeError):
        ordered(value, lambda a, b: a < b)
    with pytest.raises(TypeError):
        all_ordered([value])


def test_a_comparison_that_ends_early_is_no_comparison() -> None:
    class Ends:
        def __lt__(self, other: object) -> bool:
            raise StopIteration

    assert not all_ordered([1.5, Ends()])


def test_whatever_has_an_order_may_be_compared() -> None:
    assert all_ordered([(1, "a"), (2, "b")])
    assert all_ordered(["a", "b"])
    assert all_ordered([])
