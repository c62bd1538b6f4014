"""What a capture of keyed state still has to encode: keys leave it once, with their states."""

from collections.abc import Iterable
from typing import Any, Protocol, TypeAlias

Taken: TypeAlias = tuple[list[Any], list[Any]]
"""Keys, and beside them their states."""


class Waiting(Protocol):
    """Keys that wait to be encoded."""

    def __len__(self) -> int: ...

    def take(self, count: int) -> Taken:
        """Take out *count* keys, or all if there are fewer."""

    def take_of(self, keys: Iterable[Any]) -> Taken:
        """Take out those of *keys* that wait."""

    def left(self) -> Iterable[Any]:
        """The keys that wait."""


class All:
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


class Some:
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
        return keys, list(map(self._by_key.__getitem__, keys))

    def left(self) -> Iterable[Any]:
        """See `Waiting.left`."""
        return self._keys
