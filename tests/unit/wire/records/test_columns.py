"""Columns without a type hint give back exactly what went in, or are not used at all."""

import pickle
from typing import Any

import attrs
import msgspec
import pytest

from wallarood.model.batch import Batch
from wallarood.model.errors import RemoteProtocolError
from wallarood.wire.records.columns import decoded, plain_keys, shown, unpickled
from wallarood.wire.records.untyped import RecordCodecError


@attrs.frozen
class Made:
    record: Any = int
    maker: str = "split"


class Broken:
    def __reduce__(self) -> Any:
        return _raises, ()


def _raises() -> None:
    raise ZeroDivisionError("by zero")


@pytest.mark.parametrize(
    "keys",
    [
        [],
        ["a", "b"],
        [b"\xff", b""],
        [True, False],
        [1, -(1 << 63), (1 << 63) - 1],
        ["a", b"a", True, 1],
    ],
)
def test_plain_keys_come_back_as_they_were(keys: list[Any]) -> None:
    column = plain_keys(Batch(list(range(len(keys))), keys))
    assert column is not None
    back = msgspec.msgpack.decode(column)
    assert [(type(key), key) for key in back] == [(type(key), key) for key in keys]


@pytest.mark.parametrize("key", [1 << 63, -(1 << 63) - 1, 1.0, None, ("a", 1), "\ud800"])
def test_keys_that_msgpack_would_change_or_refuse_go_another_way(key: Any) -> None:
    assert plain_keys(Batch([0, 1], ["a", key])) is None


def test_a_subclass_of_a_plain_key_is_not_plain() -> None:
    class Text(str):
        __slots__ = ()

    assert plain_keys(Batch([0], [Text("a")])) is None


@pytest.mark.parametrize("column", [b"", b"\xc1", b"\x91", b"\xa1\xff", b"\x91" * 5000])
def test_a_malformed_column_is_the_peers_fault(column: bytes) -> None:
    with pytest.raises(RemoteProtocolError, match="malformed records"):
        decoded(memoryview(column))


def test_a_pickle_that_is_cut_off_is_the_peers_fault_and_a_class_that_breaks_is_not() -> None:
    with pytest.raises(RemoteProtocolError, match="malformed records"):
        unpickled(memoryview(b"\x80\x05X"), Made())
    with pytest.raises(RecordCodecError, match=r"records of split \(type int\) cannot be unpick"):
        unpickled(memoryview(pickle.dumps(Broken())), Made())
    assert unpickled(memoryview(pickle.dumps([1, "x"])), Made()) == [1, "x"]


def test_a_hint_is_shown_as_it_is_written() -> None:
    assert shown(int) == "int"
    assert shown(dict[str, int]) == "dict[str, int]"
    assert shown(int | None) == "int | None"
