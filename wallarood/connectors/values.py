"""Values as the messages of a queue carry them: their formats by name, both ways."""
# Theory of operation
# ===================
# A batch is decoded in one pass; only if that fails it is done again one by one, to find out which
# of its values are wrong.

from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeAlias

import msgspec

from wallarood.connectors.codecs import codec as codecs
from wallarood.connectors.codecs.codec import Codec, NotReadableError
from wallarood.connectors.codecs.csvrow import names_for, row_decoder, row_encoder
from wallarood.connectors.text import encoder
from wallarood.model.errors import ApplicationError

ValueFormat: TypeAlias = Literal["bytes", "text", "json", "msgpack", "csv"] | Codec
Decode: TypeAlias = codecs.Decode
Encode: TypeAlias = codecs.Encode
FORMATS = ("bytes", "text", "json", "msgpack", "csv")


def codec_in(owner: str, value_format: ValueFormat) -> Codec | None:
    """The codec that a format is; None if it is a name. Raises ApplicationError: it is neither."""
    if isinstance(value_format, str):
        if value_format in FORMATS:
            return None
    elif hasattr(value_format, "decoder") and not isinstance(value_format, type):
        return value_format
    expected = ", ".join(FORMATS)
    raise ApplicationError(
        f"{owner}: format={value_format!r:.100}: expected one of {expected}, w.Avro(…) or "
        "w.Protobuf(…)"
    )


def record_of(owner: str, value_format: ValueFormat, record: Any) -> Any:
    """The type of the values. Raises ApplicationError: format and record do not fit."""
    if (codec := codec_in(owner, value_format)) is not None:
        if record is not None:
            raise ApplicationError(f"{owner}: record is said in format={value_format!r:.60}")
        return codec.record
    if value_format in ("bytes", "text"):
        if record is not None:
            raise ApplicationError(
                f'{owner}: record is for format="json" and format="msgpack", found '
                f'format="{value_format}"'
            )
        return bytes if value_format == "bytes" else str
    if value_format == "csv" and names_for(owner, record) is None:
        return tuple[str, ...]
    wanted = Any if record is None else record
    try:
        decoder_of(value_format, wanted)
    except TypeError as error:
        raise ApplicationError(f"{owner}: record={record!r:.100}: {error}") from None
    return wanted


def decoder_of(value_format: ValueFormat, record: Any) -> Decode | None:
    """What makes a value from bytes; None if they are the value."""
    if not isinstance(value_format, str):
        return value_format.decoder()
    match value_format:
        case "bytes":
            return None
        case "text":
            return lambda raw: str(raw, "utf-8")
        case "json":
            return msgspec.json.Decoder(record).decode
        case "csv":
            return row_decoder(record)
        case _:
            return msgspec.msgpack.Decoder(record).decode


DECODE_ERRORS = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, NotReadableError)


def decoded(decode: Decode, raw: Sequence[bytes]) -> list[Any] | None:
    """The values of a batch; None if one of them cannot be read."""
    try:
        return list(map(decode, raw))
    except DECODE_ERRORS:
        return None


def encoder_of(owner: str, value_format: ValueFormat, sink: str) -> Encode:
    """What makes the bytes of values for a sink. Imports what the format needs.

    Raises ApplicationError: there is no such format, or a schema is wrong.
    """
    if (codec := codec_in(owner, value_format)) is not None:
        return codec.encoder(sink)
    match value_format:
        case "bytes":
            return lambda values: _plain(values, sink)
        case "text":
            return lambda values: [str(value).encode("utf-8") for value in values]
        case "json":
            lines = encoder("json", sink=sink)
            return lambda values: _lines(lines, values)
        case "csv":
            return row_encoder(sink)
        case _:
            return lambda values: _packed(values, sink)


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
