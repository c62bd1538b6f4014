"""Rows as records: dicts, objects of a class, and what fits none."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, TypedDict

import msgspec
import pyarrow
import pytest

import wallarood as w
from wallarood.connectors.parquet.rows import Rows
from wallarood.connectors.parse.options import FILES, format_of


class Pair(msgspec.Struct):
    n: int
    s: str = "none"


@dataclass
class Data:
    n: int
    s: str | None


class Named(NamedTuple):
    n: int
    s: str = "none"


class Typed(TypedDict):
    n: int


def rows(record: Any = None, *, stops: object = True) -> Rows:
    form = format_of("FileSource", {"format": "parquet", "record": record}, known=FILES)
    return Rows.of(form, stops=stops)


def batch(**columns: Any) -> pyarrow.RecordBatch:
    return pyarrow.RecordBatch.from_pydict(columns)


@pytest.mark.parametrize(
    ("record", "made"),
    [
        (Pair, [Pair(1, "a"), Pair(2, "b")]),
        (Data, [Data(1, "a"), Data(2, "b")]),
        (Named, [Named(1, "a"), Named(2, "b")]),
        (dict[str, Any], [{"n": 1, "s": "a"}, {"n": 2, "s": "b"}]),
    ],
)
def test_records_are_what_was_asked_for(record: Any, made: list[Any]) -> None:
    records, faults = rows(record).records(batch(n=[1, 2], s=["a", "b"]), "f", 0)
    assert (records, faults) == (made, ())
    assert type(records[0]) is type(made[0])


def test_a_column_with_a_default_may_be_missing() -> None:
    assert rows(Pair).wanted("f", ["n", "x"]) == ["n"]
    assert rows(Pair).records(batch(n=[1]), "f", 0)[0] == [Pair(1)]
    assert rows(Named).records(batch(n=[1]), "f", 0)[0] == [Named(1)]
    assert rows(Typed).wanted("f", ["x", "n"]) == ["n"]
    with pytest.raises(w.ApplicationError, match="input file f has no column 's'; it has n"):
        rows(Data).wanted("f", ["n"])


def test_a_row_that_does_not_fit_is_named_or_handed_on() -> None:
    table = batch(n=[1, None, 3], s=["a", "b", "c"])
    with pytest.raises(w.ApplicationError, match=r"(?s)input file f: row 12: it does not fit Pair: "
                       r"Expected `int`, got `null` - at `\$.n`.*row: \{'n': None"):  # fmt: skip
        rows(Pair).records(table, "f", 10)
    records, faults = rows(Pair, stops=False).records(table, "f", 10)
    assert records == [Pair(1, "a"), Pair(3, "c")]
    assert [(each.place, each.line, each.raw) for each in faults] == [
        ("f", 12, b"{'n': None, 's': 'b'}")
    ]


def test_texts_do_not_turn_into_numbers() -> None:
    with pytest.raises(w.ApplicationError, match="Expected `int`, got `str`"):
        rows(Typed).records(batch(n=["1"]), "f", 0)


def test_times_and_maps_are_those_of_python() -> None:
    at = pyarrow.array([1_000_000_001], pyarrow.timestamp("ns", tz="UTC"))
    took = pyarrow.array([5_000], pyarrow.duration("ns"))
    some = pyarrow.array([[("a", 1)]], pyarrow.map_(pyarrow.string(), pyarrow.int64()))
    found = pyarrow.RecordBatch.from_arrays([at, took, some], ["at", "took", "some"])
    assert rows().records(found, "f", 0)[0] == [
        {
            "at": datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC),
            "took": timedelta(microseconds=5),
            "some": {"a": 1},
        }
    ]
