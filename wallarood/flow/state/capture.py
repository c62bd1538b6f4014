"""What a capture of keyed state still has to encode: keys leave it once, with their states."""

from collections.abc import Callable, Iterable, Iterator
from itertools import repeat
from typing import Any, Final, Protocol, TypeAlias

import attrs

from wallarood.flow.stored.decode import DELETED
from wallarood.model.checkpoint import StatePart

__all__ = [
    "DELETED",
    "Bases",
    "Chunks",
    "DeltaCapture",
    "FullCapture",
    "Pieces",
    "Taken",
    "Waiting",
]

PIECE_KEYS = 1024
PIECE_BYTES: Final = 1 << 20
"""About what is encoded at once, between two batches."""
PIECE_KEYS_FIRST: Final = 16
"""How many keys are encoded at once while nothing is known about their sizes."""
PIECE_KEYS_MIN: Final = 64
"""How many keys are encoded at least, if one of them must be: a piece names the classes in it."""
UNSURE_MAX: Final = 64
CHUNK_BYTES: Final = 4 << 20
"""What pieces are joined to: each chunk costs the thread that writes it a turn."""

Taken: TypeAlias = tuple[list[Any], list[Any]]
"""Keys, and beside them their states, DELETED for one that has none any longer."""


class Waiting(Protocol):
    """Keys that wait to be encoded."""

    def __len__(self) -> int: ...

    def take(self, count: int) -> Taken:
        """Take out *count* keys, or all if there are fewer."""

    def take_of(self, keys: Iterable[Any]) -> Taken:
        """Take out those of *keys* that wait."""

    def left(self) -> Iterable[Any]:
        """The keys that wait."""


class FullCapture:
    """All keys of a state. To copy its table is the fastest way there is to have them all."""

    def __init__(self, by_key: dict[Any, Any]) -> None:
        self._states = dict(by_key)

    def __len__(self) -> int:
        return len(self._states)

    def take(self, count: int) -> Taken:
        """See `Waiting.take`. From the last made to the first, as they lie in memory."""
        take = self._states.popitem
        items = [take() for _ in range(min(count, len(self._states)))]
        return [key for key, _ in items], [state for _, state in items]

    def take_of(self, keys: Iterable[Any]) -> Taken:
        """See `Waiting.take_of`."""
        found = list(self._states.keys() & keys)
        return found, list(map(self._states.pop, found))

    def left(self) -> Iterable[Any]:
        """See `Waiting.left`."""
        return self._states


class DeltaCapture:
    """These *keys* of a state; the set is taken over as it is, without a copy."""

    def __init__(self, keys: set[Any], by_key: dict[Any, Any]) -> None:
        self._keys = keys
        self._by_key = by_key

    def __len__(self) -> int:
        return len(self._keys)

    def take(self, count: int) -> Taken:
        """See `Waiting.take`."""
        take = self._keys.pop
        return self._beside([take() for _ in range(min(count, len(self._keys)))])

    def take_of(self, keys: Iterable[Any]) -> Taken:
        """See `Waiting.take_of`."""
        found = self._keys.intersection(keys)
        self._keys.difference_update(found)
        return self._beside(list(found))

    def _beside(self, keys: list[Any]) -> Taken:
        # Not by `[]`, which in a table of states would make a new one.
        return keys, list(map(self._by_key.get, keys, repeat(DELETED)))

    def left(self) -> Iterable[Any]:
        """See `Waiting.left`."""
        return self._keys


@attrs.define(eq=False)
class Chunks:
    """What was encoded so far, in few large chunks."""

    _chunks: list[bytes] = attrs.field(factory=list)
    _pieces: list[bytes] = attrs.field(factory=list)
    _size: int = 0

    def add(self, pieces: list[bytes]) -> None:
        """Keep these *pieces* after those before."""
        self._pieces += pieces
        self._size += sum(map(len, pieces))
        if self._size >= CHUNK_BYTES:
            self._join()

    def _join(self) -> None:
        self._chunks.append(b"".join(self._pieces))
        self._pieces, self._size = [], 0

    def all(self) -> tuple[bytes, ...]:
        """All that was encoded."""
        if self._pieces:
            self._join()
        return tuple(self._chunks)


@attrs.define(eq=False)
class Pieces:
    """How many keys are encoded at once: learned from the sizes of those before."""

    keys: int = PIECE_KEYS_FIRST

    def encode(
        self, taken: Taken, encode: Callable[[list[Any], list[Any]], list[bytes]]
    ) -> Iterator[tuple[list[Any], list[bytes]]]:
        """What *encode* makes of *taken*, and of which keys, a piece or so at a time."""
        all_keys, all_states = taken
        start = 0
        while start < len(all_keys):
            end = start + self.keys
            keys, states = all_keys[start:end], all_states[start:end]
            pieces = encode(keys, states)
            fitting = PIECE_BYTES * len(keys) // max(1, sum(map(len, pieces)))
            self.keys = max(1, min(fitting, self.keys * 4, PIECE_KEYS))
            start = end
            yield keys, pieces

    def take_of(self, waiting: Waiting, keys: Iterable[Any]) -> Taken:
        """Take out those of *keys* that wait, and with few of them some others.

        All must be encoded in the end. A piece of a single key would be many times as large as its
        share of a larger one, and so would the checkpoint if keys are worked on one by one.
        """
        taken = waiting.take_of(keys)
        lacking = min(self.keys, PIECE_KEYS_MIN) - len(taken[0])
        if not taken[0] or lacking <= 0 or not waiting:
            return taken
        others = waiting.take(lacking)
        return taken[0] + others[0], taken[1] + others[1]


@attrs.frozen
class _Captured:
    """What was captured for a checkpoint that is not known committed: how many keys."""

    keys: int
    base: bool


@attrs.define(eq=False)
class Bases:
    """When a capture must be a base: once the changes since the last outgrow the state."""

    _unsure: dict[int, _Captured] = attrs.field(factory=dict)
    postponed: int = 0
    """How many captures are to be changes alone, if there is a base at all."""
    _since: int = 0
    _based: bool = False
    _key_bytes: float = 0.0
    """About what a key and its state take, encoded; 0 before the first capture."""

    def wanted(self, changes: int, total: int) -> bool:
        """Whether a capture of so many *changes* in a state of *total* keys must be a base."""
        outgrown = self._since + changes > total and not self.postponed
        self.postponed = max(0, self.postponed - 1)
        return not self._based or outgrown

    def captured(self, part: StatePart, number: int, changes: int) -> None:
        """A capture is whole: the *part* of checkpoint *number* has so many *changes*."""
        self._unsure[number] = _Captured(changes, part.base)
        if part.keys:
            self._key_bytes = sum(map(len, part.chunks)) / part.keys
        for old in list(self._unsure)[:-UNSURE_MAX]:
            del self._unsure[old]  # if it proves committed after all, the next is a base at worst

    def committed(self, number: int) -> None:
        """A checkpoint is known committed."""
        captured = self._unsure.get(number)
        if captured is not None:
            self._since = 0 if captured.base else self._since + captured.keys
            self._based = self._based or captured.base
        self._unsure = {each: about for each, about in self._unsure.items() if each > number}

    def size_bytes(self, total: int) -> int:
        """About what *total* keys take, by what those of the last capture took."""
        return round(total * self._key_bytes)

    def restored(self, total: int) -> None:
        """A state of *total* keys was put together from a base and changes."""
        self._based, self._since = True, total // 2

    def unbased(self) -> None:
        """The base that there is does not do any longer."""
        self._based = False
