"""Blocks of a journal's files: how they are packed, read, and known to be whole; see `journal`."""

import struct
from collections.abc import Iterator
from pathlib import Path

import msgspec
from xxhash import xxh3_64_intdigest

from wallarood.model.errors import DamagedStateError

_HEADER = struct.Struct(">IIQ")
_LENGTH_MASK = 0xFFFFFFFF

Entry = tuple[str, int, bytes]
"""(client, sequence, payload); a client without a name has no sequence."""


class Block(msgspec.Struct, array_like=True, frozen=True):
    """Entries from number `first` on; the first of a file also has the `highest` sequences."""

    first: int
    entries: list[Entry]
    highest: dict[str, int] | None = None


_decoder = msgspec.msgpack.Decoder(Block)


class TornError(DamagedStateError):
    """A file ends in the middle of a block."""


def blocks(path: Path) -> Iterator[tuple[Block, int]]:
    """The blocks of a file, each with the offset after it.

    Raises TornError: it ends in the middle of a block. Raises DamagedStateError: it is damaged.
    """
    data = path.read_bytes()
    start, due = 0, int(path.stem)
    while start < len(data):
        head = data[start : start + _HEADER.size]
        if len(head) < _HEADER.size:
            raise TornError(f"{path}: the block at byte {start:,} is cut off")
        size, complement, checksum = _HEADER.unpack(head)
        if size ^ complement != _LENGTH_MASK:
            damage = f"{path} is damaged: the length at byte {start:,} is wrong"
            torn = not any(data[start + _HEADER.size :])
            raise TornError(damage) if torn else DamagedStateError(damage)
        end = start + _HEADER.size + size
        body = data[start + _HEADER.size : end]
        if len(body) < size:
            raise TornError(f"{path}: the block at byte {start:,} is cut off")
        if xxh3_64_intdigest(body) != checksum:
            damage = f"{path} is damaged: the block at byte {start:,} has a wrong checksum"
            raise TornError(damage) if end == len(data) else DamagedStateError(damage)
        try:
            block = _decoder.decode(body)
        except msgspec.MsgspecError as error:
            raise DamagedStateError(f"{path}: the block at byte {start:,}: {error}") from error
        if block.first != due:
            raise DamagedStateError(
                f"{path} is damaged: the block at byte {start:,} begins with entry "
                f"{block.first:,} where {due:,} was due"
            )
        yield block, end
        start, due = end, due + len(block.entries)


def packed(block: Block) -> bytes:
    """A block as it stands in a file."""
    body: bytes = msgspec.msgpack.encode(block)
    size = len(body)
    return _HEADER.pack(size, size ^ _LENGTH_MASK, xxh3_64_intdigest(body)) + body
