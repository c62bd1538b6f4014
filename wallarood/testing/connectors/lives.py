"""A sink instance as a cluster leads it: from checkpoint to checkpoint, through deaths."""

import itertools
import shutil
from pathlib import Path
from typing import Any

import attrs

from wallarood.app.connector import Sink, SinkContext, SinkWriter

_numbers = itertools.count()


@attrs.define(eq=False)
class Life:
    """What the last committed checkpoint says of a sink instance, and where it keeps its files."""

    sink: Sink
    context: SinkContext
    state: Any = None
    unpublished: list[Any] = attrs.field(factory=list)
    writers: list[SinkWriter] = attrs.field(factory=list)
    """All that were opened, of those that were copied too."""

    @classmethod
    def begun(cls, sink: Sink, directory: Path, run: str) -> "Life":
        """One that no server knows. *run* is another one in each run of the kit."""
        number = next(_numbers)
        where = directory / f"writer-{number}"
        return cls(sink, SinkContext("kit", f"kit-{run}", "alpha", f"sink{number}", 0, str(where)))

    async def open(self) -> SinkWriter:
        """Open it at the last checkpoint."""
        self.writers.append(await self.sink.open(self.context, self.state))
        return self.writers[-1]

    async def checkpoint(self, writer: SinkWriter, records: list[Any]) -> Any:
        """Write *records* and commit a checkpoint; nothing is published yet."""
        await writer.write(records)
        prepared = await writer.prepare()
        self.state = writer.state
        if prepared is not None:
            self.unpublished.append(prepared)
        return prepared

    async def publish(self, writer: SinkWriter) -> None:
        """Publish all that is committed."""
        for each in list(self.unpublished):
            await writer.commit(each)
        self.unpublished.clear()

    def __getstate__(self) -> dict[str, Any]:
        """What another process is told: all but the open writers."""
        return {**attrs.asdict(self, recurse=False), "writers": []}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]

    def copied(self) -> "Life":
        """One of another process that believes to be the same writer, and has a copy of all."""
        other = f"{self.context.directory}-copy-{next(_numbers)}"
        shutil.copytree(self.context.directory, other)
        context = attrs.evolve(self.context, directory=other)
        return attrs.evolve(self, context=context, unpublished=list(self.unpublished))

    async def close_all(self) -> None:
        """Close what a trial that has failed has left open."""
        for each in self.writers:
            await each.aclose()
