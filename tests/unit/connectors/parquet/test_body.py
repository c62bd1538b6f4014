"""Records as the bytes of Parquet files: what the columns are, and what does not fit."""

import io
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import attrs
import msgspec
import pyarrow
import pyarrow.parquet
import pytest

import wallarood as w
from wallarood.connectors.parquet import body as module
from wallarood.connectors.parquet.body import ParquetBody
from wallarood.connectors.parquet.options import ParquetOptions

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)


@attrs.frozen
class Place:
    city: str
    floor: int | None = None


@dataclass
class Order:
    item: str
    count: int
    at: datetime | None = None
    tags: list[str] = field(default_factory=list)
    places: dict[str, Place] = field(default_factory=dict)


def body(kept: str | None = None, **options: Any) -> ParquetBody:
    return ParquetBody.of("FileSink", "out", ParquetOptions(**options), kept=kept)


def written(parts: ParquetBody, *batches: list[Any]) -> pyarrow.Table:
    data = b""
    for records in batches:
        if parts.add(records):
            data += parts.take()
    data += parts.finish()
    return pyarrow.parquet.read_table(io.BytesIO(data))


def test_columns_are_the_fields_of_a_class_at_any_depth() -> None:
    orders = [Order("a", 1, NOON, ["x"], {"here": Place("Wien", 3)}), Order("b", 2)]
    table = written(body(record=Order), orders)
    assert table.column_names == ["item", "count", "at", "tags", "places"]
    assert table.to_pylist() == [
        {"item": "a", "count": 1, "at": NOON, "tags": ["x"],
         "places": [("here", {"city": "Wien", "floor": 3})]},
        {"item": "b", "count": 2, "at": None, "tags": [], "places": []},
    ]  # fmt: skip
    assert not table.schema.field("count").nullable
    assert table.schema.field("at").nullable


def test_columns_follow_from_the_first_records_and_stay_after_a_restart() -> None:
    first = body()
    assert written(first, [{"a": 1, "b": 2.5}]).schema.types == [
        pyarrow.int64(),
        pyarrow.float64(),
    ]
    after = body(first.kept)
    table = written(after, [{"b": 3, "a": 4}])
    assert table.to_pylist() == [{"a": 4, "b": 3.0}]
    assert after.kept == first.kept


def test_a_schema_of_the_application_counts() -> None:
    schema = pyarrow.schema([("n", pyarrow.int8()), ("x", pyarrow.decimal128(5, 2))])
    parts = body(schema=schema)
    assert written(parts, [(1, 2), (3, None)]).schema.types == schema.types
    assert parts.kept is None
    with pytest.raises(w.ApplicationError, match=r"schema='n'.*expected a pyarrow.Schema"):
        body(schema="n")


def test_tuples_have_the_columns_that_are_named() -> None:
    table = written(body(columns=["word", "count"]), [("a", 1)], [("b", 2)])
    assert table.to_pylist() == [{"word": "a", "count": 1}, {"word": "b", "count": 2}]


@pytest.mark.parametrize(
    ("options", "records", "said"),
    [
        ({"record": Order}, [Order("a", 1), Order("b", "x")], r"column 'count': it is to be int64"),  # type: ignore[arg-type]
        ({"record": Order}, [Order("a", None)], r"column 'count': it is None, which the column"),  # type: ignore[arg-type]
        ({"record": Order}, [("a", 1)], r"has 2 values, not 5"),
        ({}, [{"a": 1}, {"a": 1, "b": 2}], r"has 'b', which is no column: the columns are a"),
        ({}, [{"a": 1, "b": 2}, {"a": 1}], r"has no 'b': expected the columns a, b"),
        ({}, [{"a": 1}, {"a": "x"}], r"column 'a': "),
        ({}, [{"a": None}], r"column 'a' has only None in the first records.*give record="),
        ({}, [7], r"record 7 has no names for columns: give columns="),
        ({"columns": ["a"]}, [{"a": 1 << 80}], r"column 'a': "),
    ],
)
def test_what_does_not_fit_is_named(options: Any, records: list[Any], said: str) -> None:
    with pytest.raises(w.ApplicationError, match=rf"FileSink \(sink 'out'\): .*{said}"):
        body(**options).add(records)


def test_records_before_one_that_does_not_fit_are_not_written_twice() -> None:
    parts = body()
    parts.add([{"a": 1}])
    with pytest.raises(w.ApplicationError):
        parts.add([{"a": 2}, {"a": "x"}])
    assert written(parts, [{"a": 3}]).to_pylist() == [{"a": 1}, {"a": 3}]


def test_row_groups_are_written_when_they_are_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GROUP_ROWS", 10)
    parts, data = body(), b""
    for start in range(0, 25, 5):
        if parts.add([{"n": number} for number in range(start, start + 5)]):
            data += parts.take()
    data += parts.finish()
    file = pyarrow.parquet.ParquetFile(io.BytesIO(data))
    assert [file.metadata.row_group(n).num_rows for n in range(3)] == [10, 10, 5]
    assert file.read().column("n").to_pylist() == list(range(25))


def test_each_part_is_a_file_and_none_is_made_of_nothing() -> None:
    parts = body(compression="none")
    assert parts.finish() == b""
    assert written(parts, [{"n": 1}]).to_pylist() == [{"n": 1}]
    assert parts.finish() == b""
    assert written(parts, [{"n": 2}]).to_pylist() == [{"n": 2}]


def test_structs_and_plain_dicts_are_alike() -> None:
    class Pair(msgspec.Struct):
        key: str
        value: float

    table = written(body(record=Pair), [Pair("a", 1.5)], [{"key": "b", "value": 2}])
    assert table.to_pylist() == [{"key": "a", "value": 1.5}, {"key": "b", "value": 2.0}]
