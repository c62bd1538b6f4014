"""Records as what a script of Redis takes: the entries of a stream, or the fields of a hash."""

from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeAlias

import attrs

from wallarood.connectors.codecs.codec import Encode
from wallarood.connectors.redis.target import Kept
from wallarood.connectors.text.fields import names_of, values_of
from wallarood.connectors.values import ValueFormat
from wallarood.model.errors import ApplicationError

EntryFormat: TypeAlias = Literal["fields"] | ValueFormat
Key: TypeAlias = Callable[[Any], str | bytes]

FIELDS_MAX = 3_900
"""A script cannot hand on more than 8,000 strings at once, and what it did before stays done."""


def text_of(value: Any) -> str | bytes | None:
    """A value as Redis has it; None: it has no such values."""
    match value:
        case str() | bytes():
            return value
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
    return None


@attrs.frozen
class EntryEncoder:
    """Entries of a stream: the value in one field; with values None, the fields of the record."""

    values: Encode | None
    field: str
    step: str

    def __call__(self, records: list[Any]) -> list[Kept]:
        """Raises ApplicationError: a record has no fields, or one that Redis cannot have."""
        if self.values is None:
            return [self._fields(record) for record in records]
        return [("2", self.field, value) for value in self.values(records)]

    def _fields(self, record: Any) -> Kept:
        kind: Any = type(record)
        names = names_of(kind)
        if isinstance(record, Mapping):
            pairs = list(record.items())
        elif names:
            pairs = list(zip(names, values_of(tuple(names))(record), strict=True))
        else:
            pairs = []
        if not pairs:
            raise ApplicationError(
                f'sink {self.step!r} has format="fields" and cannot add a record without fields: '
                f"expected a dict or an object with fields\n  record: {record!r:.200}"
            )
        if len(pairs) > FIELDS_MAX:
            raise ApplicationError(
                f"sink {self.step!r}: a record has {len(pairs):,} fields, and an entry at most "
                f'{FIELDS_MAX:,}: choose format="json"\n  record: {record!r:.200}'
            )
        entry: list[str | bytes] = [str(2 * len(pairs))]
        for name, value in pairs:
            text = text_of(value)
            if text is None or not isinstance(name, str):
                raise ApplicationError(
                    f"sink {self.step!r}: field {name!r} is a {type(value).__name__}: expected "
                    f'str, bytes, int, float or bool; or choose format="json"\n'
                    f"  record: {record!r:.200}"
                )
            entry += (_utf8(name, self.step, record), _utf8(text, self.step, record))
        return tuple(entry)


@attrs.frozen
class FieldEncoder:
    """Fields of a hash: the value of each record under its key; a value of None deletes it."""

    values: Encode
    key: Key
    value: Callable[[Any], Any] | None
    step: str

    def __call__(self, records: list[Any]) -> list[Kept]:
        """Raises ApplicationError: a key is neither str nor bytes, or a value cannot be sent."""
        keys = [self._key(record) for record in records]
        values = records if self.value is None else [self.value(record) for record in records]
        there = iter(self.values([value for value in values if value is not None]))
        return [
            (key, "", "") if value is None else (key, next(there), "1")
            for key, value in zip(keys, values, strict=True)
        ]

    def _key(self, record: Any) -> str | bytes:
        key = self.key(record)
        if not isinstance(key, str | bytes):
            raise ApplicationError(
                f"sink {self.step!r}: key= gave a {type(key).__name__}, expected str or bytes\n"
                f"  record: {record!r:.200}"
            )
        return _utf8(key, self.step, record)


def _utf8(text: str | bytes, step: str, record: Any) -> bytes:
    """The bytes of a text, found out here whether there are any: later no record is to blame."""
    try:
        return text.encode() if isinstance(text, str) else text
    except UnicodeEncodeError as error:
        raise ApplicationError(
            f"sink {step!r}: a text is not UTF-8: {error}\n  record: {record!r:.200}"
        ) from error
