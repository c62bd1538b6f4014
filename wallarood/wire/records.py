"""Records between workers: batches as two encoded columns.

A payload is one byte that says how the columns are encoded, the length of the key column (4 bytes,
big-endian; 0 without keys), the key column and the value column. A column is msgpack where its type
says what comes out of it again, pickle otherwise. Keys that are the records, or a field of them,
are not sent: the field, as a number among those of text and bytes, is the key column instead.
"""

import pickle
import struct
import types
import typing
from collections.abc import Callable
from enum import Enum
from operator import attrgetter, itemgetter
from typing import Any, Union, get_args, get_origin

import attrs
import msgspec

from wallarood.model.batch import Batch
from wallarood.model.errors import ApplicationError, RemoteProtocolError

_head = struct.Struct(">BI")
_VALUES_PICKLED, _KEYS_PICKLED, _HAS_KEYS, _KEYS_ARE_VALUES, _KEYS_ARE_FIELD = 1, 2, 4, 8, 16
_PLAIN_KEYS = frozenset({str, bytes, bool})
_SAME_IF_EQUAL = (str, bytes)
"""Types of which nothing of another type equals a value, as 1 equals True."""
_INT64 = 1 << 63
_FIELDS_MAX = 16
"""How many fields of a record may be found to be its key."""


class PickleRule(Enum):
    """Whether records without a type may be pickled: only where every peer is trusted."""

    ALLOWED = "allowed"
    FORBIDDEN = "forbidden"


class RecordCodecError(ApplicationError):
    """Records are not what the type hints of the application say."""


def is_exact(hint: Any) -> bool:
    """Whether a value of this type comes out of typed msgpack as it went in."""
    if hint in (str, bytes, bool, int, float, type(None)):
        return True
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (list, tuple, dict, set, frozenset) and arguments:
        return all(is_exact(each) for each in arguments if each is not Ellipsis)
    if origin in (Union, types.UnionType):
        return sum(each is not type(None) for each in arguments) == 1 and all(
            map(is_exact, arguments)
        )
    return _is_exact_class(hint)


def _is_exact_class(hint: Any) -> bool:
    if not isinstance(hint, type):
        return False
    if issubclass(hint, Enum):
        return True
    if issubclass(hint, msgspec.Struct) or attrs.has(hint) or hasattr(hint, "__dataclass_fields__"):
        try:
            fields = typing.get_type_hints(hint)
        except Exception:
            return False
        return all(each is not hint and is_exact(each) for each in fields.values())
    return False


@attrs.frozen
class _Field:
    """A field of a record that may be its key: how to get it, its type, its number in a tuple."""

    of: Callable[[Any], Any]
    kind: type
    item: int | None = None


def _fields_of(record: Any) -> tuple[_Field, ...]:
    found: list[_Field] = []
    if get_origin(record) is tuple and Ellipsis not in get_args(record):
        hints = enumerate(get_args(record))
        found = [_Field(itemgetter(item), hint, item) for item, hint in hints]
    elif isinstance(record, type) and _is_exact_class(record) and not issubclass(record, Enum):
        hints_by_name = typing.get_type_hints(record).items()
        found = [_Field(attrgetter(name), hint) for name, hint in hints_by_name]
    return tuple([each for each in found if each.kind in _SAME_IF_EQUAL][:_FIELDS_MAX])


