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
# To mark the key of each record as changed would be one more look-up in a table that may be far
# from the processor. So while a state is small, its objects are found in a table of those in use,
# which begins empty behind each capture: a key is marked when it is taken in there.
#
# A capture holds what has changed since the last checkpoint that is known *committed*: what was
# captured for others stays marked until then. When the changes since the last base outgrow the
# state itself, the next capture is a base, which holds everything: that bounds what is stored and
# what a restart has to read. Base and changes are put one over the other, in their order.

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import attrs

from wallarood.flow.capture import All, Some, Taken, Waiting
from wallarood.flow.failures import pass_on
from wallarood.flow.stored.decode import decode_states
from wallarood.flow.stored.encode import encode_states
from wallarood.model.checkpoint import StatePart

PIECE_KEYS = 1024
PIECE_BYTES = 1 << 20
"""About what is encoded at once, between two batches."""
PIECE_KEYS_FIRST = 16
"""How many keys are encoded at once while nothing is known about their sizes."""
CHUNK_BYTES = 4 << 20
"""What pieces are joined to: each chunk costs the thread that writes it a turn."""
UNSURE_MAX = 64
IN_USE_KEYS_MAX = 1 << 16
"""With more keys than that, few of them would be found in use, and the table would cost memory."""


@attrs.define(eq=False)
class _Capture:
    """A capture in progress: the keys that wait to be encoded, and those that have been."""

    number: int
    since: int
    base: bool
    waiting: Waiting
    keys: list[Any] = attrs.field(factory=list)
    _chunks: list[bytes] = attrs.field(factory=list)
    _pieces: list[bytes] = attrs.field(factory=list)
    _size: int = 0

    def add(self, keys: list[Any], pieces: list[bytes]) -> None:
        """Keep what was encoded of *keys*, in few large chunks."""
        self.keys += keys
        self._pieces += pieces
        self._size += sum(map(len, pieces))
        if self._size >= CHUNK_BYTES:
            self._join()

    def _join(self) -> None:
        self._chunks.append(b"".join(self._pieces))
        self._pieces, self._size = [], 0

    def chunks(self) -> tuple[bytes, ...]:
        """All that was encoded."""
        if self._pieces:
            self._join()
        return tuple(self._chunks)


@attrs.frozen
class _Marks:
    """What was captured for a checkpoint that is not known committed: how many keys."""

    keys: int
    base: bool


class _InUse(dict[Any, Any]):
    """Key → state of those used since the last capture."""

    def __init__(self, take_in: Callable[[Any], Any]) -> None:
        super().__init__()
        self._take_in = take_in

    def __missing__(self, key: Any) -> Any:
        state = self[key] = self._take_in(key)
        return state


