"""Keys and their state objects as bytes, many at once."""
# Theory of operation
# ===================
# Pickle asks every object for its state by a call into Python code. An object that is nothing but
# its attributes is spared that: the attributes of many are pickled as plain values, and objects
# are made of them again without calling their class. That is three times as fast for attributes
# in a `__dict__`, and six times for slots. Whatever says itself how it is pickled or made goes by
# pickle alone.

import io
import pickle
from collections import deque
from collections.abc import Iterator
from operator import attrgetter
from types import MemberDescriptorType
from typing import Any

from wallarood.model.errors import ApplicationError

CHUNK_BYTES = 4 << 20
HEAP_TYPE = 1 << 9
"""The flag of a class that a class statement made (Py_TPFLAGS_HEAPTYPE)."""


def encode_states(computation: str, keys: list[Any], states: list[Any]) -> bytes:
    """Keys and their states as one piece. Raises ApplicationError: one cannot be stored."""
    try:
        return pickle.dumps((keys, *_taken_apart(states)), protocol=5)
    except Exception as error:
        raise ApplicationError(_blame(computation, keys, states, error=error)) from error


def _taken_apart(states: list[Any]) -> tuple[type | None, Any]:
    """The class of all *states* and their attributes; None and the states if that cannot be."""
    kinds = set(map(type, states))
    kind = kinds.pop()
    if kinds:
        return None, states
    slots = _slots_of(kind)
    if slots is None:
        return None, states
    if not slots:
        return kind, list(map(vars, states))
    try:
        return kind, {name: list(map(attrgetter(name), states)) for name in slots}
    except AttributeError:  # a slot that was never set
        return None, states


def _blame(computation: str, keys: list[Any], states: list[Any], *, error: Exception) -> str:
    """The message for states that cannot be pickled; it names the first that cannot be."""
    for key, state in zip(keys, states, strict=True):
        try:
            pickle.dumps(state, protocol=5)
        except Exception as own:
            return (
                f"the state of computation {computation!r} for key {key!r:.200} cannot be stored "
                f"in a checkpoint: {type(own).__name__}: {own}; let it hold plain values only"
            )
    return f"the state of computation {computation!r} cannot be stored: {error}"


def decode_states(chunk: bytes) -> Iterator[tuple[list[Any], list[Any]]]:
    """The keys and states of each of the pieces that a chunk was joined of, in their order."""
    stream = io.BytesIO(chunk)
    while stream.tell() < len(chunk):
        keys, kind, attributes = pickle.load(stream)
        yield keys, attributes if kind is None else _put_together(kind, attributes, len(keys))


def _put_together(kind: type, attributes: Any, count: int) -> list[Any]:
    made: list[Any] = [object.__new__(kind) for _ in range(count)]
    try:
        if type(attributes) is list:
            for each, own in zip(made, attributes, strict=True):
                each.__dict__.update(own)
        else:
            for name, column in attributes.items():
                deque(map(getattr(kind, name).__set__, made, column), maxlen=0)
    except AttributeError as error:
        raise ApplicationError(
            f"the state class {kind.__qualname__} is not what it was when its objects were stored "
            f"({error}); go on with the class as it was, or reset the state"
        ) from error
    return made


def join_pieces(pieces: list[bytes]) -> tuple[bytes, ...]:
    """Few large chunks of many small ones: each costs the thread that writes it a turn."""
    chunks, start, size = [], 0, 0
    for end, piece in enumerate(pieces, 1):
        size += len(piece)
        if size >= CHUNK_BYTES or end == len(pieces):
            chunks.append(b"".join(pieces[start:end]))
            start, size = end, 0
    return tuple(chunks)


_KNOWN: dict[type, frozenset[str] | None] = {}


def _slots_of(kind: type) -> frozenset[str] | None:
    """The slots of a class whose objects are their attributes and nothing else.

    Empty where attributes are in a `__dict__`; None where an object may be more than these.
    """
    if kind not in _KNOWN:
        _KNOWN[kind] = _find_slots(kind) if _is_plain(kind) else None
    return _KNOWN[kind]


def _is_plain(kind: type) -> bool:
    """Whether a class leaves it to Python, or to attrs, to make and to pickle its objects."""
    return (
        all(base is object or base.__flags__ & HEAP_TYPE for base in kind.__mro__)
        and not any(hasattr(kind, name) for name in ("__getnewargs__", "__getnewargs_ex__"))
        and all(_is_default(kind, name) for name in ("__reduce__", "__reduce_ex__", "__new__"))
        and all(_is_default(kind, name) for name in ("__getstate__", "__setstate__"))
    )


def _is_default(kind: type, name: str) -> bool:
    method = getattr(kind, name, None)
    by_attrs = getattr(method, "__globals__", {}).get("__name__") == "attr._make"
    return by_attrs or method is getattr(object, name, None)


def _find_slots(kind: type) -> frozenset[str] | None:
    slots = frozenset(
        name
        for base in kind.__mro__
        for name, member in vars(base).items()
        if isinstance(member, MemberDescriptorType)
    )
    if kind.__dictoffset__:
        return None if slots else frozenset()
    # What attrs puts into slots beside the fields, such as a hash, is not to be kept.
    fields = getattr(kind, "__attrs_attrs__", None)
    exact = fields is None or {field.name for field in fields} == slots
    return slots if slots and exact else None
