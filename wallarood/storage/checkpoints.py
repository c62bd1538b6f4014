"""The checkpoints of one worker, in SQLite: what it holds, knows committed, and continues from.

Theory of operation
===================
A checkpoint is a row with a manifest (source positions, sinks, and which chunks of state belong to
it) and the chunks of state that have changed since the checkpoint it builds on. Both are written in
one transaction with ``synchronous=FULL``: a checkpoint is there or not. Every value has a checksum
of its own, since SQLite's integrity check does not look at the content of rows.

The chain of a computation is the base and the changes that make up its state at a checkpoint. Rows
that no chain of a retained checkpoint names are deleted: what is retained is the highest checkpoint
that is known committed, what was kept by name, and of those above it what may yet be committed: not
those of which another worker has no part, and not more than `OPEN_MAX`. So the database is bounded
by a base, the changes since, what an operator keeps, and some changes that are not known to be
committed. SQLite's file keeps the pages of what was deleted for what comes; of those that are far
more than what is there it lets go, some after each write.

One transaction holds a choice and makes void everything above it. It is known committed once its
round begins: before, its copies may be missing. A write of an older round is refused.
"""

import sqlite3
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import attrs
import msgspec
import structlog

from wallarood.model.checkpoint import BEFORE_UPGRADE, CheckpointId, CheckpointPart, Restored
from wallarood.model.errors import CannotCreateError, DamagedStateError, LocalProtocolError
from wallarood.storage.checkpoint_rows import (
    UNREADABLE,
    Manifest,
    Marks,
    checksum,
    insert_manifest,
    manifest_of,
    missing,
    prune,
    put_marks,
    read_chunks,
    restored_of,
)
from wallarood.storage.place import Place, shrink
from wallarood.storage.replicas import Replicas

log = structlog.get_logger(__name__)


