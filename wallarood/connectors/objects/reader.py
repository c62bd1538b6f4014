"""Reads objects one after the other, in the order of their names, and those that appear.

Theory of operation
===================
The collection is listed, and what was not read yet is read in the order of its names. When all of
a listing is read the collection is listed again. So names may come in any order; in what is there
at one time, order is kept.

A position is ``{"read": …}``, which objects were read to their ends, and within one ``"key"``,
``"tag"`` and ``"place"``, the position in it. What was read in part must be there with the same
tag; what was read to its end may go, but another one must not take its name, since part of it might
be the same.
"""

from collections import deque
from typing import Any

import attrs
import trio

from wallarood.app.connector import SourceBatch
from wallarood.connectors.objects.seen import Seen
from wallarood.connectors.objects.shelf import Entry, Lane, Shelf, WholeReader
from wallarood.model.errors import ApplicationError


@attrs.define(eq=False)
class ObjectsReader:
    """Reads the objects of *lane*; with *follow*, looks for new ones every *look_s* seconds."""

    shelf: Shelf
    lane: Lane
    follow: bool
    look_s: float
    position: Any = None
    caught_up: bool = attrs.field(default=False, init=False)
    """See `SourceReader.read`: all that was listed has been read."""
    _seen: Seen = attrs.field(init=False)
    _begun: Entry | None = attrs.field(init=False)
    """What is to be read on, or is being read."""
    _place: Any = attrs.field(init=False)
    _reader: WholeReader | None = attrs.field(default=None, init=False)
    _waiting: deque[Entry] = attrs.field(factory=deque, init=False)
    _was_listed: bool = attrs.field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        place = self.position or {"read": ""}
        self._seen = Seen(place["read"])
        self._place = place.get("place")
        self._begun = Entry(place["key"], place["tag"]) if "key" in place else None

    async def read(self) -> SourceBatch | None:
        """See `SourceReader.read`.

        Raises ApplicationError: an object is gone or was replaced, or has what cannot be read.
        """
        await trio.lowlevel.checkpoint()
        while True:
            if self._reader is None and not await self._open():
                return None
            assert self._reader is not None
            batch = await self._reader.read()
            if batch is None:
                self._finish()
                continue
            self._place = batch.position
            if self._reader.ended:
                self._finish()
            return attrs.evolve(batch, position=self._now())

    def _now(self) -> dict[str, Any]:
        if self._begun is None:
            return {"read": self._seen.text}
        return {
            "read": self._seen.text,
            "key": self._begun.key,
            "tag": self._begun.tag,
            "place": self._place,
        }

    def _finish(self) -> None:
        assert self._reader is not None
        assert self._begun is not None
        self._reader.close()
        self._seen.add(self._begun)
        self._reader = self._begun = self._place = None

    async def _open(self) -> bool:
        """Open what is next, wait for it if need be; false if there is nothing more."""
        while self._begun is None:
            if self._waiting:
                self._begun = self._waiting.popleft()
                break
            if self._was_listed:
                self.caught_up = True
                if not self.follow:
                    return False
                await trio.sleep(self.look_s)
            self._sort(await trio.to_thread.run_sync(self.shelf.listed))
            self.caught_up = not self._waiting
        reader = self.shelf.reader(self._begun)
        try:
            await trio.to_thread.run_sync(reader.begin, self._place)
        except BaseException:
            reader.close()
            raise
        self._reader = reader
        return True

    def _sort(self, entries: list[Entry]) -> None:
        """Find out what of a listing is to be read."""
        mine = sorted(each for each in entries if self.lane.has(each.key))
        for each in mine:
            if self._seen.is_other(each):
                raise ApplicationError(
                    f"{self.shelf.name(each.key)} was read and is another one now: what is new in "
                    "it cannot be told. Put the former one back, and give what is new a name of "
                    "its own; or form a new cluster, which reads all that is there"
                )
        self._seen.listed(each.key for each in mine)
        self._waiting = deque(each for each in mine if each.key not in self._seen)
        self._was_listed = True

    async def committed(self, position: Any) -> None:
        """See `SourceReader.committed`: objects stay as they are."""

    async def aclose(self) -> None:
        """See `SourceReader.aclose`."""
        if self._reader is not None:
            reader, self._reader = self._reader, None
            reader.close()
