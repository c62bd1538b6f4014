"""Fields of records that may be their keys."""

from typing import Any

import attrs
import pytest

from wallarood.wire.records.key_fields import key_fields_of


@attrs.frozen
class Visit:
    user: str
    page: bytes
    count: int


def test_text_and_bytes_of_a_tuple_are_known_by_their_place() -> None:
    fields = key_fields_of(tuple[int, str, bytes])
    assert [(each.item, each.kind) for each in fields] == [(1, str), (2, bytes)]
    assert [each.of((7, "a", b"b")) for each in fields] == ["a", b"b"]


def test_attributes_of_a_class_are_known_by_their_names() -> None:
    fields = key_fields_of(Visit)
    assert [each.of(Visit("u", b"p", 1)) for each in fields] == ["u", b"p"]


@pytest.mark.parametrize("record", [str, int, tuple[str, ...], tuple[int, float]])
def test_others_have_none(record: Any) -> None:
    """A number may equal one of another type, as 1 equals True."""
    assert key_fields_of(record) == ()