@attrs.define(eq=False)
class KeyedState:
    """A state object for each key, made by `make` when `by_key` is first asked for the key."""

    computation: str
    make: Callable[[], Any]
    by_key: defaultdict[Any, Any] = attrs.field(init=False)
    _in_use: _InUse = attrs.field(init=False)
    _changed: set[Any] = attrs.field(factory=set)
    """All of them are in `by_key`."""
    _newest: list[Any] = attrs.field(factory=list)
    """The keys of the last capture, if it is not known committed; none before had any other."""
    _newest_number: int = 0
    _unsure: dict[int, _Marks] = attrs.field(factory=dict)
    _piece_keys: int = PIECE_KEYS_FIRST
    _since_base: int = 0
    _based: bool = False
    _capture: _Capture | None = None

    def __attrs_post_init__(self) -> None:
        self.by_key = defaultdict(self.make)
        self._in_use = _InUse(self.of)

    def use(self, keys: list[Any]) -> Iterator[Any]:
        """The state object of each of *keys*, for user code to change; drawing makes new ones."""
        self.touch(keys)
        if len(self.by_key) <= IN_USE_KEYS_MAX:
            return map(self._in_use.__getitem__, keys)
        self._in_use.clear()
        # If one cannot be made, that is to be found out when it is drawn.
        try:
            states = list(map(self.by_key.__getitem__, keys))
        except BaseException as error:
            pass_on(error)
            return map(self.of, keys)
        if len(states) < len(keys):  # making one raised StopIteration, which ended the loop
            return map(self.of, keys)
        self._changed.update(keys)
        return iter(states)

    def touch(self, keys: Iterable[Any]) -> None:
        """These keys are about to be worked on: what a capture needs of them is encoded."""
        if self._capture is not None and self._capture.waiting:
            self._encode(self._capture, self._capture.waiting.take_of(keys))

    def of(self, key: Any) -> Any:
        """The state object of a key that `touch` was told of, for user code to change."""
        state = self.by_key[key]
        self._changed.add(key)
        return state

    def put(self, states: Mapping[Any, Any]) -> None:
        """Put other state objects into the place of those of these keys."""
        self.touch(states)
        self.by_key.update(states)
        self._changed.update(states)

    def _encode(self, capture: _Capture, taken: Taken) -> None:
        all_keys, all_states = taken
        start = 0
        while start < len(all_keys):
            end = start + self._piece_keys
            keys, states = all_keys[start:end], all_states[start:end]
            pieces = encode_states(self.computation, keys, states)
            capture.add(keys, pieces)
            fitting = PIECE_BYTES * len(keys) // max(1, sum(map(len, pieces)))
            self._piece_keys = max(1, min(fitting, self._piece_keys * 4, PIECE_KEYS))
            start = end

    def capture(self, number: int, since: int) -> None:
        """Begin to capture the state as it is now, for checkpoint *number*.

        *since* is the last checkpoint that is known committed. A capture in progress is given up.
        """
        changed, self._changed = self._changed, set()
        self._in_use.clear()
        changed.update(self._newest)
        if self._capture is not None:
            changed.update(self._capture.waiting.left())
        base = not self._based or self._since_base + len(changed) > len(self.by_key)
        waiting = All(self.by_key) if base else Some(changed, self.by_key)
        self._capture = _Capture(number, since, base, waiting)
        self._newest, self._newest_number = self._capture.keys, number

    @property
    def capturing(self) -> bool:
        """Whether a capture has chunks left to encode."""
        return self._capture is not None and bool(self._capture.waiting)

    @property
    def encoded(self) -> int:
        """How many keys of the capture in progress are encoded."""
        return 0 if self._capture is None else len(self._capture.keys)

    def encode_some(self) -> None:
        """Encode the next chunk of the capture in progress.

        Raises ApplicationError: a state object cannot be stored.
        """
        capture = self._capture
        assert capture is not None
        self._encode(capture, capture.waiting.take(self._piece_keys))

    def finish(self) -> StatePart:
        """The capture, whole."""
        capture, self._capture = self._capture, None
        assert capture is not None
        self._unsure[capture.number] = _Marks(len(capture.keys), capture.base)
        for old in list(self._unsure)[:-UNSURE_MAX]:
            del self._unsure[old]  # if it proves committed after all, the next is a base at worst
        return StatePart(
            self.computation, capture.base, capture.since, capture.chunks(), len(capture.keys)
        )

    def committed(self, number: int) -> None:
        """A checkpoint is known committed: what it holds is not marked as changed any longer."""
        marks = self._unsure.get(number)
        if marks is not None:
            self._since_base = 0 if marks.base else self._since_base + marks.keys
            self._based = self._based or marks.base
        self._unsure = {each: marks for each, marks in self._unsure.items() if each > number}
        if number >= self._newest_number:
            self._newest = []

    def restore(self, chunks: Iterable[bytes]) -> None:
        """Put captured chunks one over the other.

        Raises ApplicationError: the class of the state cannot take one of them.
        """
        kind = self.make if isinstance(self.make, type) else None
        for chunk in chunks:
            for keys, states in decode_states(chunk, computation=self.computation, kind=kind):
                self.by_key.update(zip(keys, states, strict=True))
        self._based, self._since_base = True, len(self.by_key) // 2


@attrs.define(eq=False)
class SingleState:
    """One state object for all records, of class *kind*. It is captured as a whole, at once."""

    computation: str
    value: Any
    kind: type | None = None
    _part: StatePart | None = None

    def capture(self, number: int, since: int) -> None:  # noqa: ARG002 - as KeyedState
        """Capture the state as it is now. Raises ApplicationError: it cannot be stored."""
        chunks = encode_states(self.computation, [None], [self.value])
        self._part = StatePart(self.computation, True, since, tuple(chunks), 1)

    @property
    def capturing(self) -> bool:
        """Whether a capture has chunks left to encode."""
        return False

    @property
    def encoded(self) -> int:
        """It is encoded when it is captured."""
        return 0

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
        """Take the captured object. Raises ApplicationError: its class cannot take it."""
        for chunk in chunks:
            for _, (value,) in decode_states(chunk, computation=self.computation, kind=self.kind):
                self.value = value


State = KeyedState | SingleState
