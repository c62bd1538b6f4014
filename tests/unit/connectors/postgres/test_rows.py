"""Which values a row for PostgreSQL may have."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from ipaddress import IPv4Address
from typing import Any
from uuid import UUID

import pytest

import wallarood as w
from wallarood.connectors.postgres.rows import last_of_each_key


def encoded(sink: w.PostgresSink, rows: list[Any]) -> list[Any]:
    """What the sink keeps of *rows*."""
    encode = sink._spooled().connect("w").encode  # type: ignore[attr-defined]
    kept: list[Any] = encode(rows)
    return kept


class Thing:
    pass


class Kind(Enum):
    A = 1


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (("a\0", 1), "no text with a character NUL"),
        (("\ud800", 1), "surrogate"),
        ((["a", ["\0"]], 1), "no text with a character NUL"),
        (({"a": 1}, 1), "column 'rest': .*a value of class dict"),
        ((1, Thing()), "column 'count': .*a value of class Thing"),
        ((None, 1), "column 'rest': it is in key=, and None is no key"),
    ],
)
def test_what_no_table_takes_is_refused_where_it_is_made(row: tuple[Any, ...], said: str) -> None:
    sink = w.PostgresSink("host=x", "t", columns=["rest", "count"], key=["rest"])
    with pytest.raises(w.ApplicationError, match=said):
        encoded(sink, [(1, 1), row])


def test_what_libpq_knows_is_taken() -> None:
    sink = w.PostgresSink("host=x", "t", columns=["a", "b", "c", "d", "e"])
    rows = [
        ("é", None, 1.5, True, b"\0"),
        (Decimal("NaN"), datetime.now(UTC), date(2024, 1, 1), ["a", None], UUID(int=1)),
        (timedelta(1), Kind.A, [], [[1], [2]], IPv4Address("1.2.3.4")),
    ]
    assert encoded(sink, rows) == rows


def test_rows_that_are_surely_replaced_are_left_out_and_the_others_keep_their_order() -> None:
    rows = [("a", 1), ("b", 1), ("a", 2), ("A", 1), ("b", 2)]
    assert last_of_each_key(rows, [0]) == [("a", 2), ("A", 1), ("b", 2)]
    assert last_of_each_key(rows, [0, 1]) == rows
    for alike in ([(1, 1), (True, 2)], [(0.0, 1), (-0.0, 2)], [([], 1), ([], 2)]):
        assert last_of_each_key(alike, [0]) == alike
