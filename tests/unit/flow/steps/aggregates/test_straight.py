"""Loops written for the cells of a row, against cells that are brought forward one by one."""

import random
from typing import Any

import pytest

from wallarood.flow.steps.aggregates.cells import Cell, Count, Greatest, Least, Sum
from wallarood.flow.steps.aggregates.stepped import first
from wallarood.flow.steps.aggregates.straight import written_for

ROWS: list[list[Cell]] = [
    [Count()],
    [Sum(0)],
    [Least(0)],
    [Greatest(0)],
    [Sum(0), Count()],
    [Count(), Sum(1), Least(0), Greatest(1)],
    [Greatest(2), Sum(2)],
]


def stepped(cells: list[Cell], row: Any, values: list[Any]) -> Any:
    olds = [cell.empty for cell in cells] if row is None else [row] if len(cells) == 1 else row
    news = [cell.step(old, values, 0) for cell, old in zip(cells, olds, strict=True)]
    return news[0] if len(cells) == 1 else tuple(news)


@pytest.mark.parametrize("cells", ROWS, ids=str)
def test_a_loop_comes_to_what_its_cells_come_to(cells: list[Cell]) -> None:
    chance = random.Random(1)
    columns = [[chance.randrange(-9, 9) for _ in range(60)] for _ in range(3)]
    columns[1][7] = True
    held = [chance.choice("abc") for _ in range(60)]
    expected: dict[str, Any] = {}
    for place, key in enumerate(held):
        values = [column[place] for column in columns]
        expected[key] = stepped(cells, expected.get(key), values)

    written = written_for(cells)
    assert written is not None
    loop, stepping = written
    rows: dict[str, Any] = {}
    assert loop(rows, held, columns) == 60
    assert rows == expected
    assert list(map(type, rows.values())) == list(map(type, expected.values()))

    step = stepping(columns)
    one_by_one: dict[str, Any] = {}
    for place, key in enumerate(held):
        one_by_one[key] = step(one_by_one.get(key), place)
    assert one_by_one == expected


@pytest.mark.parametrize("cells", [[Sum(0)], [Count(), Sum(0)]], ids=str)
def test_a_value_that_raises_leaves_its_row_and_says_where_it_was(cells: list[Cell]) -> None:
    written = written_for(cells)
    assert written is not None
    rows: dict[str, Any] = {}

    assert written[0](rows, ["a", "b", "a", "b"], [[1, 2, "x", 4]]) == 2
    assert rows == ({"a": 1, "b": 2} if len(cells) == 1 else {"a": (1, 1), "b": (1, 2)})


def test_cells_that_are_not_plain_have_no_loop() -> None:
    assert written_for([Count(), first(0)]) is None
