"""Messages of pgoutput, as a server would send them."""

import struct
from collections.abc import Sequence
from typing import Any

from wallarood.connectors.postgres.changes.pgoutput import EPOCH_US, UNCHANGED

TABLE = 7


def begin(lsn: int, xid: int = 1) -> bytes:
    """A transaction that was committed at *lsn*, at 1970-01-01 00:00:00.000005."""
    return b"B" + struct.pack(">QqI", lsn, 5 - EPOCH_US, xid)


def commit(end: int) -> bytes:
    """Its end."""
    return b"C" + struct.pack(">BQQq", 0, end - 1, end, 5 - EPOCH_US)


def relation(
    *columns: tuple[str, int], identity: bytes = b"d", oid: int = TABLE, key: int = 1
) -> bytes:
    """The table public.t; its *key* are the first columns, or with identity f all."""
    said = b"R" + struct.pack(">I", oid) + b"public\0t\0" + identity
    said += struct.pack(">h", len(columns))
    for place, (name, type_) in enumerate(columns):
        flag = place < key or identity == b"f"
        said += bytes([flag]) + name.encode() + b"\0" + struct.pack(">Ii", type_, -1)
    return said


def row(*values: Any) -> bytes:
    """A row of texts."""
    said = struct.pack(">h", len(values))
    for value in values:
        if value is None:
            said += b"n"
        elif value is UNCHANGED:
            said += b"u"
        else:
            said += b"t" + struct.pack(">I", len(value)) + value
    return said


def insert(*values: Any) -> bytes:
    """A row is added."""
    return b"I" + struct.pack(">I", TABLE) + b"N" + row(*values)


def update(new: Sequence[Any], old: Sequence[Any] = (), kind: bytes = b"K") -> bytes:
    """A row is changed; *old* is its key or, with *kind* O, all of it."""
    before = kind + row(*old) if old else b""
    return b"U" + struct.pack(">I", TABLE) + before + b"N" + row(*new)


def delete(*old: Any, kind: bytes = b"K") -> bytes:
    """A row is removed."""
    return b"D" + struct.pack(">I", TABLE) + kind + row(*old)


def truncate(*tables: int) -> bytes:
    """Tables are emptied."""
    return b"T" + struct.pack(f">IB{len(tables)}I", len(tables), 0, *tables)
