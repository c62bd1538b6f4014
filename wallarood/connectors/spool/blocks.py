"""Records in the files of a spool: blocks of them, each with its size, its count and a checksum."""

import os
import pickle
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from xxhash import xxh3_64_intdigest

from wallarood.model.errors import ApplicationError, DamagedStateError
from wallarood.wire.portable import NotPortableError, dumps

_HEADER = struct.Struct(">IIQ")
"""Bytes, records, and the checksum of what follows."""

ENDING = ".spool"
BLOCK_RECORDS_MAX = 5_000
CHUNK_RECORDS_MIN = 5_000
CHUNK_BYTES_MIN = 2 << 20
"""With so much a chunk is large enough: so it has less than twice as many records."""


def packed(records: list[Any]) -> bytes:
    """A block of *records*. Raises ApplicationError: one of them cannot be kept on disk."""
    try:
        body = dumps(records)
    except NotPortableError as error:
        raise ApplicationError(f"a record cannot be kept until it is published: {error}") from error
    return _HEADER.pack(len(body), len(records), xxh3_64_intdigest(body)) + body


def unpacked(path: Path, first: int, after: int) -> Iterator[tuple[int, list[Any]]]:
    """What a file that begins with record *first* has after record *after*, in chunks.

    Each is the number of its last record, and the records. Small blocks come together. Blocks.

    Raises DamagedStateError: it is damaged. Raises OSError: it cannot be read.
    """
    chunk: list[Any] = []
    last = size_bytes = 0
    for last, size, records in _blocks(path, first, after):
        chunk += records
        size_bytes += size
        if len(chunk) >= CHUNK_RECORDS_MIN or size_bytes >= CHUNK_BYTES_MIN:
            yield last, chunk
            chunk, size_bytes = [], 0
    if chunk:
        yield last, chunk


def _blocks(path: Path, first: int, after: int) -> Iterator[tuple[int, int, list[Any]]]:
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
            yield last, size, _loaded(path, body)[max(0, after - last + count) :]


def _loaded(path: Path, body: bytes) -> list[Any]:
    try:
        records: list[Any] = pickle.loads(body)
    except Exception as error:  # of a class of the application
        raise DamagedStateError(
            f"{path} has records that are to be published and cannot be read: "
            f"{type(error).__name__}: {error}. Start the worker with the code that has made them"
        ) from error
    return records
