"""Finds out which partitions of a source have had nothing to read for long."""
# Theory of operation
# ===================
# Time counts against a partition only while it could have read: its `read` is awaited, the source
# may read at all, and the reader has caught up with what there is. So a look is taken every now and
# then, and what has passed since the last counts if all of that held at both. A source that is held
# up, by a worker that is away or by backpressure, is not idle.

from collections.abc import Callable
from typing import Any

import attrs
import trio

from wallarood.app.connector import SourceBatch

LOOKS = 8
"""How often a look is taken while a partition becomes idle."""
LOOK_S_MAX, LOOK_S_MIN = 1.0, 0.02


@attrs.define(eq=False)
class _Waiting:
    since: float
    counted_s: float = 0.0
    told: bool = False


@attrs.define(eq=False)
class Idleness:
    """Calls *on_idle* with a partition that has been idle for `after_s`.

    `may_read` is whether the source may read at all, `caught_up` whether a partition's reader has
    read all there was.
    """

    after_s: float
    may_read: Callable[[], bool]
    caught_up: Callable[[str], bool]
    on_idle: Callable[[str], None]
    _waiting: dict[str, _Waiting] = attrs.field(factory=dict, init=False)
    _halted: dict[str, _Waiting] = attrs.field(factory=dict, init=False)

    def reads(self, partition: str) -> None:
        """The next records of *partition* are awaited from now on."""
        waiting = self._halted.pop(partition, None) or _Waiting(0.0)
        waiting.since = trio.current_time()
        self._waiting[partition] = waiting

    def has_read(self, partition: str) -> None:
        """Something has come, or the partition has ended."""
        self._waiting.pop(partition, None)
        self._halted.pop(partition, None)

    def has_come(self, partition: str, batch: SourceBatch[Any] | None) -> None:
        """As `has_read`; a mere position is nothing: what was counted before it still counts."""
        waiting = self._waiting.get(partition)
        self.has_read(partition)
        if batch is not None and not batch.records and not batch.unreadable and waiting is not None:
            self._halted[partition] = waiting

    async def run(self) -> None:
        """Look until cancelled."""
        every_s = min(LOOK_S_MAX, max(LOOK_S_MIN, self.after_s / LOOKS))
        looked_at, could_read = trio.current_time(), False
        while True:
            await trio.sleep(every_s)
            now, may_read = trio.current_time(), self.may_read()
            for partition, waiting in self._waiting.items():
                if not self.caught_up(partition):
                    waiting.counted_s = 0.0
                elif may_read and could_read:
                    # A stall of our own is no silence of the source.
                    passed_s = min(now - max(looked_at, waiting.since), 2 * every_s)
                    waiting.counted_s += passed_s
                if waiting.counted_s >= self.after_s and not waiting.told:
                    waiting.told = True
                    self.on_idle(partition)
            looked_at, could_read = now, may_read
