"""The columns that follow from a class of records."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Literal, NamedTuple, NotRequired, TypedDict
from uuid import UUID

import attrs
import msgspec
import pyarrow
import pytest

import wallarood as w
from wallarood.connectors.parquet.schema import (
    check_there,
    fields_of,
    schema_from,
    schema_of,
    text_of,
)


class Typed(TypedDict):
    a: int
    b: NotRequired[str]


class Named(NamedTuple):
    a: int
    b: str = ""


class Renamed(msgspec.Struct, rename="camel"):
    first_name: str


@attrs.frozen
class Wide:
    n: int | None
    x: int | float
    s: Literal["a", "b"]
    raw: bytes
    yes: bool
    day: date
    at: datetime
    clock: time
    took: timedelta
    many: tuple[int, ...]
    by_name: dict[str, float]


def test_each_type_has_its_column() -> None:
    found = {field.name: str(field.type) for field in schema_of("FileSink", Wide)}
    assert found == {
        "n": "int64",
        "x": "double",
        "s": "string",
        "raw": "binary",
        "yes": "bool",
        "day": "date32[day]",
        "at": "timestamp[us, tz=UTC]",
        "clock": "time64[us]",
        "took": "duration[us]",
        "many": "list<item: int64 not null>",
        "by_name": "map<string, double>",
    }
    assert [field.name for field in schema_of("FileSink", Wide) if field.nullable] == ["n"]


@pytest.mark.parametrize(
    ("record", "names", "required"),
    [
        (Typed, ("a", "b"), {"a"}),
        (Named, ("a", "b"), {"a"}),
        (Renamed, ("firstName",), {"firstName"}),
    ],
)
def test_fields_are_those_of_any_class(record: Any, names: Any, required: Any) -> None:
    found = fields_of("FileSource", record)
    assert found is not None
    assert (found.names, found.required) == (names, required)
    assert found.is_tuple == (record is Named)


def test_dicts_have_no_fields() -> None:
    assert [fields_of("x", each) for each in (None, Any, dict, dict[str, Any])] == [None] * 4


@pytest.mark.parametrize("record", [int, list[int], str])
def test_what_has_no_fields_is_refused(record: Any) -> None:
    with pytest.raises(w.ApplicationError, match=r"x: record=.*expected dict, or a dataclass"):
        fields_of("x", record)


def test_what_no_column_has_is_named() -> None:
    @dataclass
    class Odd:
        key: UUID

    @dataclass
    class Either:
        key: int | str

    with pytest.raises(w.ApplicationError, match=r"x: field 'key' is of a type .*\(UUID\)"):
        schema_of("x", Odd)
    with pytest.raises(w.ApplicationError, match=r"field 'key' may be of several types"):
        schema_of("x", Either)


def test_a_schema_can_be_kept_as_text() -> None:
    schema = schema_of("FileSink", Wide)
    assert schema_from(text_of(schema)).equals(schema)


def test_a_column_that_is_missing_is_named() -> None:
    check_there("f", ["a"], ["a", "b"])
    with pytest.raises(w.ApplicationError, match="input file f has no column 'c'; it has a, b"):
        check_there("f", ["a", "c"], ["a", "b"])


def test_names_of_pyarrow_are_right() -> None:
    assert pyarrow.types.is_map(schema_of("x", Wide).field("by_name").type)
