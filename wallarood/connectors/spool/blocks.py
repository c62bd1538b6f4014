"""Records in the files of a spool: blocks of them, each with its size, its count and a checksum."""
# Theory of operation
# ===================
# Strings and numbers, or tuples of them, are kept as MessagePack, which is several times as quick
# as pickle; all else is pickled. The first byte tells. What is kept as MessagePack cannot change
# after it was written, either: so the records themselves may be applied, and need not be read back.
# Pairs come as two columns: of strings the garbage collector takes no notice, of tuples it does.

import os
import pickle
import struct
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any, TypeAlias

import attrs
import msgspec
from xxhash import xxh3_64_intdigest

from wallarood.model.errors import ApplicationError, DamagedStateError
from wallarood.wire.portable import NotPortableError, dumps

_HEADER = struct.Struct(">IIQ")
"""Bytes, records, and the checksum of what follows."""
_PLAIN: frozenset[Any] = frozenset((str, bytes, bool, int, float, type(None)))
_VALUES, _TUPLES, _PAIRS = b"V", b"T", b"P"
"""What a block of MessagePack begins with; one of pickle begins with 0x80."""

ENDING = ".spool"
BLOCK_RECORDS_MAX = 5_000

_encode = msgspec.msgpack.Encoder().encode
_decode_values = msgspec.msgpack.Decoder(list[Any]).decode
_decode_tuples = msgspec.msgpack.Decoder(list[tuple[Any, ...]]).decode
_decode_pairs = msgspec.msgpack.Decoder(tuple[list[Any], list[Any]]).decode


@attrs.frozen
class Pairs:
    """Records that are pairs of strings or None, in two columns."""

    first: list[Any]
    second: list[Any]

    def __len__(self) -> int:
        return len(self.first)

    def __getitem__(self, places: slice) -> "Pairs":
        return Pairs(self.first[places], self.second[places])

    def __iter__(self) -> Iterator[Any]:
        return zip(self.first, self.second, strict=True)


Records: TypeAlias = list[Any] | Pairs
Block: TypeAlias = tuple[int, int, Records]
"""The number of the last record, the bytes on disk, and the records."""


@attrs.frozen
class ChunkSize:
    """With so many records or bytes a chunk is large enough: so it has less than twice as many."""

    records_min: int = 5_000
    bytes_min: int = 2 << 20


@attrs.frozen
class Packed:
    """A block as it stands in a file, and whether its records cannot change any more."""

    data: bytes
    is_plain: bool

    @property
    def size_bytes(self) -> int:
        """As chunks count it, also those that are read back."""
        return len(self.data) - _HEADER.size


def packed(records: Records) -> Packed:
    """A block of *records*. Raises ApplicationError: one of them cannot be kept on disk."""
    if (plain := _plain_body(records)) is not None:
        return Packed(_headed(plain, len(records)), is_plain=True)
    try:
        body = dumps(list(records))
    except NotPortableError as error:
        raise ApplicationError(f"a record cannot be kept until it is published: {error}") from error
    return Packed(_headed(body, len(records)), is_plain=False)


def _headed(body: bytes, count: int) -> bytes:
    return _HEADER.pack(len(body), count, xxh3_64_intdigest(body)) + body


def _plain_body(records: Records) -> bytes | None:
    """*records* as MessagePack; None if this has no form for one of them."""
    try:
        if isinstance(records, Pairs):
            return _PAIRS + _encode((records.first, records.second))
        kinds = set(map(type, records))
        are_tuples = kinds == {tuple}
        if are_tuples:
            kinds = set(map(type, chain.from_iterable(records)))
        if not kinds <= _PLAIN:
            return None
        return (_TUPLES if are_tuples else _VALUES) + _encode(records)
    except (OverflowError, TypeError, ValueError):  # too large an int, no UTF-8, of a subclass
        return None


def chunked(blocks: Iterable[Block], size: ChunkSize) -> Iterator[tuple[int, Records]]:
    """The records of *blocks* in chunks: the number of the last record of each, and the records."""
    parts: list[Records] = []
    last = count = size_bytes = 0
    for last, block_bytes, records in blocks:
        parts.append(records)
        count += len(records)
        size_bytes += block_bytes
        if count >= size.records_min or size_bytes >= size.bytes_min:
            yield last, _joined(parts)
            parts, count, size_bytes = [], 0, 0
    if parts:
        yield last, _joined(parts)


def _joined(parts: list[Records]) -> Records:
    pairs = [each for each in parts if isinstance(each, Pairs)]
    if len(pairs) < len(parts):
        return list(chain.from_iterable(parts))
    first = chain.from_iterable(each.first for each in pairs)
    return Pairs(list(first), list(chain.from_iterable(each.second for each in pairs)))


def after_record(blocks: Iterable[Block], after: int) -> Iterator[Block]:
    """What *blocks* have after record *after*."""
    for last, size, records in blocks:
        if last > after:
            yield last, size, records[max(0, after - last + len(records)) :]


def unpacked(path: Path, first: int, after: int) -> Iterator[Block]:
    """What a file that begins with record *first* has after record *after*. Blocks.

    Raises DamagedStateError: it is damaged. Raises OSError: it cannot be read.
    """
    return after_record(_blocks(path, first, after), after)


def _blocks(path: Path, first: int, after: int) -> Iterator[Block]:
    last = first - 1
    with path.open("rb") as file:
        while head := file.read(_HEADER.size):
            if len(head) < _HEADER.size:
                raise DamagedStateError(f"{path} is damaged: it is cut off")
            size, count, checksum = _HEADER.unpack(head)
            last += count
            if last <= after:
                file.seek(size, os.SEEK_CUR)
                continue
            body = file.read(size)
            if len(body) < size or xxh3_64_intdigest(body) != checksum:
                raise DamagedStateError(f"{path} is damaged: the block of record {last:,}")
            records = _loaded(path, body)
            if len(records) != count:
                raise DamagedStateError(f"{path} is damaged: the block of record {last:,}")
            yield last, size, records


def _loaded(path: Path, body: bytes) -> Records:
    try:
        return _decoded(body)
    except Exception as error:  # of a class of the application
        raise DamagedStateError(
            f"{path} has records that are to be published and cannot be read: "
            f"{type(error).__name__}: {error}. Start the worker with the code that has made them"
        ) from error


def _decoded(body: bytes) -> Records:
    if body.startswith(_PAIRS):
        return Pairs(*_decode_pairs(memoryview(body)[1:]))
    if body.startswith(_VALUES):
        return _decode_values(memoryview(body)[1:])
    if body.startswith(_TUPLES):
        return _decode_tuples(memoryview(body)[1:])
    records: list[Any] = pickle.loads(body)
    return records
