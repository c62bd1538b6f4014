"""Control messages to bytes and back: JSON with a checksum.

The text is ``{"checksum": …, "body": {…}}``. The checksum is the xxh3_64, in hexadecimal, of the
body as it stands in the text. The body has the fields of `Envelope`; the message in it carries the
name of its class as "type".
"""

from typing import Any, get_args

import msgspec
from xxhash import xxh3_64_hexdigest

from wallarood.model.errors import RemoteProtocolError
from wallarood.model.messages import ControlMessage, Envelope
from wallarood.wire.strict import StructureError, make_converter, structure

MESSAGE_BYTES_MAX = 16 << 20
NESTING_MAX = 32

_TYPES: dict[str, type] = {each.__name__: each for each in get_args(ControlMessage)}


class _Text(msgspec.Struct, forbid_unknown_fields=True):
    checksum: str
    body: msgspec.Raw


def _structure_message(value: Any, _: Any) -> Any:
    if type(value) is not dict or type(value.get("type")) is not str:
        raise ValueError("expected a message with a type")
    kind = _TYPES.get(value["type"])
    if kind is None:
        raise ValueError(f"unknown type {value['type']!r:.80}")
    fields = {name: each for name, each in value.items() if name != "type"}
    return _converter.structure(fields, kind)


_converter = make_converter()
_converter.register_structure_hook_func(lambda kind: kind == ControlMessage, _structure_message)


def encode(envelope: Envelope) -> bytes:
    """The bytes of *envelope*."""
    message = _converter.unstructure(envelope.message)
    value = {
        "cluster_id": envelope.cluster_id,
        "epoch": envelope.epoch,
        "round": envelope.round,
        "sequence": envelope.sequence,
        "message": {"type": type(envelope.message).__name__, **message},
    }
    body = msgspec.json.encode(value)
    return msgspec.json.encode(_Text(xxh3_64_hexdigest(body), msgspec.Raw(body)))


def decode(data: bytes, *, message_bytes_max: int = MESSAGE_BYTES_MAX) -> Envelope:
    """The envelope in *data*.

    Raises RemoteProtocolError: it is too large, malformed, nested too deeply, of a wrong checksum,
    of an unknown type, or a field is missing, unknown or of a wrong type.
    """
    if len(data) > message_bytes_max:
        raise RemoteProtocolError(
            f"a control message of {len(data):,} bytes: at most {message_bytes_max:,} are allowed"
        )
    try:
        text = msgspec.json.decode(data, type=_Text)
        body = bytes(text.body)
        if xxh3_64_hexdigest(body) != text.checksum:
            raise RemoteProtocolError("a control message has a wrong checksum")
        value = msgspec.json.decode(body)
        if _depth(value) > NESTING_MAX:
            raise RemoteProtocolError("a control message is nested too deeply")
        return structure(value, Envelope, converter=_converter)
    except (msgspec.DecodeError, StructureError, RecursionError, UnicodeDecodeError) as error:
        raise RemoteProtocolError(f"malformed control message: {error!s:.500}") from None


def _depth(value: Any) -> int:
    """How deep lists and dicts are nested, without recursion."""
    depth, level = 0, [value]
    while level and depth <= NESTING_MAX:
        depth += 1
        following: list[Any] = []
        for each in level:
            if type(each) is dict:
                following.extend(each.values())
            elif type(each) is list:
                following.extend(each)
        level = following
    return depth
