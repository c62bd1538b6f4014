"""The state of a computation, and how it gets into a checkpoint while records keep flowing."""
# Theory of operation
# ===================
# Keys are held in their canonical form, so that equality is that of the encoded bytes. The
# partition of a key is not stored: it follows from the key.
#
# A capture is the state at one moment. User code changes state objects in place, so a key that is
# about to be worked on is encoded first if the capture still needs it; the others are encoded
# chunk by chunk between batches. So the flow waits for a chunk at a time and never for the whole.
#
# A capture holds what has changed since the last checkpoint that is known *committed*: what was
# captured for others stays marked until then. When the changes since the last base outgrow the
# state itself, the next capture is a base, which holds everything: that bounds what is stored and
# what a restart has to read. Base and changes are put one over the other, in their order.

import io
import pickle
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

import attrs

from wallarood.model.checkpoint import StatePart
from wallarood.model.errors import ApplicationError

CHUNK_KEYS = 1024
CHUNK_BYTES = 4 << 20


@attrs.define(eq=False)
class _Capture:
    """A capture in progress. `only` are the keys it is about; None for all that were there."""

    number: int
    since: int
    order: list[Any]
    only: set[Any] | None
    reached: int = 0
    done: set[Any] = attrs.field(factory=set)
    chunks: list[bytes] = attrs.field(factory=list)


@attrs.define
class _Marks:
    """What was captured for a checkpoint that is not known committed."""

    changed: set[Any]
    base: bool


@attrs.define(eq=False)
class KeyedState:
    """A state object for each key, made by `make` when the key is first seen."""

    computation: str
    make: Callable[[], Any]
    by_key: dict[Any, Any] = attrs.field(factory=dict)
    _changed: set[Any] = attrs.field(factory=set)
    _unsure: dict[int, _Marks] = attrs.field(factory=dict)
    _since_base: int = 0
    _based: bool = False
    _capture: _Capture | None = None

    def touch(self, keys: Iterable[Any]) -> None:
        """These keys are about to be worked on. Called before user code sees their state."""
        if self._capture is not None:
            self._encode_early(self._capture, keys)
        self._changed.update(keys)

    def _encode_early(self, capture: _Capture, keys: Iterable[Any]) -> None:
        fresh = set(keys) - capture.done
        capture.done |= fresh
        needed = self.by_key if capture.only is None else capture.only
        early = [key for key in fresh if key in needed]
        if early:
            capture.chunks.append(self._encoded(early))

    def capture(self, number: int, since: int) -> None:
        """Begin to capture the state as it is now, for checkpoint *number*.

        *since* is the last checkpoint that is known committed. A capture in progress is given up.
        """
        changed, self._changed = self._changed, set()
        for marks in self._unsure.values():
            changed |= marks.changed
        base = not self._based or self._since_base + len(changed) > len(self.by_key)
        self._unsure[number] = _Marks(changed, base)
        only = None if base else changed
        order = list(self.by_key if only is None else only)
        self._capture = _Capture(number, since, order, only)

    @property
    def capturing(self) -> bool:
        """Whether a capture has chunks left to encode."""
        return self._capture is not None and self._capture.reached < len(self._capture.order)

    def encode_some(self) -> None:
        """Encode the next chunk of the capture in progress.

        Raises ApplicationError: a state object cannot be stored.
        """
        capture = self._capture
        assert capture is not None
        some = list(islice(capture.order, capture.reached, capture.reached + CHUNK_KEYS))
        capture.reached += len(some)
        keys = [key for key in some if key not in capture.done]
        if keys:
            capture.done.update(keys)
            capture.chunks.append(self._encoded(keys))

    def _encoded(self, keys: list[Any]) -> bytes:
        by_key = self.by_key
        return encode_states(self.computation, keys, [by_key[key] for key in keys])

    def finish(self) -> StatePart:
        """The capture, whole."""
        capture, self._capture = self._capture, None
        assert capture is not None
        return StatePart(
            self.computation,
            capture.only is None,
            capture.since,
            _joined(capture.chunks),
            len(capture.order),
        )

    def committed(self, number: int) -> None:
        """A checkpoint is known committed: what it holds is not marked as changed any longer."""
        marks = self._unsure.get(number)
        if marks is not None:
            self._since_base = 0 if marks.base else self._since_base + len(marks.changed)
            self._based = self._based or marks.base
        self._unsure = {each: marks for each, marks in self._unsure.items() if each > number}

    def restore(self, chunks: Iterable[bytes]) -> None:
        """Put captured chunks one over the other."""
        for chunk in chunks:
            for keys, states in decode_states(chunk):
                self.by_key.update(zip(keys, states, strict=True))
        self._based, self._since_base = True, len(self.by_key) // 2


