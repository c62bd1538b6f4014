"""Lines of COPY are those that psycopg would write."""

import math
from typing import Any

import hypothesis.strategies as some
import pytest
from hypothesis import given
from psycopg._copy_base import format_row_text
from psycopg.adapt import Transformer

from wallarood.connectors.postgres.lines import lines_of, written

VALUES = (
    some.none()
    | some.integers()
    | some.booleans()
    | some.text(some.characters(exclude_categories=["Cs"], exclude_characters="\0"))
    | some.floats(allow_nan=False)
)


def by_psycopg(row: tuple[Any, ...]) -> str:
    line = bytearray()
    format_row_text(row, Transformer(), line)
    return line.decode()


@given(some.lists(some.tuples(VALUES, VALUES), min_size=1, max_size=5))
def test_simple_rows_are_written_as_psycopg_does(rows: list[tuple[Any, ...]]) -> None:
    lines = lines_of(rows)
    kinds = [{type(each) for each in column} - {type(None)} for column in zip(*rows, strict=True)]
    if all(len(each) <= 1 for each in kinds):
        assert lines is not None
    if lines is not None:
        assert [f"{line}\n" for line in lines] == list(map(by_psycopg, rows))


def test_numbers_that_are_none_are_written_as_psycopg_does() -> None:
    rows = [(math.nan,), (math.inf,), (-math.inf,)]
    lines = lines_of(rows)
    assert lines is not None
    assert [f"{line}\n" for line in lines] == list(map(by_psycopg, rows))


@pytest.mark.parametrize(
    "row", [(b"x",), ([1],), ("\0",), ("\ud800",), ({},)], ids=["b", "l", "0", "s", "d"]
)
def test_other_values_make_no_line(row: tuple[Any, ...]) -> None:
    assert lines_of([row]) is None


def test_lines_are_written_and_rows_are_left() -> None:
    wrote: list[bytes] = []
    assert list(written(["1\té", "2\t"], wrote.append)) == []
    assert wrote == ["1\té\n2\t\n".encode()]
    wrote.clear()
    assert list(written(["1", (2,), "3"], wrote.append)) == [(2,)]
    assert wrote == [b"1\n", b"3\n"]
