"""Records between workers: batches as two encoded columns.

What arrives is equal in type and value, at every depth, to what left. A payload is one byte that
says how the columns are encoded, the length of the key column (4 bytes, big-endian; 0 without
keys), the key column and the value column. Stamps, if there are any, stand before the keys (see
`wallarood.wire.times`). A column is typed msgpack where that gives back exactly what it holds (see
`wallarood.wire.exact`); else it is pickled, or tagged where pickle is not allowed. Keys that are
the records, or a field of them, are not sent: the field, as a number among those of text and bytes,
is the key column instead.
"""

import struct
from collections.abc import Callable
from typing import Any

import attrs
import msgspec

from wallarood.model.batch import Batch
from wallarood.model.errors import ApplicationError, RemoteProtocolError
from wallarood.wire.exact import Check, NotExactError, compile_check
from wallarood.wire.portable import NotPortableError, all_flat, can_be_imported, dumps
from wallarood.wire.records.columns import (
    SIMPLE_KEYS,
    decoded,
    encode_plain,
    plain_keys,
    shown,
    unpickled,
)
from wallarood.wire.records.key_fields import SAME_IF_EQUAL, KeyField, key_fields_of
from wallarood.wire.records.untyped import PickleRule, RecordCodecError, Untyped
from wallarood.wire.tagged import NotPlainError, decode_tagged, encode_tagged
from wallarood.wire.times import decode_times, encode_times

_head = struct.Struct(">BI")
_VALUES_PICKLED, _KEYS_PICKLED, _HAS_KEYS, _KEYS_ARE_VALUES, _KEYS_ARE_FIELD = 1, 2, 4, 8, 16
_VALUES_TAGGED, _KEYS_TAGGED, _HAS_TIMES = 32, 64, 128
_VALUES_UNTYPED = _VALUES_PICKLED | _VALUES_TAGGED
_NOT_MSGPACK = (OverflowError, TypeError, ValueError)
"""What msgpack raises for numbers beyond 64 bits and text with lone surrogates."""
_NEEDS_TLS = "between hosts needs mutual TLS (security.certificate)"


