"""Records on disk: they come back as they were, from any number on, or are called damaged."""

import datetime
import math
import pickle
import struct
from decimal import Decimal
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import attrs
import pytest
from xxhash import xxh3_64_intdigest

from wallarood.connectors.spool.blocks import (
    ChunkSize,
    Pairs,
    after_record,
    chunked,
    packed,
    unpacked,
)
from wallarood.model.errors import ApplicationError, DamagedStateError


@attrs.frozen
class Order:
    """A record of the application."""

    name: str
    price: Decimal


class Named(NamedTuple):
    """A tuple that is another class."""

    number: int


class Special(bytes):
    """Bytes of another class."""


RECORDS: list[Any] = [
    ("a", 1), ["b", 2.5], {"c": None}, b"d", "é", True, Order("e", Decimal("1.10")),
    datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC),
]  # fmt: skip


SIZE = ChunkSize()


def written(path: Path, *blocks: list[Any] | Pairs) -> Path:
    path.write_bytes(b"".join(packed(each).data for each in blocks))
    return path


def read(path: Path, first: int = 1, after: int = 0) -> list[tuple[int, Any]]:
    return list(chunked(unpacked(path, first, after), SIZE))


@pytest.mark.parametrize("after", range(5, 14))
def test_records_come_back_from_any_number_on(after: int, tmp_path: Path) -> None:
    path = written(tmp_path / "x", RECORDS[:3], RECORDS[3:4], RECORDS[4:])
    found = read(path, 6, after)

    if after >= 13:
        assert found == []
        return
    ((last, records),) = found
    assert last == 13
    assert records == RECORDS[max(0, after - 5) :]
    assert [type(each) for each in records] == [type(each) for each in RECORDS[max(0, after - 5) :]]


def test_chunks_are_neither_small_nor_large(tmp_path: Path) -> None:
    blocks: list[list[Any]] = [[number] for number in range(SIZE.records_min + 3)]
    blocks += [[bytes(SIZE.bytes_min)], [1], [2]]
    chunks = read(written(tmp_path / "x", *blocks))

    assert [len(records) for _, records in chunks] == [SIZE.records_min, 4, 2]
    assert [last for last, _ in chunks] == [SIZE.records_min, SIZE.records_min + 4, len(blocks)]


@pytest.mark.parametrize("after", range(9))
def test_what_is_in_memory_comes_in_the_same_chunks(after: int, tmp_path: Path) -> None:
    """A server that knows a chunk again by its number must not be given another one."""
    blocks: list[list[Any]] = [
        [b"x" * 9, "é"], [("a", None, 1.5)], ["b", "c", "d"], [("f", 1), ()]
    ]  # fmt: skip
    path, here, last = written(tmp_path / "x", *blocks), [], 0
    for each in blocks:
        last += len(each)
        here.append((last, packed(each).size_bytes, each))
    for size in (ChunkSize(1, 99), ChunkSize(3, 99), ChunkSize(99, 12), ChunkSize(99, 99)):
        chunks = list(chunked(after_record(here, after), size))
        assert chunks == list(chunked(unpacked(path, 1, after), size))
        assert [each for _, records in chunks for each in records] == list(chain(*blocks))[after:]


@pytest.mark.parametrize(
    "record",
    [
        "", "é\0", b"", b"\x80", True, 0, -(2**63), 2**64 - 1, 1.0, -0.0, math.inf, None, (),
        ("a", b"b", None, 1, 1.0, False),
    ],
)  # fmt: skip
def test_plain_records_come_back_without_pickle(record: Any, tmp_path: Path) -> None:
    assert packed([record, record]).is_plain
    ((_, (found, _)),) = read(written(tmp_path / "x", [record, record]))

    assert repr(found) == repr(record)
    assert type(found) is type(record)


@pytest.mark.parametrize(
    "record",
    [
        2**64, -(2**63) - 1, "\ud800", (2**64,), [1], (1, [2]), (1, (2,)), {"a": 1}, {1}, 1j,
        Named(1), ("a",), bytearray(b"a"),
    ],
)  # fmt: skip
def test_what_is_not_plain_is_pickled_and_comes_back(record: Any, tmp_path: Path) -> None:
    assert not packed(["x", record]).is_plain
    ((_, (_, found)),) = read(written(tmp_path / "x", ["x", record]))

    assert found == record
    assert type(found) is type(record)


@pytest.mark.parametrize("after", range(6))
def test_pairs_come_back_as_columns_from_any_number_on(after: int, tmp_path: Path) -> None:
    blocks = [Pairs([b"a", b"b"], [b"k", None]), Pairs([b"c", None, b""], [b"", b"l", b"m"])]
    whole = [each for block in blocks for each in block]
    path = written(tmp_path / "x", *blocks)
    here = [(2, packed(blocks[0]).size_bytes, blocks[0]), (5, 1, blocks[1])]
    for found in (read(path, after=after), list(chunked(after_record(here, after), SIZE))):
        assert [last for last, _ in found] == ([5] if after < 5 else [])
        for _, records in found:
            assert isinstance(records, Pairs)
            assert len(records) == 5 - after
            assert list(records) == whole[after:]


def test_pairs_beside_other_records_come_as_records(tmp_path: Path) -> None:
    path = written(tmp_path / "x", Pairs([b"a"], [None]), [(b"b", b"k", [("h", b"x")], 5)])
    assert read(path) == [(2, [(b"a", None), (b"b", b"k", [("h", b"x")], 5)])]


def test_pairs_that_messagepack_does_not_take_are_pickled(tmp_path: Path) -> None:
    pairs: Any = Pairs([Special(b"a")], [None])
    path = written(tmp_path / "x", pairs)
    assert not packed(pairs).is_plain
    ((_, ((value, key),)),) = read(path)
    assert (type(value), value, key) == (Special, b"a", None)


def test_a_file_of_an_older_version_is_read(tmp_path: Path) -> None:
    """All blocks were pickled."""
    body = pickle.dumps([("a", 1), "b"], protocol=5)
    path = tmp_path / "x"
    path.write_bytes(struct.pack(">IIQ", len(body), 2, xxh3_64_intdigest(body)) + body)

    assert read(path) == [(2, [("a", 1), "b"])]


def test_every_cut_and_every_flipped_byte_is_found(tmp_path: Path) -> None:
    path = written(tmp_path / "x", RECORDS[:2], RECORDS[2:5])
    whole = path.read_bytes()
    wrong = 0
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        try:
            read(path)
        except DamagedStateError:
            wrong += 1
    assert wrong == len(whole)
    cuts = 0
    for size in range(1, len(whole)):
        path.write_bytes(whole[:size])
        try:
            assert [last for last, _ in read(path)] == [2]
        except DamagedStateError:
            cuts += 1
    assert cuts == len(whole) - 2


def test_a_record_that_cannot_be_kept_is_the_applications_fault() -> None:
    with pytest.raises(ApplicationError, match="cannot be kept until it is published"):
        packed([lambda: None])


def test_a_class_that_is_gone_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path / "x", [RECORDS[6]])
    monkeypatch.delattr(f"{__name__}.Order")

    with pytest.raises(DamagedStateError, match=r"cannot be read: AttributeError.*with the code"):
        read(path)
