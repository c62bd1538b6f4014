"""CSV: the reader of the standard library over the whole file is the judge of any cut of it."""

import csv
import io
from typing import Any, NamedTuple

import attrs
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import wallarood as w
from wallarood.app.connector import SourceLimits, Unreadable
from wallarood.connectors.parse.cutter import Cutter, parser_for
from wallarood.connectors.parse.options import FormatOptions, format_of

fields = st.text(st.sampled_from('ab",;\n\r é\0'), max_size=6)
tables = st.lists(st.lists(fields, min_size=2, max_size=2).filter(any), max_size=12)


def cut(
    data: bytes, *, chunk: int = 1 << 20, records_max: int = 2048, **options: Any
) -> tuple[list[Any], list[Unreadable]]:
    """All records and faults of *data*, which comes in pieces of *chunk* bytes."""
    form = format_of("test", FormatOptions(format="csv", **options))
    limits = SourceLimits(batch_records_max=records_max, record_bytes_max=1000)
    cutter = Cutter("f.csv", form, limits, parser_for(form, "f.csv"), eager=False)
    records: list[Any] = []
    faults: list[Unreadable] = []

    def drain() -> None:
        while (taken := cutter.take()) is not None:
            records.extend(taken[0])
            faults.extend(taken[1])

    for start in range(0, len(data), chunk):
        cutter.feed(data[start : start + chunk])
        drain()
    cutter.finish()
    drain()
    assert cutter.offset == len(data)
    assert cutter.line == data.count(b"\n")
    return records, faults


@settings(deadline=None)
@given(tables, st.integers(1, 30), st.integers(1, 5), st.sampled_from(["\n", "\r\n"]))
def test_rows_are_those_of_the_standard_reader_whatever_the_chunk_and_the_batch(
    table: list[list[str]], chunk: int, records_max: int, line_end: str
) -> None:
    out = io.StringIO()
    csv.writer(out, lineterminator=line_end, quoting=csv.QUOTE_ALL).writerows(table)
    expected = [tuple(row) for row in table]
    data = out.getvalue().encode()
    records, faults = cut(data, chunk=chunk, records_max=records_max, header=False)
    assert (records, faults) == (expected, [])


def test_a_newline_in_quotes_belongs_to_its_field() -> None:
    data = b'id,note\r\n1,"a\r\nb\n\nc"\r\n2,"say ""hi"", ok"\r\n'
    for chunk in range(1, len(data)):
        assert cut(data, chunk=chunk) == (
            [{"id": "1", "note": "a\r\nb\n\nc"}, {"id": "2", "note": 'say "hi", ok'}],
            [],
        )


@pytest.mark.parametrize(
    ("data", "options", "records"),
    [
        ("\ufeffid\n1\n", {}, [{"id": "1"}]),
        ('\ufeff"id"\n1\n', {}, [{"id": "1"}]),
        ("\n\r\nid\n1\n", {}, [{"id": "1"}]),
        ("a;b\n1,5;'x;y'\n", {"delimiter": ";", "quotechar": "'"}, [{"a": "1,5", "b": "x;y"}]),
        ("1,2\n", {"header": False}, [("1", "2")]),
        ("1,2\n", {"header": ["a", "b"]}, [{"a": "1", "b": "2"}]),
        ('a,b\n1,"2\n', {"quotechar": None}, [{"a": "1", "b": '"2'}]),
        ("a,b\n1\n2,3,\n", {"ragged": "fill"}, [{"a": "1", "b": ""}, {"a": "2", "b": "3"}]),
        ("a,b\n", {}, []),
        ("a,b", {}, []),
        ("", {}, []),
    ],
)
def test_options(data: str, options: dict[str, Any], records: list[Any]) -> None:
    assert cut(data.encode(), **options) == (records, [])


def test_other_encodings() -> None:
    assert cut("a\ncaf\xe9\n".encode("cp1252"), encoding="cp1252") == ([{"a": "café"}], [])
    assert cut(b"a\nx\xff\n", errors="replace") == ([{"a": "x\ufffd"}], [])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"a,a,b\n1,2,3\n", "several columns are called 'a'"),
        (b"a,b,\n1,2,3\n", "column 3 has no name"),
        (b"a\0,b\n1,2\n", "UTF-16"),
    ],
)
def test_names_that_tell_nothing_are_refused(data: bytes, message: str) -> None:
    with pytest.raises(w.ApplicationError, match=message):
        cut(data)


def test_each_row_that_cannot_be_read_is_named_by_line_and_byte() -> None:
    data = b'a,b\n1,2\n3\n4,"x" y\n"5\n6",7,8\n9,10\n11,"open\n12,13\n'
    records, faults = cut(data)
    assert records == [{"a": "1", "b": "2"}, {"a": "9", "b": "10"}, {"a": "12", "b": "13"}]
    found = [(each.line, each.byte, each.raw) for each in faults]
    assert found == [
        (3, 8, b"3"),
        (4, 10, b'4,"x" y'),
        (5, 18, b'"5\n6",7,8'),
        (8, 33, b'11,"open'),
    ]
    assert "1 fields, expected 2: a, b" in faults[0].error
    assert "not closed" in faults[3].error


def test_one_column_that_holds_another_delimiter_is_hinted_at() -> None:
    _, faults = cut(b"id;price\n1;3,50\n")
    assert "did you mean delimiter=';'?" in faults[0].error


@pytest.mark.parametrize("rows", [b"1;2\n", b"1;3,50\n"])
def test_the_hint_is_logged_once_whatever_the_rows_are(
    rows: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    cut(b"id;price\n" + rows)
    assert capsys.readouterr().out.count("there is one column only") == 1


@attrs.frozen
class Attrs:
    id: int
    price: float | None
    name: str


class Struct(msgspec.Struct):
    id: int
    price: float | None
    name: str


class Named(NamedTuple):
    name: str
    id: int


ROWS = b"id,name,price\n1,Ann,2.5\n2,,\n"


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (Attrs, [Attrs(1, 2.5, "Ann"), Attrs(2, None, "")]),
        (Struct, [Struct(1, 2.5, "Ann"), Struct(2, None, "")]),
        (Named, [Named("Ann", 1), Named("", 2)]),
    ],
)
def test_fields_become_those_of_the_record(record: Any, expected: list[Any]) -> None:
    assert cut(ROWS, record=record) == (expected, [])


def test_a_row_of_another_type_is_a_fault_and_only_it() -> None:
    records, faults = cut(ROWS + b"x,Bob,1\n4,Cid,9\n", record=Attrs)
    assert [each.id for each in records] == [1, 2, 4]
    assert [(each.line, each.raw) for each in faults] == [(4, b"x,Bob,1")]
    assert cut(b"1,a\n", header=False, record=tuple[int, str])[0] == [(1, "a")]


def test_a_record_with_a_field_that_is_no_column_is_refused() -> None:
    with pytest.raises(w.ApplicationError, match="no column is called id"):
        cut(b"name\nAnn\n", record=Named)
