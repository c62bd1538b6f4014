"""Keys: their bytes, their equality and their partition.

Two keys are the same key when their encoded bytes are the same. Python's own equality would make
1, 1.0 and True meet, and its hash differs from process to process; neither decides anything here.
"""

import dataclasses
from collections.abc import Callable
from itertools import chain
from operator import attrgetter
from typing import Any

import attrs
from xxhash import xxh3_64_intdigest

from wallarood.model.batch import Batch
from wallarood.model.errors import ApplicationError

CACHE_KEYS_MAX = 1 << 17


class KeyTypeError(ApplicationError):
    """A key is of a type that cannot be one."""


def encode_key(key: Any) -> bytes:
    """Encode *key* so that different keys give different bytes, on every host alike.

    A tag for the type comes first; parts of tuples and classes are prefixed with their length, so
    no two ways of nesting give the same bytes.

    Raises KeyTypeError: not a str, bytes, int, bool, or a tuple or frozen class of these.
    """
    encode = _ENCODERS.get(type(key))
    if encode is not None:
        return encode(key)
    if fields := _fields_of(key):
        name = f"{type(key).__module__}.{type(key).__qualname__}".encode()
        return b"c" + _joined([name, *(encode_key(getattr(key, each)) for each in fields)])
    raise KeyTypeError(
        f"key {key!r:.200} is a {type(key).__qualname__}: expected str, bytes, int, bool, or a "
        "tuple or frozen class of these; return one from key_by"
    )


def encoder_of(kind: type) -> Callable[[Any], bytes] | None:
    """What encodes keys of *kind* that stand for themselves; None: they may not."""
    return _ENCODERS[kind] if kind in _THEMSELVES else None


def can_all_be_keys(keys: list[Any], kind: type | None) -> bool:
    """Whether `encode_key` takes all *keys*; *kind* is the type of all of them, if it is known."""
    kinds = {kind} if kind is not None else set(map(type, keys))
    for each in kinds - KEY_TYPES_EXACT:
        these: list[Any] = keys if len(kinds) == 1 else [key for key in keys if type(key) is each]
        parts: list[list[Any]]
        if each is tuple:
            parts = [list(chain.from_iterable(these))]
        else:
            fields = _fields_of(these[0]) if these else ()
            if these and not fields:
                return False
            parts = [list(map(attrgetter(field), these)) for field in fields]
        if not all(can_all_be_keys(part, None) for part in parts):
            return False
    return True


def _encode_text(key: str) -> bytes:
    return b"s" + key.encode("utf-8", "surrogatepass")


def _encode_int(key: int) -> bytes:
    return b"i%d" % key if -(1 << 63) <= key < 1 << 63 else b"i" + hex(key).encode()


def _encode_tuple(key: tuple[Any, ...]) -> bytes:
    return b"(" + _joined([encode_key(each) for each in key])


_ENCODERS: dict[type, Callable[[Any], bytes]] = {
    str: _encode_text,
    bytes: lambda key: b"b" + key,
    int: _encode_int,
    bool: lambda key: b"T" if key else b"F",
    tuple: _encode_tuple,
}


def _joined(parts: list[bytes]) -> bytes:
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def _fields_of(key: Any) -> tuple[str, ...]:
    """The field names of a frozen attrs class or dataclass; none for anything else."""
    cls = type(key)
    # Of a frozen class attrs forbids deletion too; only setting is guarded where it converts.
    if attrs.has(cls) and cls.__delattr__ is not object.__delattr__:
        return tuple(field.name for field in attrs.fields(cls))
    parameters = getattr(cls, "__dataclass_params__", None)
    if parameters is not None and parameters.frozen:
        return tuple(field.name for field in dataclasses.fields(cls))
    return ()


def canonical(key: Any) -> Any:
    """A hashable stand-in for *key* that equals another's exactly when the encoded bytes do."""
    kind = type(key)
    if kind is str or kind is bytes or kind is int:
        return key
    return (encode_key(key),)


class Held(tuple[bytes]):
    """The canonical form of a key that does not stand for itself, with the key in it."""

    key: Any


