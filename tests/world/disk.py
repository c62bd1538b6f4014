"""What survives a crash: the record, the checkpoints, and what sinks have written."""

import sqlite3
from pathlib import Path

import attrs

from wallarood.model.change import PartName
from wallarood.model.checkpoint import CheckpointId
from wallarood.model.cluster_record import ClusterRecord, RecordState
from wallarood.storage.checkpoint_files import fill_new, read_checkpoints
from wallarood.storage.checkpoints import CheckpointStore
from wallarood.storage.former import kept_parts

Record = tuple[str, int]
"""A key, and how often it has come by now."""


@attrs.define(eq=False)
class Disk:
    """The disk of one worker, and the receiver of its sink.

    `staged` and `visible` are the parts of the sink, by number; the receiver has the latter.
    `line_of` says in which line each was prepared.
    """

    record: ClusterRecord | None = None
    copies: int = 0
    """How often a copy was put back: its starts are counted again, in lives that are others."""
    nevers: set[str] = attrs.field(factory=set)
    starts: int = 0
    database: sqlite3.Connection | None = None
    held: frozenset[CheckpointId] = frozenset()
    replicas: tuple[PartName, ...] = ()
    kept: tuple[PartName, ...] = ()
    """Replicas, and own parts of older layouts."""
    lost: frozenset[CheckpointId] = frozenset()
    """What was held when a copy without it was put back."""
    committed: int = 0
    chosen: int = 0
    """The highest round that was ever durable here, also if a copy without it was put back."""
    staged: dict[int, tuple[Record, ...]] = attrs.field(factory=dict)
    torn: set[int] = attrs.field(factory=set)
    line_of: dict[int, int] = attrs.field(factory=dict)
    visible: dict[int, tuple[Record, ...]] = attrs.field(factory=dict)
    received: dict[tuple[int, int], tuple[Record, ...]] = attrs.field(factory=dict)
    """What the receiver was ever sent, by line and number."""

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
        self.held, self.committed, self.replicas, self.kept = frozenset(), 0, (), ()

    def open(self, record: ClusterRecord) -> CheckpointStore:
        """What a new process finds."""
        assert self.database is not None
        return read_checkpoints(Path("simulated"), self.database, record.cluster_id)

    def look(self, store: CheckpointStore) -> None:
        """Note what is durable now."""
        self.held, self.committed = frozenset(store.held), store.marks.committed
        self.replicas = store.replicas.held
        self.kept = kept_parts(store) if store.marks.former else self.replicas
        self.chosen = max(self.chosen, store.round)

    def copy(self) -> "Disk":
        """A copy of the directory, without what the receiver has."""
        assert self.database is not None
        database = sqlite3.connect(":memory:", isolation_level=None)
        self.database.backup(database)
        return attrs.evolve(
            self,
            nevers=set(self.nevers),
            database=database,
            staged=dict(self.staged),
            torn=set(self.torn),
            line_of=dict(self.line_of),
        )

    def put_back(self, copy: "Disk") -> None:
        """The directory is what it was when *copy* was made; the receiver has what it has."""
        self.copies, self.lost = self.copies + 1, self.held
        self.record, self.nevers, self.starts = copy.record, copy.nevers, copy.starts
        self.database, self.held, self.committed = copy.database, copy.held, copy.committed
        self.replicas, self.kept = copy.replicas, copy.kept
        self.staged, self.torn, self.line_of = copy.staged, copy.torn, copy.line_of
