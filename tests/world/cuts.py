"""Checkpoints as cuts: what a count had taken in is what the sources had read, no more, no less."""

import functools
from collections.abc import Mapping

import attrs

from wallarood.model.checkpoint import CheckpointId

from .disk import Record
from .errors import ViolationError


@functools.cache
def owner(key: str, workers: tuple[str, ...]) -> str:
    """The worker that counts *key*."""
    return workers[sum(key.encode()) % len(workers)]


@attrs.define(eq=False)
class Cuts:
    """What the workers say of each checkpoint; *records* are those of each source."""

    records: Mapping[str, list[Record]]
    _read: dict[CheckpointId, dict[str, int]] = attrs.field(factory=dict)
    _counted: dict[CheckpointId, dict[str, int]] = attrs.field(factory=dict)
    _owners: dict[str, list[str]] = attrs.field(init=False)
    """For each source, who counts its records."""

    def __attrs_post_init__(self) -> None:
        workers = tuple(self.records)
        self._owners = {
            name: [owner(key, workers) for key, _ in records]
            for name, records in self.records.items()
        }

    def source_at(self, checkpoint: CheckpointId, worker: str, position: int) -> None:
        """The source of *worker* has put the barrier behind so many records."""
        self._read.setdefault(checkpoint, {})[worker] = position
        self._check(checkpoint)

    def counted(self, checkpoint: CheckpointId, worker: str, count: int) -> None:
        """The part of *worker* is whole; its state has so many records."""
        self._counted.setdefault(checkpoint, {})[worker] = count
        self._check(checkpoint)

    def _check(self, checkpoint: CheckpointId) -> None:
        read = self._read.get(checkpoint, {})
        if len(read) < len(self.records):
            return
        for worker, count in self._counted.get(checkpoint, {}).items():
            due = sum(self._owners[name][:until].count(worker) for name, until in read.items())
            if count != due:
                raise ViolationError(
                    f"checkpoint {checkpoint} of {worker} has {count} records in its state, and "
                    f"the sources had read {due} for it"
                )
