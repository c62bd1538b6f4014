"""JSON lines: no field is left out, NaN as chosen, and errors that name sink and record."""

import collections
import dataclasses
import enum
import json
import pathlib
from typing import Any

import attrs
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import wallarood as w
from wallarood.connectors.text import LineOptions, encoder

NAN = float("nan")


@attrs.define
class Private:
    _id: int
    name: str = "n"


@attrs.define
class Holder:
    label: str
    inner: Any = None
    numbers: list[int] = attrs.field(factory=list)


class Tagged(msgspec.Struct, tag="t", rename="camel"):
    some_name: Any


@dataclasses.dataclass
class Data:
    _id: int
    inner: Private | None = None


class Model:
    def model_dump(self) -> dict[str, Any]:
        return {"b": 1, "a": Private(2)}


class Scalar:
    dtype = "int64"

    def tolist(self) -> int:
        return 3


class Odd(enum.Enum):
    HALF = 0.5


PRIVATE = '{"_id":7,"name":"n"}'
WRITTEN: list[tuple[Any, str]] = [
    (Private(7), PRIVATE),
    ({"a": [Private(7)]}, '{"a":[' + PRIVATE + "]}"),
    ((1, {"x": (Private(7),)}), '[1,{"x":[' + PRIVATE + "]}]"),
    (Holder("h", Private(7), [1]), '{"label":"h","inner":' + PRIVATE + ',"numbers":[1]}'),
    (Data(7, Private(7)), '{"_id":7,"inner":' + PRIVATE + "}"),
    (Tagged(Private(7)), '{"type":"t","someName":' + PRIVATE + "}"),
    (Tagged(1), '{"type":"t","someName":1}'),
    (Model(), '{"b":1,"a":{"_id":2,"name":"n"}}'),
    ({"a": Private(7)}, '{"a":' + PRIVATE + "}"),
    ({"t": "{"}, '{"t":"{"}'),
    (Scalar(), "3"),
    ({"p": pathlib.Path("/a")}, '{"p":"/a"}'),
    (collections.deque([1]), "[1]"),
    (Odd.HALF, "0.5"),
    ({None: 1, True: NAN}, '{"null":1,"true":null}'),
    ({"s": "a\udce9"}, '{"s":"a\\udce9"}'),
    ({"x": NAN, "i": 10**30}, '{"x":null,"i":1' + "0" * 30 + "}"),
    ({"b": b"\xff"}, '{"b":"/w=="}'),
]


@pytest.mark.parametrize(("record", "expected"), WRITTEN, ids=[line for _, line in WRITTEN])
def test_every_field_is_written_under_its_own_name(record: Any, expected: str) -> None:
    assert encoder("json")([record]).decode() == expected + "\n"
    assert encoder("json")([1, record, "x"]).decode() == f'1\n{expected}\n"x"\n'


@pytest.mark.parametrize(
    ("nan", "expected"),
    [("null", '{"x":[null,null],"d":"1"}'), ("text", '{"x":[NaN,-Infinity],"d":"1"}')],
)
def test_nan_is_written_as_chosen(nan: Any, expected: str) -> None:
    encode = encoder("json", LineOptions(nan=nan))
    record = {"x": [NAN, -float("inf")], "d": "1"}
    assert encode([record]).decode() == expected + "\n"


def test_nan_can_be_refused() -> None:
    encode = encoder("json", LineOptions(nan="error"), sink="out")
    assert encode([{"x": 1.5, "p": Private(7)}]).decode() == '{"x":1.5,"p":' + PRIVATE + "}\n"
    with pytest.raises(w.ApplicationError, match=r"sink 'out' cannot write a record as JSON"):
        encode([{"x": NAN}])


class Plain:
    pass


@pytest.mark.parametrize("value", [Plain(), 1j, ValueError("x"), {(1, 2): 3}])
def test_what_cannot_be_json_names_sink_and_record(value: Any) -> None:
    with pytest.raises(w.ApplicationError) as caught:
        encoder("json", sink="orders")([{"good": 1}, {"v": value}])
    assert "sink 'orders' cannot write a record as JSON" in caught.value.message
    assert "{'v': " in caught.value.message


def test_a_value_that_holds_itself_is_an_error() -> None:
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(w.ApplicationError, match="cannot write a record as JSON"):
        encoder("json")([loop])


VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.text(),
        st.floats(allow_nan=False, allow_infinity=False),
    ),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)),
    max_leaves=8,
)


@given(st.lists(VALUES, min_size=1))
def test_values_of_json_come_back_and_are_written_alike_alone(records: list[Any]) -> None:
    encode = encoder("json")
    whole = encode(records)
    assert whole == b"".join(encode([record]) for record in records)
    assert [json.loads(line) for line in whole.decode().split("\n")[:-1]] == records
