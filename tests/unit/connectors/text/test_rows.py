"""Records as fields between tabs or commas: every kind of record, stable columns, headers."""

import collections
import csv
import dataclasses
import io
from typing import Any, ClassVar, NamedTuple

import attrs
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import wallarood as w
from wallarood.connectors.text import LineFormat, LineOptions, encoder


@attrs.define
class Frozen:
    _id: int
    name: str


@dataclasses.dataclass(slots=True)
class Data:
    _id: int
    name: str


class Struct(msgspec.Struct, rename="camel"):
    _id: int
    name: str


class Named(NamedTuple):
    id: int
    name: str


class Model:
    """Has its fields as a pydantic model has them."""

    model_fields: ClassVar = {"id": object(), "name": object()}

    def __init__(self, id: int, name: str) -> None:
        self.name = name
        self.id = id


class Nameless:
    pass


KINDS: list[tuple[Any, str]] = [
    (Frozen(1, "a,b"), "_id,name"),
    (Data(1, "a,b"), "_id,name"),
    (Struct(1, "a,b"), "_id,name"),
    (Named(1, "a,b"), "id,name"),
    (Model(1, "a,b"), "id,name"),
    ({"id": 1, "name": "a,b"}, "id,name"),
    (collections.OrderedDict(id=1, name="a,b"), "id,name"),
]


@pytest.mark.parametrize(("record", "names"), KINDS, ids=lambda each: type(each).__name__)
def test_fields_are_written_in_their_order(record: Any, names: str) -> None:
    encode = encoder("csv")
    assert encode([record, record]) == b'1,"a,b"\r\n' * 2
    assert encode.head().decode() == names + "\r\n"
    tabbed = encoder("tsv")
    assert tabbed([record]) == b"1\ta,b\n"
    assert tabbed.head() == b""


def test_the_columns_of_dicts_are_those_of_the_first() -> None:
    encode = encoder("csv", sink="orders")
    assert encode([{"id": 1, "qty": 5}, {"qty": 6, "id": 2}, {"id": 3}]) == b"1,5\r\n2,6\r\n3,\r\n"
    assert encode([{"qty": 7, "id": 4}]) == b"4,7\r\n"
    assert encode.head() == b"id,qty\r\n"
    with pytest.raises(w.ApplicationError) as caught:
        encode([{"id": 5, "qty": 1, "colour": "red"}])
    for part in ("'orders'", "'colour'", "id, qty", "header=", "'red'"):
        assert part in caught.value.message


@pytest.mark.parametrize("line_format", ["csv", "tsv"])
def test_a_header_names_the_columns(line_format: LineFormat) -> None:
    encode = encoder(line_format, LineOptions(header=["name", "id"]))
    record = {"id": 1, "name": "a", "more": 0}
    between = "," if line_format == "csv" else "\t"
    end = "\r\n" if line_format == "csv" else "\n"
    assert encode([record, {"id": 3}]).decode() == f"a{between}1{end}{between}3{end}"
    assert encode.head().decode() == f"name{between}id{end}"


def test_a_header_over_tuples_wants_as_many_fields() -> None:
    encode = encoder("csv", LineOptions(header=["word", "count"]))
    assert encode([("a", 1), ["b", 2]]) == b"a,1\r\nb,2\r\n"
    with pytest.raises(w.ApplicationError, match="3 fields, the header 2"):
        encode([("a", 1, 2)])


def test_a_header_that_a_class_does_not_have_is_an_error() -> None:
    with pytest.raises(w.ApplicationError, match="no field 'nmae'"):
        encoder("csv", LineOptions(header=["_id", "nmae"]))([Frozen(1, "a")])


def test_a_header_needs_names() -> None:
    assert encoder("csv")([("a", 1)]) == b"a,1\r\n"
    with pytest.raises(w.ApplicationError, match=r"header=\[\.\.\.\]"):
        encoder("csv", LineOptions(header=True))([("a", 1)])


def test_no_header_is_written_where_none_is_wanted() -> None:
    encode = encoder("csv", LineOptions(header=False))
    encode([{"a": 1}])
    assert encode.head() == b""


@pytest.mark.parametrize("line_format", ["csv", "tsv"])
@pytest.mark.parametrize("make", [Nameless, lambda: ("a", Nameless())])
def test_what_has_no_text_is_refused(line_format: LineFormat, make: Any) -> None:
    with pytest.raises(w.ApplicationError, match=r"sink 'out' cannot .* class Nameless"):
        encoder(line_format, sink="out")([make()])


class Raising:
    def __str__(self) -> str:
        raise KeyError("colour")


@pytest.mark.parametrize("line_format", ["csv", "tsv"])
def test_a_field_whose_text_raises_is_named(line_format: LineFormat) -> None:
    with pytest.raises(w.ApplicationError, match=r"sink 'out' .*KeyError: 'colour'"):
        encoder(line_format, sink="out")([("a", 1), ("b", Raising())])


def test_texts_that_look_like_nothing_are_texts() -> None:
    records = [("None", " object at 0x1", None), ("a", "b", 1)]
    assert encoder("tsv")(records) == b"None\t object at 0x1\t\na\tb\t1\n"


def test_nothing_is_an_empty_field_in_both() -> None:
    assert encoder("csv")([("a", None, 1.5, True)]) == b"a,,1.5,True\r\n"
    assert encoder("tsv")([("a", None, 1.5, True)]) == b"a\t\t1.5\tTrue\n"


def test_what_would_break_a_row_of_fields_is_escaped() -> None:
    rows = [("a\tb", "c\\d"), ("e\nf", "g\rh")]
    assert encoder("tsv")(rows) == b"a\\tb\tc\\\\d\ne\\nf\tg\\rh\n"


FIELDS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(st.sampled_from('ab\t\n\r\\,"ü'))
)
ROWS = st.lists(
    st.one_of(
        st.tuples(FIELDS, FIELDS),
        st.lists(FIELDS),
        st.tuples(FIELDS, FIELDS).map(lambda pair: dict(zip("ab", pair, strict=True))),
        st.text(st.sampled_from("a\t\\")),
    ),
    min_size=1,
)


@given(ROWS, st.sampled_from(["tsv", "csv"]))
def test_a_row_is_written_alike_alone_and_beside_others(
    records: list[Any], line_format: LineFormat
) -> None:
    whole = encoder(line_format)(records)
    assert whole == b"".join(encoder(line_format)([record]) for record in records)


@given(st.lists(st.tuples(st.text(), st.text(), st.integers()), min_size=1))
def test_csv_can_be_read_again(records: list[tuple[str, str, int]]) -> None:
    text = encoder("csv")(records).decode("utf-8", "surrogatepass")
    expected = [[a, b, str(number)] for a, b, number in records]
    assert list(csv.reader(io.StringIO(text, newline=""))) == expected


def test_another_delimiter() -> None:
    assert encoder("csv", LineOptions(delimiter=";"))([("a;b", "c,d")]) == b'"a;b";c,d\r\n'
