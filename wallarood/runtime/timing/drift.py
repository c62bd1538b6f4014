"""Holds up partitions that are too far ahead of the slowest of their source."""

import attrs
import trio

from wallarood.flow.source_time import SourceTime


@attrs.define(eq=False)
class Drift:
    """Lets a partition read on while it is at most *drift* microseconds ahead."""

    time: SourceTime
    drift: int
    _moved: trio.lowlevel.ParkingLot = attrs.field(factory=trio.lowlevel.ParkingLot, init=False)

    def moved(self) -> None:
        """Time has come further in a partition, or one has become idle or has ended."""
        self._moved.unpark_all()

    async def wait(self, partition: str) -> None:
        """Return when *partition* may read. While it waits it is not idle."""
        while self.time.ahead(partition) > self.drift:
            await self._moved.park()
