"""Plain values in msgpack with a tag for the type of each: exact for all of them, and slow.

It is for the few values that typed msgpack does not give back as they were, where pickle is not
allowed: numbers beyond 64 bits, text with lone surrogates, keys that are tuples, and values that
are not what their type hint says.
"""

import struct
from collections.abc import Callable
from typing import Any

import msgspec

from wallarood.model.errors import RemoteProtocolError

_float = struct.Struct(">d")
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode


class NotPlainError(Exception):
    """A value is not made of Python's own plain types."""


def encode_tagged(
    column: list[Any], *, typed: Callable[[Any], bytes | None] = lambda _: None
) -> bytes:
    """*column* as bytes; *typed* may give a value's own, None if it has none.

    Raises NotPlainError: it holds more than plain values.
    """
    try:
        return _encode([_tagged_or(typed(each), each) for each in column])
    except RecursionError:
        raise NotPlainError("a value refers to itself, or is nested too deeply") from None


def decode_tagged(data: Any, *, typed: Callable[[bytes], Any] | None = None) -> list[Any]:
    """The column in *data*; *typed* gives a value of its own bytes.

    Raises RemoteProtocolError: it is malformed.
    """
    try:
        return [
            typed(value) if tag == _TYPED and typed is not None else _FROM[tag](value)
            for tag, value in _decode(data)
        ]
    except Exception as error:
        raise RemoteProtocolError(f"malformed records: {error!r:.200}") from error


_TYPED = "m"


def _tagged_or(data: bytes | None, value: Any) -> list[Any]:
    return _tagged(value) if data is None else [_TYPED, data]


def _many(value: Any) -> list[Any]:
    return [_tagged(each) for each in value]


def _pairs(value: dict[Any, Any]) -> list[Any]:
    return [_tagged(each) for pair in value.items() for each in pair]


def _text(value: str) -> bytes:
    return value.encode("utf-8", "surrogatepass")


_TO: dict[type, tuple[str, Callable[[Any], Any]]] = {
    str: ("s", _text),
    int: ("i", hex),
    bool: ("b", bool),
    float: ("f", _float.pack),
    bytes: ("y", bytes),
    bytearray: ("Y", bytes),
    type(None): ("n", lambda _: None),
    tuple: ("t", _many),
    list: ("l", _many),
    set: ("u", _many),
    frozenset: ("z", _many),
    dict: ("d", _pairs),
}


def _tagged(value: Any) -> list[Any]:
    known = _TO.get(type(value))
    if known is None:
        raise NotPlainError(f"a {type(value).__name__} is not a plain value")
    return [known[0], known[1](value)]


def _untag_pairs(parts: list[Any]) -> dict[Any, Any]:
    values = list(map(_untagged, parts))
    return dict(zip(values[::2], values[1::2], strict=True))


_FROM: dict[str, Callable[[Any], Any]] = {
    "s": lambda data: data.decode("utf-8", "surrogatepass"),
    "i": lambda text: int(text, 16),
    "b": bool,
    "f": lambda data: _float.unpack(data)[0],
    "y": bytes,
    "Y": bytearray,
    "n": lambda _: None,
    "t": lambda parts: tuple(map(_untagged, parts)),
    "l": lambda parts: list(map(_untagged, parts)),
    "u": lambda parts: set(map(_untagged, parts)),
    "z": lambda parts: frozenset(map(_untagged, parts)),
    "d": _untag_pairs,
}


def _untagged(pair: Any) -> Any:
    tag, value = pair
    return _FROM[tag](value)
