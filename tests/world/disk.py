"""What survives a crash: the record, the checkpoints, and what sinks have written."""

import sqlite3
from pathlib import Path

import attrs

from wallarood.model.checkpoint import CheckpointId
from wallarood.model.cluster_record import ClusterRecord, RecordState
from wallarood.storage.checkpoint_files import fill_new, read_checkpoints
from wallarood.storage.checkpoints import CheckpointStore

Record = tuple[str, int]
"""A key, and how often it has come by now."""


@attrs.define(eq=False)
class Disk:
    """The disk of one worker. `staged` and `visible` are the parts of its sink, by number."""

    record: ClusterRecord | None = None
    nevers: set[str] = attrs.field(factory=set)
    starts: int = 0
    database: sqlite3.Connection | None = None
    held: frozenset[CheckpointId] = frozenset()
    committed: int = 0
    staged: dict[int, tuple[Record, ...]] = attrs.field(factory=dict)
    torn: set[int] = attrs.field(factory=set)
    visible: dict[int, tuple[Record, ...]] = attrs.field(factory=dict)

    def save(self, record: ClusterRecord) -> None:
        """As `StateDirectory.save_record`."""
        if record.state is RecordState.COMMITTED and self.database is None:
            self.database = sqlite3.connect(":memory:", isolation_level=None)
            fill_new(self.database, record.cluster_id)
            self.look(self.open(record))
        self.record = record

    def forget(self) -> None:
        """As `StateDirectory.archive_record`."""
        self.record = self.database = None
        self.held, self.committed = frozenset(), 0

    def open(self, record: ClusterRecord) -> CheckpointStore:
        """What a new process finds."""
        assert self.database is not None
        return read_checkpoints(Path("simulated"), self.database, record.cluster_id)

    def look(self, store: CheckpointStore) -> None:
        """Note what is durable now."""
        self.held, self.committed = frozenset(store.held), store.marks.committed
