"""What takes note of each read of a source: drift of partitions, idleness, a table's loading."""

from collections.abc import Callable
from typing import Any

import attrs
import trio

from wallarood.app.connector import SourceBatch
from wallarood.runtime.dataflow.tasks.loading import Loading
from wallarood.runtime.timing.drift import Drift
from wallarood.runtime.timing.idleness import Idleness


@attrs.frozen(eq=False)
class Watchers:
    """Those that a source has: none of them if its records have no time and are of no table."""

    drift: Drift | None
    idleness: Idleness | None
    loading: Loading | None

    def start(self, nursery: trio.Nursery, on_loaded: Callable[[], None], *, called: str) -> None:
        """Look until *nursery* is cancelled; *on_loaded* is called once, if there is a table."""
        if self.idleness is not None:
            nursery.start_soon(self.idleness.run, name=f"{called}: idleness")
        if self.loading is not None:
            nursery.start_soon(self._tell_loaded, self.loading, on_loaded)

    async def _tell_loaded(self, loading: Loading, on_loaded: Callable[[], None]) -> None:
        await loading.wait()
        on_loaded()

    async def read_begins(self, partition: str) -> None:
        """Return when *partition* may read: its next records are awaited from then on."""
        if self.drift is not None:
            await self.drift.wait(partition)
        if self.idleness is not None:
            self.idleness.reads(partition)
        if self.loading is not None:
            self.loading.reads(partition)

    def has_come(self, partition: str, batch: SourceBatch[Any] | None) -> None:
        """A read has given *batch*; None at the end."""
        if self.idleness is not None:
            self.idleness.has_come(partition, batch)
        if self.loading is not None:
            self.loading.has_read(partition)

    def read_ends(self, partition: str) -> None:
        """Records are not awaited: what is away is not idle, nor has it caught up."""
        if self.idleness is not None:
            self.idleness.has_read(partition)
        if self.loading is not None:
            self.loading.has_read(partition)

    def listed(self, partition: str) -> None:
        """*partition* was there when the table was first listed: it is of what is loaded."""
        if self.loading is not None:
            self.loading.partitions.add(partition)

    def ended(self, partition: str) -> None:
        """Nothing more will come of *partition*."""
        if self.loading is not None:
            self.loading.ended(partition)