@attrs.define(eq=False)
class SingleState:
    """One state object for all records. It is captured as a whole, at once."""

    computation: str
    value: Any
    _part: StatePart | None = None

    def capture(self, number: int, since: int) -> None:  # noqa: ARG002 - as KeyedState
        """Capture the state as it is now. Raises ApplicationError: it cannot be stored."""
        chunk = encode_states(self.computation, [None], [self.value])
        self._part = StatePart(self.computation, True, since, (chunk,), 1)

    @property
    def capturing(self) -> bool:
        """Whether a capture has chunks left to encode."""
        return False

    def encode_some(self) -> None:
        """There is never anything left to encode."""

    def finish(self) -> StatePart:
        """The capture, whole."""
        part, self._part = self._part, None
        assert part is not None
        return part

    def committed(self, number: int) -> None:
        """A checkpoint is known committed."""

    def restore(self, chunks: Iterable[bytes]) -> None:
        """Take the captured object."""
        for chunk in chunks:
            for _, (value,) in decode_states(chunk):
                self.value = value


State = KeyedState | SingleState


def encode_states(computation: str, keys: list[Any], states: list[Any]) -> bytes:
    """Keys and their states as one chunk. Raises ApplicationError: one cannot be stored."""
    try:
        kinds = set(map(type, states))
        kind = kinds.pop() if len(kinds) == 1 else None
        if kind is not None and _is_plain(kind):
            return pickle.dumps((keys, kind, [vars(each) for each in states]), protocol=5)
        return pickle.dumps((keys, None, states), protocol=5)
    except Exception as error:
        raise ApplicationError(_blame(computation, keys, states, error=error)) from error


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
        keys, kind, values = pickle.load(stream)
        yield keys, values if kind is None else [_revived(kind, each) for each in values]


def _joined(pieces: list[bytes]) -> tuple[bytes, ...]:
    """Few large chunks of many small ones: each costs the thread that writes it a turn."""
    chunks, start, size = [], 0, 0
    for end, piece in enumerate(pieces, 1):
        size += len(piece)
        if size >= CHUNK_BYTES or end == len(pieces):
            chunks.append(b"".join(pieces[start:end]))
            start, size = end, 0
    return tuple(chunks)


def _revived(kind: type, attributes: dict[str, Any]) -> Any:
    made: Any = object.__new__(kind)
    made.__dict__.update(attributes)
    return made


_PLAIN: dict[type, bool] = {}


def _is_plain(kind: type) -> bool:
    """Whether an object of this class is its attributes and nothing else.

    Then its attributes can be pickled for many at once, which is three times as fast.
    """
    known = _PLAIN.get(kind)
    if known is None:
        custom = ("__getnewargs__", "__getnewargs_ex__", "__setstate__", "__slots__")
        known = _PLAIN[kind] = (
            all(base is object or "__slots__" not in vars(base) for base in kind.__mro__)
            and not any(hasattr(kind, name) for name in custom)
            and all(
                getattr(kind, name, None) is getattr(object, name, None)
                for name in ("__reduce__", "__reduce_ex__", "__getstate__", "__new__")
            )
            and kind.__flags__ & (1 << 9) != 0  # a class statement made it
            and kind.__dictoffset__ != 0
        )
    return known
