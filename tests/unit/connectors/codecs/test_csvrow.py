"""Rows of CSV in messages."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec
import pytest

import wallarood as w
from wallarood.connectors.codecs.codec import NotReadableError
from wallarood.connectors.codecs.csvrow import names_for, row_decoder, row_encoder


@dataclass
class Order:
    item: str
    count: int


class Named(NamedTuple):
    item: str
    count: int


@pytest.mark.parametrize("record", [Order, Named])
def test_fields_become_what_the_class_says(record: Any) -> None:
    assert row_decoder(record)(b'"a,b",3\r\n') == record("a,b", 3)
    assert row_encoder("out")([record("a,b", 3), record('"', 4)]) == [b'"a,b",3', b'"""",4']


def test_without_a_class_they_are_texts() -> None:
    assert row_decoder(tuple[str, ...])('é,"x\ny"'.encode()) == ("é", "x\ny")


@pytest.mark.parametrize("raw", [b"", b"a", b"a,1,2", b'"a', b"a,1\nb,2"])
def test_what_is_no_row_cannot_be_read(raw: bytes) -> None:
    with pytest.raises(NotReadableError):
        row_decoder(Order)(raw)


def test_a_field_of_another_type_cannot_be_read() -> None:
    with pytest.raises(msgspec.ValidationError, match=r"count"):
        row_decoder(Order)(b"a,x")


def test_only_a_class_with_fields_names_columns() -> None:
    assert names_for("S", None) is None
    assert names_for("S", Order) == ("item", "count")
    with pytest.raises(w.ApplicationError, match=r"S: record=.*expected a class with fields"):
        names_for("S", int)
