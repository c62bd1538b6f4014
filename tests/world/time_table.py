"""The table on one worker in lives of event time: its rows, read once, before the stream."""

import random
from collections.abc import Mapping

import attrs

from wallarood.model.batch import EndOfStream, Watermark
from wallarood.model.time import MAX_TIME

from .time_source import Queue
from .time_stage import TableRow


@attrs.define(eq=False)
class Table:
    """The part of the table on *worker*, and how far it was read; `targets` are by worker."""

    worker: str
    rows: list[TableRow]
    targets: dict[str, Queue]
    position: int = 0
    over: bool = False

    def read(self) -> None:
        """Read a row, or find the end."""
        if self.over:
            return
        if self.position < len(self.rows):
            row = self.rows[self.position]
            self.position += 1
            self.targets[target_of(row.key, self.targets)].append(row)
            return
        self.over = True
        for queue in self.targets.values():
            queue += [Watermark(MAX_TIME), EndOfStream()]


def target_of(key: str, targets: Mapping[str, object]) -> str:
    """The worker that has the records of a key."""
    workers = list(targets)
    return workers[ord(key) % len(workers)]


def rows_of(rng: random.Random, workers: list[str], keys: str) -> dict[str, list[TableRow]]:
    """Rows of some of *keys*, in several versions, on several workers and in any order."""
    rows = [
        TableRow(key, version)
        for version, key in enumerate(rng.choices(keys, k=rng.randint(1, 40)))
    ]
    rng.shuffle(rows)
    return {worker: rows[place :: len(workers)] for place, worker in enumerate(workers)}
