"""Where objects are: what is there now, and what reads one."""

from typing import Any, Protocol

import attrs
from xxhash import xxh3_64_intdigest

from wallarood.app.connector import SourceBatch


@attrs.frozen(order=True)
class Entry:
    """One object: its name, and what changes when another one takes its place."""

    key: str
    tag: str
    size: int | None = attrs.field(order=False, default=None)
    """None if it is unknown, as of one that was read in part by an earlier process."""


class WholeReader(Protocol):
    """Reads one file or object from a position to its end."""

    @property
    def ended(self) -> bool:
        """Whether there is nothing after the last batch, as far as is known."""

    def begin(self, position: Any) -> None:
        """Open it at a position; None: at its beginning. Blocks."""

    async def read(self) -> SourceBatch | None:
        """See `SourceReader.read`."""

    async def committed(self, position: Any) -> None:
        """See `SourceReader.committed`."""

    async def aclose(self) -> None:
        """See `SourceReader.aclose`."""

    def close(self) -> None:
        """Close it."""


class Shelf(Protocol):
    """A collection of objects, in which new ones appear."""

    def listed(self) -> list[Entry]:
        """All that are there now, in any order. Blocks.

        Raises ServerAwayError: it is to be asked again. Raises WallaroodError: it cannot be listed.
        """

    def reader(self, entry: Entry) -> WholeReader:
        """What reads an object, which is not open yet."""

    def name(self, key: str) -> str:
        """What messages call an object."""


@attrs.frozen
class Lane:
    """A part of the objects, by their names: number *number* of *of*, from 1."""

    number: int = 1
    of: int = 1

    def has(self, key: str) -> bool:
        """Whether an object belongs to it."""
        return self.of == 1 or xxh3_64_intdigest(key.encode()) % self.of == self.number - 1


def lanes(name: str, count: int) -> tuple[str, ...]:
    """The partitions of a collection that is called *name*, which so many readers share."""
    if count == 1:
        return (name,)
    return tuple(f"{name} ({number} of {count})" for number in range(1, count + 1))


def lane_of(partition: str, name: str) -> Lane:
    """The lane that a partition is: it says so itself, since it stays what it was."""
    told = partition.removeprefix(name).strip(" ()").split(" of ")
    return Lane(int(told[0]), int(told[1])) if len(told) == 2 else Lane()
