"""A small server for spooled sinks, in memory, which can be away, slow, or lose its answers."""

from typing import Any

import attrs
import trio

import wallarood as w


@attrs.define(eq=False)
class Shelf:
    """Records and markers; `answers_lost` is how many of the next changes get no answer.

    `quicker_ones` is how many of them are refused, as if another process had been quicker.
    """

    records: list[Any] = attrs.field(factory=list)
    markers: dict[str, w.Marker] = attrs.field(factory=dict)
    applied: list[int] = attrs.field(factory=list)
    away: bool = False
    answers_lost: int = 0
    quicker_ones: int = 0
    asked: int = 0

    def sink(self, **options: Any) -> w.SpooledSink:
        """A sink that puts records here."""
        return w.SpooledSink(lambda writer: OnShelf(self, writer), server="the shelf", **options)


@attrs.frozen
class OnShelf:
    """A shelf for one writer."""

    shelf: Shelf
    writer: str

    def _check_there(self) -> None:
        if self.shelf.away:
            raise OSError("nobody is there")

    async def marker(self) -> w.Marker:
        await trio.lowlevel.checkpoint()
        self._check_there()
        self.shelf.asked += 1
        return self.shelf.markers.get(self.writer, w.Marker())

    async def apply(self, records: list[Any], expected: w.Marker, new: w.Marker) -> None:
        await trio.lowlevel.checkpoint()
        self._check_there()
        found = self.shelf.markers.get(self.writer, w.Marker())
        if self.shelf.quicker_ones:
            self.shelf.quicker_ones -= 1
            raise w.MarkerMovedError("it is another one")
        if found != expected:
            raise w.MarkerMovedError(f"it is {found}")
        self.shelf.records += records
        self.shelf.applied.append(len(records))
        self.shelf.markers[self.writer] = new
        if self.shelf.answers_lost:
            self.shelf.answers_lost -= 1
            raise OSError("connection lost")
        await trio.lowlevel.checkpoint()
