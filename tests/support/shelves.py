"""A source of a directory: each file is a partition, which grows; files may appear and go.

The server of this is the directory itself: while it is not there, it is away. The first line of a
file may be a number: how many of the lines that follow it have been removed.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs
import trio

import wallarood as w

LOOK_S = 0.02


@attrs.frozen
class ShelvesSource:
    """Lines of all files in *directory*."""

    directory: str
    discover_s: float = 0.1
    on_gone: str = "stop"
    scope: w.Scope = w.Scope.SHARED
    record: Any = str
    bounded: bool = False

    def partitions(self) -> Sequence[str]:
        raise AssertionError("it is not called")

    async def discover(self) -> Sequence[str]:
        await trio.lowlevel.checkpoint()
        return sorted(each.name for each in there(Path(self.directory)).iterdir())

    def size_bytes(self, partition: str) -> int | None:
        return None if not partition else 0

    async def open(self, partition: str, position: Any, context: w.SourceContext) -> "Shelf":
        await trio.lowlevel.checkpoint()
        path = there(Path(self.directory)) / partition
        return Shelf(path, position or 0, context.limits.batch_records_max)


def there(directory: Path) -> Path:
    if not directory.is_dir():
        raise w.ServerAwayError(f"{directory} is not there")
    return directory


@attrs.define(eq=False)
class Shelf:
    """An open file. A position is the number of lines before it."""

    path: Path
    position: int
    most: int

    async def read(self) -> w.SourceBatch[str] | None:
        while True:
            there(self.path.parent)
            removed, lines = lines_of(self.path)
            if self.position < removed:
                raise w.PositionGoneError.of(
                    "shelves", self.path.name, position=self.position, lowest=removed
                )
            if found := lines[self.position - removed :][: self.most]:
                self.position += len(found)
                return w.SourceBatch(found, self.position)
            await trio.sleep(LOOK_S)

    async def committed(self, position: Any) -> None:
        del position

    async def aclose(self) -> None:
        pass


def lines_of(path: Path) -> tuple[int, list[str]]:
    """How many lines were removed, and those that are there."""
    if not path.exists():
        return 0, []
    text = path.read_text()
    lines = text[: text.rfind("\n") + 1].splitlines()
    if lines and lines[0].startswith("removed "):
        return int(lines[0].split()[1]), lines[1:]
    return 0, lines
