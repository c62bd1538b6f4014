"""A source of changes as one of texts, for the conformance kit."""

from collections.abc import Sequence
from typing import Any

import attrs

import wallarood as w


@attrs.frozen
class Said:
    """Of each change of *source* the column `said`."""

    source: w.PostgresSource
    scope: w.Scope = w.Scope.SHARED
    record: Any = str
    bounded: bool = False

    def partitions(self) -> Sequence[str]:
        """See `Source.partitions`."""
        return self.source.partitions()

    def size_bytes(self, partition: str) -> int | None:
        """See `Source.size_bytes`."""
        return self.source.size_bytes(partition)

    async def check_connected(self) -> None:
        """See `PostgresSource.check_connected`."""
        await self.source.check_connected()

    async def open(self, partition: str, position: Any, context: w.SourceContext) -> "SaidReader":
        """See `Source.open`."""
        return SaidReader(await self.source.open(partition, position, context))


@attrs.define(eq=False)
class SaidReader:
    """See `Said`."""

    reader: Any

    async def read(self) -> w.SourceBatch[str] | None:
        """See `SourceReader.read`."""
        batch = await self.reader.read()
        if batch is None:
            return None
        return attrs.evolve(batch, records=[each.values["said"] for each in batch.records])

    async def committed(self, position: Any) -> None:
        """See `SourceReader.committed`."""
        await self.reader.committed(position)

    async def aclose(self) -> None:
        """See `SourceReader.aclose`."""
        await self.reader.aclose()