@attrs.frozen
class RecordCodec:
    """Batches ↔ bytes for one edge. Made by `for_types`.

    `why_untyped` says why records of this type are pickled; it is empty for exact types. `maker`
    names what makes the records, for messages.
    """

    record: Any
    pickle: PickleRule
    maker: str
    why_untyped: str
    untyped: Untyped = attrs.field(factory=Untyped, eq=False)
    _check: Check | None = None
    _decode_values: Callable[[Any], Any] | None = None
    _fields: tuple[KeyField, ...] = ()

    @classmethod
    def for_types(cls, record: Any, *, rule: PickleRule, maker: str = "") -> "RecordCodec":
        """The codec for records of type *record* (Any if no hint says).

        Raises ApplicationError: the records would have to be pickled and *rule* forbids it.
        """
        try:
            check = compile_check(record)
            decode = msgspec.msgpack.Decoder(list[record]).decode
            fields = key_fields_of(record)
        except (NotExactError, TypeError) as error:
            why = "there is no type hint" if record is Any else str(error)
            if rule is PickleRule.FORBIDDEN:
                raise ApplicationError(
                    f"{maker or 'a step'} makes records of type {shown(record)}, which have to be "
                    f"pickled to be sent to another worker ({why}); pickle {_NEEDS_TLS}: "
                    "configure it, or "
                    "give the step a type hint made of str, bytes, bool, int, float, list, tuple, "
                    "dict, set, Optional, attrs classes and dataclasses"
                ) from None
            return cls(record, rule, maker, why)
        return cls(record, rule, maker, "", Untyped(), check, decode, fields)

    @property
    def is_trusted(self) -> bool:
        """Whether records that are of their hinted type can all be sent, and most are of it."""
        return self._check is not None and self.pickle is PickleRule.ALLOWED

    def all_go(self, batch: Batch) -> bool:
        """Whether all records surely can be sent to another worker; False also in doubt."""
        if not self.keys_go(batch):
            return False
        if self._check is not None:
            if self._check(batch.values):
                return True
            self.untyped.note(batch.values, self._check)
        return self.pickle is PickleRule.ALLOWED and all_flat(batch.values)

    def keys_go(self, batch: Batch) -> bool:
        """Whether all keys surely can be sent to another worker; False also in doubt."""
        if batch.keys is None or batch.kind in SIMPLE_KEYS:
            return True
        kinds = set(map(type, batch.keys)) - SIMPLE_KEYS
        return not kinds or (self.pickle is PickleRule.ALLOWED and all(map(can_be_imported, kinds)))

    def faults(self, batch: Batch) -> dict[int, str]:
        """Which records cannot be sent to another worker, by their place, and why."""
        try:
            self.encode(batch)
            return {}
        except RecordCodecError:
            places = range(len(batch))
        faults = {}
        for place in places:
            try:
                self.encode(batch.cut(place, place + 1))
            except RecordCodecError as error:
                faults[place] = error.why
        return faults

    def news(self) -> str:
        """That a record is not of its hinted type, the first time this is asked; else empty."""
        if self.untyped.said or not self.untyped.examples:
            return ""
        self.untyped.said = True
        example = self.untyped.examples[0]
        return (
            f"{self.maker or 'a step'} makes a record that is not exactly of its type hint: "
            f"found {type(example).__qualname__} {example!r:.200}, expected {shown(self.record)}"
        )

    def encode(self, batch: Batch) -> bytes:
        """The payload of *batch*. Raises RecordCodecError: a record or key cannot be sent."""
        flags = 0
        keys = b""
        values = self._typed(batch)
        if values is None:
            flag, values = self._encoded(batch.values, _VALUES_PICKLED, _VALUES_TAGGED)
            flags |= flag
        if batch.keys is not None:
            flags |= _HAS_KEYS
            if self._are_keys(flags, batch):
                flags |= _KEYS_ARE_VALUES
            elif (field := self._key_field(flags, batch)) is not None:
                flags |= _KEYS_ARE_FIELD
                keys = bytes([field])
            elif (plain := plain_keys(batch)) is not None:
                keys = plain
            else:
                flag, keys = self._encoded(batch.keys, _KEYS_PICKLED, _KEYS_TAGGED)
                flags |= flag
        if batch.times is None:
            return _head.pack(flags, len(keys)) + keys + values
        return _head.pack(flags | _HAS_TIMES, len(keys)) + encode_times(batch.times) + keys + values

    def _are_keys(self, flags: int, batch: Batch) -> bool:
        """Whether the records are the keys."""
        if flags & _VALUES_UNTYPED or self.record not in SAME_IF_EQUAL:
            return False
        return batch.keys is batch.values or batch.keys == batch.values

    def _key_field(self, flags: int, batch: Batch) -> int | None:
        """The field of which each key is the one of its record; None if there is none."""
        keys, values = batch.keys, batch.values
        if flags & _VALUES_UNTYPED or not keys:
            return None
        for place, field in enumerate(self._fields):
            if field.item == batch.key_index is not None and field.kind is batch.kind:
                return place  # a tuple: it is still as `key_by` has seen it
            if batch.kind not in (None, field.kind):
                continue
            if keys[0] == field.of(values[0]) and keys == list(map(field.of, values)):
                return place
        return None

    def _typed(self, batch: Batch) -> bytes | None:
        """The column of records in msgpack; None if it is not exact for one of them."""
        if self._check is None:
            return None
        check: Check | None = self._check
        if batch.kind is self.record and batch.keys is batch.values:
            check = None  # as keys they have been looked at
        elif batch.key_index is not None:
            for field in self._fields:
                if field.item == batch.key_index and field.kind is batch.kind:
                    check = field.check
        if check is None or check(batch.values):
            try:
                return encode_plain(batch.values)
            except _NOT_MSGPACK:
                pass
        self.untyped.note(batch.values, self._check)
        return None

    def _encoded(self, column: list[Any], if_pickled: int, if_tagged: int) -> tuple[int, bytes]:
        """A flag and the column, not as typed msgpack."""
        what = "keys" if if_pickled == _KEYS_PICKLED else "records"
        try:
            if self.pickle is PickleRule.ALLOWED:
                return if_pickled, dumps(column)
            if what == "keys":
                return if_tagged, encode_tagged(column)
            return if_tagged, encode_tagged(column, typed=self._typed_alone)
        except NotPortableError as error:
            why = str(error)
        except NotPlainError as error:
            hint = f", {shown(self.record)} by its type hint" if what == "records" else ""
            why = f"a {type(column[0]).__qualname__}{hint}: {error}, and pickle {_NEEDS_TLS}"
        raise RecordCodecError(
            f"{what} of {self.maker or 'a step'}, such as {column[0]!r:.200}, cannot be sent to "
            f"another worker: {why}",
            why,
        )

    def _typed_alone(self, value: Any) -> bytes | None:
        """One record among others that are not exact."""
        if self._check is None or not self._check([value]):
            return None
        try:
            return encode_plain([value])
        except _NOT_MSGPACK:
            return None

    def decode(self, payload: bytes) -> Batch:
        """The batch in *payload*.

        Raises RemoteProtocolError: it is malformed. Raises RecordCodecError: user code that makes
        the records again has failed.
        """
        try:
            flags, size = _head.unpack_from(payload)
        except struct.error as error:
            raise RemoteProtocolError(f"malformed records: {error}") from error
        columns = memoryview(payload)[_head.size :]
        times = None
        if flags & _HAS_TIMES:
            times, columns = decode_times(columns)
        if size > len(columns):
            raise RemoteProtocolError(f"malformed records: {size} bytes of keys in {len(columns)}")
        if flags & _VALUES_UNTYPED:
            values = self._untyped_values(columns[size:], flags & _VALUES_TAGGED)
        elif self._decode_values is not None:
            values = self._decode_typed(self._decode_values, columns[size:])
        else:
            raise RemoteProtocolError("malformed records: typed, where no hint says of what type")
        if times is not None and len(times) != len(values):
            raise RemoteProtocolError(f"{len(times)} stamps for {len(values)} records")
        batch = Batch(values)
        if flags & _HAS_KEYS:
            batch = self._keyed(flags, columns[:size], values)
        return batch if times is None else batch.stamp(times)

    def _keyed(self, flags: int, column: memoryview, values: list[Any]) -> Batch:
        if flags & _KEYS_ARE_VALUES:
            if flags & _VALUES_UNTYPED or self.record not in SAME_IF_EQUAL:
                raise RemoteProtocolError("malformed records: they are no keys")
            return Batch(values, values, self.record)
        if flags & _KEYS_ARE_FIELD:
            if flags & _VALUES_UNTYPED or len(column) != 1 or column[0] >= len(self._fields):
                raise RemoteProtocolError("malformed records: the keys are no field of them")
            field = self._fields[column[0]]
            return Batch(values, list(map(field.of, values)), field.kind)
        keys = self._column(column, flags & _KEYS_PICKLED, flags & _KEYS_TAGGED)
        if len(keys) != len(values):
            raise RemoteProtocolError(f"{len(keys)} keys for {len(values)} records")
        return Batch(values, keys)

    def _decode_typed(self, decode: Callable[[Any], Any], column: memoryview) -> list[Any]:
        try:
            values: list[Any] = decode(column)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise RemoteProtocolError(f"malformed records: {error}") from error
        return values

    def _untyped_values(self, column: memoryview, tagged: int) -> list[Any]:
        decode = self._decode_values
        if not tagged or decode is None:
            return self._column(column, not tagged, tagged)
        return decode_tagged(column, typed=lambda data: decode(data)[0])

    def _column(self, column: memoryview, pickled: int, tagged: int) -> list[Any]:
        if tagged:
            return decode_tagged(column)
        if pickled and self.pickle is PickleRule.FORBIDDEN:
            raise RemoteProtocolError("pickled records, which are not allowed here")
        values = unpickled(column, self) if pickled else decoded(column)
        if not isinstance(values, list):
            raise RemoteProtocolError(f"a column is a {type(values).__name__}, not a list")
        return values


def is_typed(payload: bytes) -> bool:
    """Whether the records in what `RecordCodec.encode` gave are typed msgpack."""
    return not payload[0] & _VALUES_UNTYPED
