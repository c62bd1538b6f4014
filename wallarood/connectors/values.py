"""Values as the messages of a queue carry them: their formats by name, both ways."""
# Theory of operation
# ===================
# A batch is decoded in one pass; only if that fails it is done again one by one, to find out which
# of its values are wrong.

from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeAlias

import msgspec

from wallarood.connectors.text import encoder
from wallarood.model.errors import ApplicationError

ValueFormat: TypeAlias = Literal["bytes", "text", "json", "msgpack"]
FORMATS = ("bytes", "text", "json", "msgpack")
Decode: TypeAlias = Callable[[bytes], Any]
Encode: TypeAlias = Callable[[list[Any]], list[bytes]]


def record_of(owner: str, value_format: str, record: Any) -> Any:
    """The type of the values. Raises ApplicationError: format and record do not fit."""
    if value_format not in FORMATS:
        expected = ", ".join(FORMATS)
        raise ApplicationError(f"{owner}: format={value_format!r}: expected one of {expected}")
    if value_format in ("bytes", "text"):
        if record is not None:
            raise ApplicationError(
                f'{owner}: record is for format="json" and format="msgpack", found '
                f'format="{value_format}"'
            )
        return bytes if value_format == "bytes" else str
    wanted = Any if record is None else record
    try:
        decoder_of(value_format, wanted)
    except TypeError as error:
        raise ApplicationError(f"{owner}: record={record!r:.100}: {error}") from None
    return wanted


def decoder_of(value_format: str, record: Any) -> Decode | None:
    """What makes a value from bytes; None if they are the value."""
    match value_format:
        case "bytes":
            return None
        case "text":
            return lambda raw: str(raw, "utf-8")
        case "json":
            return msgspec.json.Decoder(record).decode
        case _:
            return msgspec.msgpack.Decoder(record).decode


DECODE_ERRORS = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def decoded(decode: Decode, raw: Sequence[bytes]) -> list[Any] | None:
    """The values of a batch; None if one of them cannot be read."""
    try:
        return list(map(decode, raw))
    except DECODE_ERRORS:
        return None


def encoder_of(owner: str, value_format: str, sink: str) -> Encode:
    """What makes the bytes of values. Raises ApplicationError: there is no such format."""
    match value_format:
        case "bytes":
            return lambda values: _plain(values, sink)
        case "text":
            return lambda values: [str(value).encode("utf-8") for value in values]
        case "json":
            lines = encoder("json", sink=sink)
            return lambda values: _lines(lines, values)
        case "msgpack":
            return lambda values: _packed(values, sink)
    raise ApplicationError(
        f"{owner}: format={value_format!r}: expected one of {', '.join(FORMATS)}"
    )


def _lines(encode: Callable[[list[Any]], bytes], values: list[Any]) -> list[bytes]:
    lines = encode(values).split(b"\n")[:-1]
    if len(lines) == len(values):
        return lines
    return [encode([value])[:-1] for value in values]  # `msgspec.Raw` may have line ends in it


def _plain(values: list[Any], sink: str) -> list[bytes]:
    for value in values:
        if not isinstance(value, bytes):
            raise ApplicationError(
                f'sink {sink!r} has format="bytes" and cannot send a {type(value).__name__}: make '
                f"it bytes, or choose another format\n  record: {value!r:.200}"
            )
    return values


def _packed(values: list[Any], sink: str) -> list[bytes]:
    packed = []
    for value in values:
        try:
            packed.append(msgspec.msgpack.encode(value))
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            raise ApplicationError(
                f"sink {sink!r} cannot write a record as msgpack: {error}\n  record: {value!r:.200}"
            ) from error
    return packed
