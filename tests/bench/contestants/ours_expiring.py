"""Keys that come, are seen once more and are forgotten: a state with `ttl`, on the wall clock.

What it is told is in `WALLAROOD_BENCH_EXPIRING`: keys a second, for how long they live, a file that
is to be made when the first output has arrived, after which nothing is read any more, and one in
which it says how many keys have come. On a machine that is too slow for so many, fewer come: it
does not catch up, for then more would live at once than ever should.
"""

import json
import os
import time
from pathlib import Path
from typing import Any, NamedTuple

import attrs
import trio

import wallarood as w
from bench.contestants.ours import MemorySink

VARIABLE = "WALLAROOD_BENCH_EXPIRING"
SEEN_AGAIN_S = 5.0
BEHIND_S_MAX = 1.0
COUNTED_EVERY_S = 1.0


class Coming(NamedTuple):
    """What the application is told."""

    keys_per_s: float
    ttl_s: int
    first_output: str = ""
    counted: str = ""


COMING = Coming(**json.loads(os.environ.get(VARIABLE, '{"keys_per_s": 1000, "ttl_s": 60}')))


class Seen:
    """How often a key was seen."""

    count = 0


@w.state_computation_timed(state=Seen, ttl=f"{COMING.ttl_s}s")
def seen(record: int, state: Seen, timers: w.Timers) -> int:
    """Count the records of a key."""
    state.count += 1
    return state.count


@attrs.frozen
class Keys:
    """Two records for each key: when it comes, and some seconds later."""

    record: Any = int
    scope: w.Scope = w.Scope.SHARED
    bounded: bool = False

    def partitions(self) -> list[str]:
        return ["keys"]

    def size_bytes(self, partition: str) -> int | None:
        return None

    async def open(self, partition: str, position: Any, context: Any) -> "KeysReader":
        size = min(512, context.limits.batch_records_max)
        return KeysReader(position or 0, size, time.monotonic())


@attrs.define
class KeysReader:
    position: int
    size: int
    began: float
    read_: int = 0

    async def read(self) -> w.SourceBatch | None:
        if self.read_ and COMING.first_output:
            await trio.sleep_forever()
        due = self.began + (self.read_ + self.size) / (2 * COMING.keys_per_s)
        behind = time.monotonic() - due
        self.began += max(0.0, behind - BEHIND_S_MAX)
        await trio.sleep(max(0.0, -behind))
        again = int(SEEN_AGAIN_S * COMING.keys_per_s)
        records = [
            number // 2 - again * (number % 2)
            for number in range(self.position, self.position + self.size)
        ]
        self.position += len(records)
        self.read_ += len(records)
        return w.SourceBatch(records, self.position)

    async def committed(self, position: Any) -> None:
        return

    async def aclose(self) -> None:
        return


class Told:
    """Makes a file when the first output has arrived, and says how many keys have come."""

    def __init__(self) -> None:
        self._records = 0
        self._said_at = 0.0

    def wrote(self, records: list[Any]) -> None:
        if COMING.first_output and not Path(COMING.first_output).exists():
            Path(COMING.first_output).write_text("")
        self._records += len(records)
        if COMING.counted and time.monotonic() - self._said_at > COUNTED_EVERY_S:
            self._said_at = time.monotonic()
            Path(COMING.counted).write_text(str(self._records // 2))


app = w.application(
    "expiring",
    w.source("keys", Keys())
    .key_by(lambda number: f"key-{number}")
    .to(seen)
    .to_sink(MemorySink(Told())),
)