@attrs.frozen
class RecordCodec:
    """Batches ↔ bytes for one edge. Made by `for_types`."""

    record: Any
    pickle: PickleRule
    _decode_values: Callable[[bytes], Any] | None
    _fields: tuple[_Field, ...] = ()

    @classmethod
    def for_types(cls, record: Any, *, rule: PickleRule) -> "RecordCodec":
        """The codec for records of type *record* (Any if no hint says).

        Raises ApplicationError: the records would have to be pickled and *rule* forbids it.
        """
        if is_exact(record):
            decode = msgspec.msgpack.Decoder(list[record]).decode
            return cls(record, rule, decode, _fields_of(record))
        if rule is PickleRule.FORBIDDEN:
            raise ApplicationError(
                f"records of type {record} would be pickled between workers, which is only safe on "
                "loopback: give the computation before a type hint made of str, bytes, bool, int, "
                "float, list, tuple, dict, set, Optional, attrs classes and dataclasses"
            )
        return cls(record, rule, None)

    def encode(self, batch: Batch) -> bytes:
        """The payload of *batch*. Raises RecordCodecError: a record cannot be encoded."""
        flags = 0
        keys = b""
        values = self._typed(batch.values) if self._decode_values is not None else None
        if values is None:
            flags |= _VALUES_PICKLED
            values = self._pickled(batch.values, "records")
        if batch.keys is not None:
            flags |= _HAS_KEYS
            if self._are_keys(flags, batch):
                flags |= _KEYS_ARE_VALUES
            elif (field := self._key_field(flags, batch)) is not None:
                flags |= _KEYS_ARE_FIELD
                keys = bytes([field])
            elif batch.kind in _PLAIN_KEYS or _plain(batch.keys):
                keys = _encode(batch.keys)
            else:
                flags |= _KEYS_PICKLED
                keys = self._pickled(batch.keys, "keys")
        return _head.pack(flags, len(keys)) + keys + values

    def _are_keys(self, flags: int, batch: Batch) -> bool:
        """Whether the records are the keys."""
        if flags & _VALUES_PICKLED or self.record not in _SAME_IF_EQUAL:
            return False
        return batch.keys is batch.values or batch.keys == batch.values

    def _key_field(self, flags: int, batch: Batch) -> int | None:
        """The field of which each key is the one of its record; None if there is none."""
        keys, values = batch.keys, batch.values
        if flags & _VALUES_PICKLED or not keys:
            return None
        try:
            for place, field in enumerate(self._fields):
                if field.item == batch.item is not None and field.kind is batch.kind:
                    return place  # a tuple: it is still as `key_by` has seen it
                if keys[0] == field.of(values[0]) and keys == list(map(field.of, values)):
                    return place
        except (AttributeError, LookupError, TypeError):  # not what the hint says: found out later
            pass
        return None

    def _typed(self, values: list[Any]) -> bytes | None:
        """The column in msgpack; None if it has an int that is too large for it."""
        try:
            return _encode(values)
        except OverflowError:
            return None
        except (TypeError, ValueError) as error:
            raise RecordCodecError(
                f"a record is not a {self.record}, as its type hint says: {error}"
            ) from error

    def _pickled(self, column: list[Any], what: str) -> bytes:
        if self.pickle is PickleRule.FORBIDDEN:
            raise RecordCodecError(
                f"{what} such as {column[0]!r:.100} would be pickled between workers, which is "
                "only safe on loopback: use str, bytes, bool or 64-bit int"
            )
        try:
            return pickle.dumps(column, protocol=5)
        except Exception as error:
            raise RecordCodecError(f"{what} cannot be pickled: {error}") from error

    def decode(self, payload: bytes) -> Batch:
        """The batch in *payload*.

        Raises RemoteProtocolError: it is malformed. Raises RecordCodecError: a record is not of
        the type that the hints say.
        """
        try:
            flags, size = _head.unpack_from(payload)
        except struct.error as error:
            raise RemoteProtocolError(f"malformed records: {error}") from error
        columns = memoryview(payload)[_head.size :]
        if size > len(columns):
            raise RemoteProtocolError(f"malformed records: {size} bytes of keys in {len(columns)}")
        if flags & _VALUES_PICKLED or self._decode_values is None:
            values = self._column(columns[size:], flags & _VALUES_PICKLED)
        else:
            values = self._decode_typed(self._decode_values, columns[size:])
        if not flags & _HAS_KEYS:
            return Batch(values)
        return self._keyed(flags, columns[:size], values)

    def _keyed(self, flags: int, column: memoryview, values: list[Any]) -> Batch:
        if flags & _KEYS_ARE_VALUES:
            if flags & _VALUES_PICKLED or self.record not in _SAME_IF_EQUAL:
                raise RemoteProtocolError("malformed records: they are no keys")
            return Batch(values, values, self.record)
        if flags & _KEYS_ARE_FIELD:
            if flags & _VALUES_PICKLED or len(column) != 1 or column[0] >= len(self._fields):
                raise RemoteProtocolError("malformed records: the keys are no field of them")
            field = self._fields[column[0]]
            return Batch(values, list(map(field.of, values)), field.kind)
        keys = self._column(column, flags & _KEYS_PICKLED)
        if len(keys) != len(values):
            raise RemoteProtocolError(f"{len(keys)} keys for {len(values)} records")
        return Batch(values, keys)

    def _decode_typed(self, decode: Callable[[Any], Any], column: memoryview) -> list[Any]:
        try:
            values: list[Any] = decode(column)
        except msgspec.ValidationError as error:
            raise RecordCodecError(
                f"a record is not a {self.record}, as its type hint says: {error}"
            ) from error
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise RemoteProtocolError(f"malformed records: {error}") from error
        return values

    def _column(self, column: memoryview, pickled: int) -> list[Any]:
        if pickled and self.pickle is PickleRule.FORBIDDEN:
            raise RemoteProtocolError("pickled records, which are not allowed here")
        try:
            values = pickle.loads(column) if pickled else msgspec.msgpack.decode(column)
        except Exception as error:
            raise RemoteProtocolError(f"malformed records: {error}") from error
        if not isinstance(values, list):
            raise RemoteProtocolError(f"a column is a {type(values).__name__}, not a list")
        return values


_encode = msgspec.msgpack.Encoder().encode


def _plain(keys: list[Any]) -> bool:
    """Whether plain msgpack gives exactly these keys back."""
    kinds = set(map(type, keys))
    if kinds <= _PLAIN_KEYS:
        return True
    return kinds <= _PLAIN_KEYS | {int} and all(
        -_INT64 <= key < _INT64 for key in keys if type(key) is int
    )