def hold(key: Any) -> Any:
    """As `canonical`, in a form that `original` has the key from again.

    Two of these are equal exactly when the encoded bytes of their keys are: a tuple of several str,
    bytes and int stands for itself too, and no other form is a tuple of several.
    """
    kind = type(key)
    if kind in _THEMSELVES:
        return key
    if kind is tuple and len(key) > 1 and _THEMSELVES.issuperset(map(type, key)):
        return key
    held = Held((encode_key(key),))
    held.key = key
    return held


def original(held: Any) -> Any:
    """The key that `hold` made *held* of."""
    return held.key if type(held) is Held else held


def originals(held: list[Any]) -> list[Any]:
    """`original` of each; the list itself if all stand for themselves."""
    return list(map(original, held)) if Held in set(map(type, held)) else held


def encoded(held: Any) -> bytes:
    """The bytes of the key of which *held* is the canonical form."""
    if canonical(held) == held:
        return encode_key(held)
    first: bytes = held[0]
    return first


def shown_key(held: Any) -> str:
    """A key of which *held* is the canonical form, as its author would write it."""
    if isinstance(held, tuple) and len(held) == 1 and type(held[0]) is bytes:
        return _shown(held[0])
    return repr(held)


def _shown(encoded: bytes) -> str:
    tag, rest = encoded[:1], encoded[1:]
    match tag:
        case b"s":
            return repr(rest.decode("utf-8", "surrogatepass"))
        case b"b":
            return repr(rest)
        case b"T" | b"F":
            return str(tag == b"T")
        case b"i":
            return str(int(rest, 16) if b"x" in rest else int(rest))
        case b"c":
            name, *fields = _parted(rest)
            return f"{name.decode().rpartition('.')[2]}({', '.join(map(_shown, fields))})"
        case _:
            parts = list(map(_shown, _parted(rest)))
            return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"


def _parted(joined: bytes) -> list[bytes]:
    parts, start = [], 0
    while start < len(joined):
        end = start + 4 + int.from_bytes(joined[start : start + 4], "big")
        parts.append(joined[start + 4 : end])
        start = end
    return parts


_THEMSELVES = frozenset({str, bytes, int})
KEY_TYPES_EXACT: frozenset[type] = _THEMSELVES | {bool}
"""Types whose every value can be a key, and within which Python's equality is that of the bytes."""


def kind_of(keys: list[Any]) -> type | None:
    """The type of all *keys*; None if they are of several, or there are none."""
    kinds = set(map(type, keys))
    return kinds.pop() if len(kinds) == 1 else None


def canonical_all(batch: Batch) -> list[Any]:
    """`canonical` of each key of *batch*; the list itself if all are their own stand-ins.

    Raises ValueError: it has no keys.
    """
    return _all(batch, canonical)


def hold_all(batch: Batch) -> list[Any]:
    """`hold` of each key of *batch*; else as `canonical_all`."""
    return _all(batch, hold)


def _all(batch: Batch, form: Callable[[Any], Any]) -> list[Any]:
    keys = batch.keys
    if keys is None:
        raise ValueError("a batch without keys where keys are needed")
    if batch.kind in _THEMSELVES or set(map(type, keys)) <= _THEMSELVES:
        return keys
    return list(map(form, keys))


def slot_of(key: Any, slots: int) -> int:
    """The slot, or partition, of *key*, from 0. Raises KeyTypeError as `encode_key` does."""
    return slot_of_bytes(encode_key(key), slots)


def slot_of_bytes(encoded: bytes, slots: int) -> int:
    """The slot of the key whose encoded bytes these are."""
    return xxh3_64_intdigest(encoded) % slots


class Partitioner:
    """Key → partition by xxh3_64 of the encoded key. Answers are cached, up to a bound.

    The hash is that of xxHash 0.8 (https://xxhash.com), the same on every machine.
    """

    def __init__(self, partitions: int) -> None:
        self.partitions = partitions
        self._cache: dict[Any, int] = {}

    def __call__(self, key: Any) -> int:
        """The partition of *key*, from 0. Raises KeyTypeError as `encode_key` does."""
        known = canonical(key)
        partition = self._cache.get(known)
        if partition is None:
            if len(self._cache) >= CACHE_KEYS_MAX:
                self._cache.clear()
            partition = self._cache[known] = xxh3_64_intdigest(encode_key(key)) % self.partitions
        return partition
