"""A source whose records another process releases, step by step."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs
import trio

import wallarood as w

LOOK_S = 0.05
END = 1000
"""So many steps are released when the sources are to end."""
Row = tuple[str, float, str]
"""Key, seconds, and a value."""


@attrs.frozen
class Step:
    """Records that come at once in a partition of a source."""

    rows: tuple[Row, ...]
    source: str = "in"
    partition: str = "0"


@attrs.frozen
class Released:
    """A source of the steps of a case, each when it is released."""

    directory: Path
    steps: tuple[tuple[int, Step], ...]
    scope: w.Scope = w.Scope.SHARED
    record: Any = Row
    bounded: bool = True

    def partitions(self) -> Sequence[str]:
        """See `Source.partitions`."""
        return sorted({step.partition for _, step in self.steps})

    def size_bytes(self, partition: str) -> int | None:  # noqa: ARG002
        """See `Source.size_bytes`."""
        return None

    async def open(
        self,
        partition: str,
        position: Any,
        context: w.SourceContext,  # noqa: ARG002
    ) -> "Reader":
        """See `Source.open`. A position is how many steps were read."""
        own = [each for each in self.steps if each[1].partition == partition]
        return Reader(self.directory / "released", own, position or 0)


@attrs.define(eq=False)
class Reader:
    """Reads the steps of a partition."""

    released: Path
    steps: list[tuple[int, Step]]
    position: int

    async def read(self) -> w.SourceBatch[Row] | None:
        """The records of the next step."""
        number, step = END - 1, None
        if self.position < len(self.steps):
            number, step = self.steps[self.position]
        while int(self.released.read_text()) <= number:  # noqa: ASYNC110 - by another process
            await trio.sleep(LOOK_S)
        if step is None:
            return None
        self.position += 1
        rows = [(key, float(seconds), value) for key, seconds, value in step.rows]
        return w.SourceBatch(rows, self.position)

    async def committed(self, position: Any) -> None:
        """Nothing is kept."""

    async def aclose(self) -> None:
        """Nothing is open."""