@attrs.define(eq=False)
class CheckpointStore:
    """An open database. Calls come from one thread at a time; each returns when it is durable.

    Raises CannotCreateError: the disk is full or failing; nothing has changed then.
    Raises DamagedStateError where it reads: a value is not what was written. Raises it where it
    writes: the file was removed or replaced, so what is written would be lost with the process.
    """

    path: Path
    _connection: sqlite3.Connection
    marks: Marks
    _manifests: dict[int, Manifest]
    left_out: tuple[str, ...] = ()
    """What was found damaged when it was opened, above the highest known committed."""
    _known: int = attrs.field(default=0, init=False)
    """The highest checkpoint that is known committed, also if the disk had no room to say so."""
    _void: set[int] = attrs.field(factory=set, init=False)
    """Those above it that can never be committed."""
    _place: Place = attrs.field(init=False)
    """Of the file that was opened."""
    replicas: Replicas = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._place = Place.of(self.path)
        marks, transaction = (lambda: self.marks), self.transaction
        self.replicas = Replicas(self.path, self._connection, transaction, marks)

    @property
    def held(self) -> tuple[CheckpointId, ...]:
        """The checkpoints that are here, whole and undamaged, lowest first."""
        return tuple(each.checkpoint for _, each in sorted(self._manifests.items()))

    @property
    def committed(self) -> CheckpointId:
        """The highest checkpoint that is known committed."""
        known = self._manifests.get(self.marks.committed)
        return known.checkpoint if known else CheckpointId(0, self.marks.committed)

    @property
    def kept(self) -> dict[str, int]:
        """The numbers of the checkpoints that are kept, by their names."""
        back = [(BEFORE_UPGRADE, e.manifest.number) for e in self.marks.former if e.back]
        return self.marks.kept | dict(back)

    @property
    def round(self) -> int:
        """The round that was chosen last; 0 before the first."""
        return self.marks.round

    @property
    def highest(self) -> int:
        """The highest checkpoint number that was ever seen here."""
        return max(self.marks.highest, self.replicas.highest)

    @property
    def line(self) -> int:
        """How often the cluster has gone back below a checkpoint that was known committed."""
        return self.marks.line

    @property
    def manifests(self) -> Mapping[int, Manifest]:
        """The rows of the checkpoints that are here, by number."""
        return self._manifests

    @property
    def connection(self) -> sqlite3.Connection:
        """For what reads or writes other rows of this database, in the same thread."""
        return self._connection

    def size_bytes(self, number: int) -> int:
        """What a checkpoint has added to the database."""
        return self._manifests[number].size_bytes

    def write(self, part: CheckpointPart, *, keep: str = "") -> int:
        """Write a checkpoint; returns the bytes that it added. One that is there already stays.

        It is retained under the name *keep*, if there is one, from the moment that it is there.

        Raises LocalProtocolError: it is of another round than the one that was chosen last.
        """
        checkpoint = part.checkpoint
        if checkpoint.round != self.marks.round:
            raise LocalProtocolError(
                f"checkpoint {checkpoint} is not of round {self.marks.round}, the last one chosen"
            )
        if checkpoint.number in self._manifests:
            return self.size_bytes(checkpoint.number)
        manifest = manifest_of(part, self._manifests, committed=self.marks.committed)
        marks = msgspec.structs.replace(
            self.marks,
            highest=max(self.marks.highest, checkpoint.number),
            kept={**self.marks.kept, keep: checkpoint.number} if keep else self.marks.kept,
        )
        manifests = {**self._manifests, checkpoint.number: manifest}
        with self.transaction() as cursor:
            cursor.executemany(
                "INSERT INTO chunk VALUES (?, ?, ?, ?, ?)",
                [
                    (checkpoint.number, state.computation, sequence, data, checksum(data))
                    for state in part.states
                    for sequence, data in enumerate(state.chunks)
                ],
            )
            insert_manifest(cursor, manifest)
            put_marks(cursor, marks)
            manifests = self._prune(cursor, manifests, marks)
        self.marks, self._manifests = marks, manifests
        shrink(self._connection)
        return manifest.size_bytes

    def discard(self, number: int) -> None:
        """Delete a checkpoint that can never be committed; one that is not here stays away."""
        if number <= max(self.marks.committed, self._known):
            return
        self._void.add(number)
        if number not in self._manifests:
            return
        kept = {name: n for name, n in self.marks.kept.items() if n != number}
        marks = msgspec.structs.replace(self.marks, kept=kept)
        with self.transaction() as cursor:
            put_marks(cursor, marks)
            manifests = self._prune(cursor, self._manifests, marks)
        self.marks, self._manifests = marks, manifests

    def _prune(
        self, cursor: sqlite3.Cursor, manifests: dict[int, Manifest], marks: Marks
    ) -> dict[int, Manifest]:
        known = max(self._known, marks.committed)
        self._void = {number for number in self._void if number > known}
        return prune(cursor, manifests, marks, known=known, void=self._void)

    def record_committed(self, number: int) -> None:
        """Make it durable that a checkpoint is committed."""
        self._known = max(self._known, number)
        if number > self.marks.committed:
            # Of this layout, of which there are copies from now on: what was before may go.
            former = tuple(each for each in self.marks.former if each.back)
            self._write_marks(msgspec.structs.replace(self.marks, committed=number, former=former))
            self.replicas.forget_older(self.marks.layout)

    def drop(self, name: str) -> None:
        """Retain it no longer; its rows go with the next checkpoint."""
        marks = self.marks
        kept = {known: number for known, number in marks.kept.items() if known != name}
        former = tuple(e for e in marks.former if not e.back or name != BEFORE_UPGRADE)
        self._write_marks(msgspec.structs.replace(marks, kept=kept, former=former))

    def _write_marks(self, marks: Marks) -> None:
        with self.transaction() as cursor:
            put_marks(cursor, marks)
        self.marks = marks

    def choose(self, round_: int, checkpoint: CheckpointId, *, highest: int, line: int = 0) -> None:
        """Make a choice durable: what is above *checkpoint* is void and gone."""
        marks = msgspec.structs.replace(
            self.marks,
            round=round_,
            highest=max(highest, self.marks.highest),
            committed=min(checkpoint.number, self.marks.committed),
            chosen=checkpoint.number,
            line=max(line, self.marks.line),
            kept={n: k for n, k in self.marks.kept.items() if k <= checkpoint.number},
        )
        manifests = {n: m for n, m in self._manifests.items() if n <= checkpoint.number}
        with self.transaction() as cursor:
            cursor.execute("DELETE FROM checkpoint WHERE number > ?", (checkpoint.number,))
            cursor.execute("DELETE FROM chunk WHERE number > ?", (checkpoint.number,))
            replicas = self.replicas.void(cursor, above=checkpoint.number)
            put_marks(cursor, marks)
        self.marks, self._manifests, self.replicas.parts = marks, manifests, replicas
        self._known, self._void = marks.committed, set()

    def restore(self, number: int, *, without: Collection[str] = ()) -> Restored:
        """Read a checkpoint with all its state, but for that of the computations *without*."""
        manifest = self._manifests[number]
        chunks = {
            chain.computation: [
                data
                for link, count in chain.links
                for data in read_chunks(
                    self._connection, self.path, link=link, of=chain.computation, count=count
                )
            ]
            for chain in manifest.chains
            if chain.computation not in without
        }
        return restored_of(manifest, chunks)

    def verify(self) -> list[str]:
        """Read every value; return what is damaged, each in words."""
        problems = [
            *self.left_out,
            *(error.message for error in missing(self.path, self.marks, self._manifests)),
        ]
        for number in sorted(self._manifests):
            try:
                self.restore(number)
            except DamagedStateError as error:
                problems.append(error.message)
        try:
            found = [str(row[0]) for row in self._connection.execute("PRAGMA integrity_check")]
        except UNREADABLE as error:
            found = [str(error)]
        return problems + [f"{self.path}: {each}" for each in found if each != "ok"]

    def drop_damaged(self) -> list[str]:
        """Forget what is damaged above the highest known committed checkpoint; return what.

        Raises DamagedStateError: that checkpoint, the chosen or a kept one, is damaged or missing.
        """
        forgotten = list(self.left_out)
        for number in sorted(self._manifests, reverse=True):
            try:
                self.restore(number)
            except DamagedStateError as error:
                if number <= self.marks.needed:
                    raise
                forgotten.append(error.message)
                del self._manifests[number]
        for absent in missing(self.path, self.marks, self._manifests):
            raise absent
        return forgotten

    def replace(self, marks: Marks, manifests: dict[int, Manifest]) -> None:
        """These have been written in the place of all that was here."""
        self.marks, self._manifests = marks, manifests
        self._known, self._void = marks.committed, set()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Cursor]:
        """A transaction of this database, from which an error rolls back."""
        self._place.check()
        cursor = self._connection.cursor()
        try:
            cursor.execute("BEGIN IMMEDIATE")
            yield cursor
            cursor.execute("COMMIT")
        except (sqlite3.Error, OSError) as error:
            if self._connection.in_transaction:
                self._connection.rollback()
            raise CannotCreateError(f"{self.path}: {error}") from error
        finally:
            cursor.close()

    def close(self) -> None:
        """Close the database."""
        self._connection.close()
