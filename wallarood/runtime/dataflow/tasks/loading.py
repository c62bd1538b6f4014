"""Finds out when the partitions of an endless source have been read as far as they went."""

from collections.abc import Mapping
from typing import Any, Final

import attrs
import trio

LOOK_S: Final = 0.05


@attrs.define(eq=False)
class Loading:
    """Whether each of *partitions* has caught up, once; others do not count.

    A reader that says nothing of it, by `caught_up`, has caught up when it is first asked to read:
    that cannot be known, and it is not waited for.
    """

    partitions: set[str]
    readers: Mapping[str, Any]
    _read: set[str] = attrs.field(factory=set, init=False)
    """Those of which records are awaited: what was read before has been handed on."""
    _done: set[str] = attrs.field(factory=set, init=False)

    def reads(self, partition: str) -> None:
        """The next records of *partition* are awaited from now on."""
        self._read.add(partition)
        self._look()

    def has_read(self, partition: str) -> None:
        """Something has come; it is not handed on yet."""
        self._read.discard(partition)

    def ended(self, partition: str) -> None:
        """Nothing more will come of *partition*."""
        self._done.add(partition)

    async def wait(self) -> None:
        """Return when all have caught up."""
        while not self._look():  # noqa: ASYNC110 - a reader sets an attribute, and calls nothing
            await trio.sleep(LOOK_S)

    def _look(self) -> bool:
        self._done |= {
            name for name in self._read if getattr(self.readers.get(name), "caught_up", True)
        }
        return self.partitions <= self._done
