"""Records in the files of a spool: blocks of them, each with its size, its count and a checksum."""
# Theory of operation
# ===================
# Strings and numbers, or tuples of them, are kept as MessagePack, which is several times as quick
# as pickle; all else is pickled. The first byte tells. What is kept as MessagePack cannot change
# after it was written, either: so the records themselves may be applied, and need not be read back.

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
_VALUES, _TUPLES = b"V", b"T"
"""What a block of MessagePack begins with; one of pickle begins with 0x80."""

ENDING = ".spool"
BLOCK_RECORDS_MAX = 5_000

_encode = msgspec.msgpack.Encoder().encode
_decode_values = msgspec.msgpack.Decoder(list[Any]).decode
_decode_tuples = msgspec.msgpack.Decoder(list[tuple[Any, ...]]).decode

Block: TypeAlias = tuple[int, int, list[Any]]
"""The number of the last record, the bytes on disk, and the records."""


class Plain(list[Any]):
    """Records of which a target knows that MessagePack keeps them: each need not be looked at.

    They are strings and numbers, or all are tuples of these.
    """


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


def packed(records: list[Any]) -> Packed:
    """A block of *records*. Raises ApplicationError: one of them cannot be kept on disk."""
    if (plain := _plain_body(records)) is not None:
        return Packed(_headed(plain, len(records)), is_plain=True)
    try:
        body = dumps(records)
    except NotPortableError as error:
        raise ApplicationError(f"a record cannot be kept until it is published: {error}") from error
    return Packed(_headed(body, len(records)), is_plain=False)


def _headed(body: bytes, count: int) -> bytes:
    return _HEADER.pack(len(body), count, xxh3_64_intdigest(body)) + body


def _plain_body(records: list[Any]) -> bytes | None:
    """*records* as MessagePack; None if this has no form for one of them."""
    if isinstance(records, Plain):
        are_tuples = type(next(iter(records), None)) is tuple
    else:
        kinds = set(map(type, records))
        are_tuples = kinds == {tuple}
        if are_tuples:
            kinds = set(map(type, chain.from_iterable(records)))
        if not kinds <= _PLAIN:
            return None
    try:
        return (_TUPLES if are_tuples else _VALUES) + _encode(records)
    except (OverflowError, TypeError, ValueError):  # too large an int, no UTF-8, of a subclass
        return None


def chunked(blocks: Iterable[Block], size: ChunkSize) -> Iterator[tuple[int, list[Any]]]:
    """The records of *blocks* in chunks: the number of the last record of each, and the records."""
    chunk: list[Any] = []
    last = size_bytes = 0
    for last, block_bytes, records in blocks:
        chunk += records
        size_bytes += block_bytes
        if len(chunk) >= size.records_min or size_bytes >= size.bytes_min:
            yield last, chunk
            chunk, size_bytes = [], 0
    if chunk:
        yield last, chunk


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


def _loaded(path: Path, body: bytes) -> list[Any]:
    try:
        return _decoded(body)
    except Exception as error:  # of a class of the application
        raise DamagedStateError(
            f"{path} has records that are to be published and cannot be read: "
            f"{type(error).__name__}: {error}. Start the worker with the code that has made them"
        ) from error


def _decoded(body: bytes) -> list[Any]:
    if body.startswith(_VALUES):
        return _decode_values(memoryview(body)[1:])
    if body.startswith(_TUPLES):
        return _decode_tuples(memoryview(body)[1:])
    records: list[Any] = pickle.loads(body)
    return records
