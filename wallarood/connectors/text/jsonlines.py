"""Records as JSON, one value a line."""
# Theory of operation
# ===================
# msgspec encodes a whole list at once. It leaves out, without a word, the attributes of attrs
# classes that begin with an underscore; so records that hold such objects are turned into plain
# values first. Whether a list holds any is asked of the types of its values, and of the hints of
# classes: a class whose hints say all is asked once. An object has a brace; so lines that have only
# those of the records themselves, which are dicts, are seen to hold none at much less cost. What
# msgspec cannot encode is tried record by record and goes by Python's own encoder, so that a record
# is written alike whatever is beside it.

import contextlib
import json
import math
from typing import Any

import attrs
import msgspec

from wallarood.connectors.text.plainvalues import hides_fields, plain_of, unknown_of
from wallarood.model.errors import ApplicationError

_encoder = msgspec.json.Encoder(enc_hook=unknown_of)
_FAILURES = (TypeError, ValueError, AttributeError, RecursionError, OverflowError)


@attrs.define(eq=False)
class JsonEncoder:
    """Writes JSON lines. `nan`: see `LineOptions`."""

    sink: str
    nan: str

    def head(self) -> bytes:
        """See `LineEncoder.head`."""
        return b""

    def __call__(self, records: list[Any], /) -> bytes:
        """See `LineEncoder.__call__`."""
        if self.nan == "null":
            try:
                lines = _encoder.encode_lines(records)
                if _has_no_objects(records, lines) or not hides_fields(records):
                    return lines
            except _FAILURES:
                pass
        return b"".join([self._line(record) for record in records])

    def _line(self, record: Any) -> bytes:
        try:
            plain = plain_of(record) if self.nan != "null" or hides_fields([record]) else record
            if self.nan == "null":
                with contextlib.suppress(*_FAILURES):
                    return _encoder.encode(plain) + b"\n"
            return self._with_python(plain_of(plain))
        except _FAILURES as error:
            raise ApplicationError(
                f"sink {self.sink!r} cannot write a record as JSON: {error}\n"
                f"  record: {record!r:.200}"
            ) from error

    def _with_python(self, plain: Any) -> bytes:
        """What only Python encodes: None and bool as keys, lone surrogates, NaN."""
        value = msgspec.to_builtins(plain, enc_hook=unknown_of)
        if self.nan == "null":
            value = _finite(value)
        text = json.dumps(value, separators=(",", ":"), allow_nan=self.nan != "error")
        return text.encode("ascii") + b"\n"


def _has_no_objects(records: list[Any], lines: bytes) -> bool:
    """Whether *lines* surely hold no object but *records* that are dicts."""
    dicts = len(records) if set(map(type, records)) == {dict} else 0
    return lines.count(b"{") == dicts


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    return [_finite(each) for each in value] if isinstance(value, list | tuple) else value
