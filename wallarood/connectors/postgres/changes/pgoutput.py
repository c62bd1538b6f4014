"""The messages of pgoutput, PostgreSQL's own plugin for logical replication, protocol 1."""

import struct
from typing import Any, Final, Literal, TypeAlias

import attrs
import msgspec

from wallarood.connectors.postgres.changes.columns import Columns
from wallarood.model.errors import RemoteProtocolError

EPOCH_US: Final = 946_684_800_000_000
"""Times count from 2000 UTC there."""


class _Unchanged:
    """In the place of a value that was not sent: a large one that an update has not changed."""


UNCHANGED: Final = _Unchanged()
Texts: TypeAlias = list[Any]
"""A row: the text of each column as bytes, None for NULL, or `UNCHANGED`."""

_int16, _int32 = struct.Struct(">h"), struct.Struct(">I")
_begin, _commit = struct.Struct(">QqI"), struct.Struct(">BQQq")


@attrs.frozen
class Begin:
    """A transaction begins that was committed at `lsn`; `time` is in microseconds since 1970."""

    lsn: int
    time: int
    xid: int


@attrs.frozen
class Commit:
    """The transaction ends; the next one comes from `end`."""

    end: int


@attrs.frozen
class Relation:
    """A table as it is from here on.

    `identity` are the places of columns by which rows are told apart, `is_full` whether these are
    all.
    """

    oid: int
    table: str
    is_full: bool
    columns: Columns
    identity: tuple[int, ...]


class Row(msgspec.Struct, frozen=True):
    """A row of `relation` is added, changed or removed.

    `old` has only the columns of the identity if `relation.is_full` is not true; of a change it is
    None if these have not changed.
    """

    operation: Literal["insert", "update", "delete"]
    relation: int
    old: Texts | None
    new: Texts | None


@attrs.frozen
class Truncate:
    """All rows of some tables are removed."""

    relations: tuple[int, ...]


Message: TypeAlias = Begin | Commit | Relation | Row | Truncate


def parse(data: bytes) -> Message | None:
    """A message; None for those that say nothing of rows. Raises RemoteProtocolError: malformed."""
    try:
        match data[:1]:
            case b"I":
                return Row("insert", _oid(data), None, _new(data, 5))
            case b"U":
                return _update(data)
            case b"D":
                return Row("delete", _oid(data), _row(data, 6)[0], None)
            case b"B":
                lsn, time, xid = _begin.unpack_from(data, 1)
                return Begin(lsn, time + EPOCH_US, xid)
            case b"C":
                return Commit(_commit.unpack_from(data, 1)[2])
            case b"R":
                return _relation(data)
            case b"T":
                (count,) = _int32.unpack_from(data, 1)
                return Truncate(struct.unpack_from(f">{count}I", data, 6))
            case b"Y" | b"O" | b"M":
                return None
    except (struct.error, IndexError, ValueError) as error:
        raise RemoteProtocolError(f"malformed message {data[:20]!r}: {error}") from error
    raise RemoteProtocolError(f"unknown message {data[:20]!r}")


def _oid(data: bytes) -> int:
    return int(_int32.unpack_from(data, 1)[0])


def _new(data: bytes, at: int) -> Texts:
    if data[at : at + 1] != b"N":
        raise ValueError(f"expected a new row, found {data[at : at + 1]!r}")
    return _row(data, at + 1)[0]


def _update(data: bytes) -> Row:
    if data[5:6] == b"N":
        return Row("update", _oid(data), None, _new(data, 5))
    old, at = _row(data, 6)
    return Row("update", _oid(data), old, _new(data, at))


def _row(data: bytes, at: int) -> tuple[Texts, int]:
    """A row, and where it ends."""
    (count,) = _int16.unpack_from(data, at)
    at += 2
    texts: Texts = []
    for _ in range(count):
        match data[at]:
            case 0x74:  # t
                (size,) = _int32.unpack_from(data, at + 1)
                at += 5 + size
                texts.append(data[at - size : at])
            case 0x6E:  # n
                texts.append(None)
                at += 1
            case 0x75:  # u
                texts.append(UNCHANGED)
                at += 1
            case other:
                raise ValueError(f"unknown kind of value {other!r}")
    return texts, at


def _relation(data: bytes) -> Relation:
    schema, name, rest = data[5:].split(b"\0", 2)
    is_full, at = rest[:1] == b"f", 3
    (count,) = _int16.unpack_from(rest, 1)
    columns, identity = [], []
    for place in range(count):
        end = rest.index(b"\0", at + 1)
        oid, modifier = struct.unpack_from(">Ii", rest, end + 1)
        columns.append((str(rest[at + 1 : end], "utf-8"), oid, modifier))
        if rest[at] & 1:
            identity.append(place)
        at = end + 9
    table = f"{str(schema, 'utf-8') or 'pg_catalog'}.{str(name, 'utf-8')}"
    return Relation(_oid(data), table, is_full, Columns(tuple(columns)), tuple(identity))
