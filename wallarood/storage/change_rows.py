"""What a worker must not forget of a change of its cluster, in the database of its checkpoints."""
# Theory of operation
# ===================
# The vote, what is staged of the next epoch, and the record of the epoch that was adopted are rows
# beside the marks of the checkpoints, so that one transaction holds all that adopting changes.
# There are none of them, and the file is as it ever was, until a change is first proposed.
#
# What is staged is the part of the basis that this worker has in the next epoch: a manifest, and
# the chunks that have come from others, under a negative number, which no checkpoint has. A
# chain may name chunks of checkpoints that are here as well: they stay, since no checkpoint above
# the basis is committed once a change was accepted. Several changes may be staged: one that was
# accepted somewhere may be finished after a later one was begun. Adopting one puts its manifest in
# the place of the basis, and deletes whatever it does not need.

import json
import sqlite3
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import attrs
import msgspec

from wallarood.model.change import Change, PartName, Vote
from wallarood.model.cluster_record import ClusterRecord
from wallarood.model.errors import DamagedStateError, LocalProtocolError, RefusedError
from wallarood.model.ids import ClusterId
from wallarood.model.messages.replicas import Chunk
from wallarood.model.staging import StagedChange
from wallarood.storage.checkpoint_files import begin_anew, looking_into, of_changes, was_opened
from wallarood.storage.checkpoint_rows import (
    UNREADABLE,
    Manifest,
    checksum,
    damage,
    insert_manifest,
    is_whole,
    prune,
    put_marks,
    unreadable,
)
from wallarood.storage.checkpoints import CheckpointStore
from wallarood.storage.copies.mending import put_back
from wallarood.storage.former import (
    chunks_of,
    kept_at_adoption,
    kept_parts,
    own_manifest,
    staged_manifest,
)
from wallarood.wire.strict import StructureError, structure, unstructure

T = TypeVar("T")

VOTE, STAGED, RECORD = "vote", "staged-", "record"


@attrs.define(eq=False)
class ChangeRows:
    """The rows of changes in the database of *store*. Raises as `CheckpointStore`."""

    store: CheckpointStore

    def become(self, cluster_id: ClusterId) -> None:
        """Be those of a cluster to join, unless they are: nothing here is in doubt any more."""
        if self.store.marks.cluster_id == cluster_id:
            return
        if self.staged():
            was = self.store.marks.cluster_id
            raise RefusedError(f"what is staged here may be decided in cluster {was}")
        begin_anew(self.store, cluster_id)

    def vote(self) -> Vote | None:
        """What was promised and accepted here; None: nothing was ever.

        Raises DamagedStateError: it is damaged, so nothing may be promised any more.
        """
        return self._read(VOTE, Vote)

    def write_vote(self, vote: Vote) -> None:
        """Put a vote in the place of the one before."""
        with self.store.transaction() as cursor:
            marks = of_changes(self.store.marks)
            put_marks(cursor, marks)
            _put(cursor, VOTE, vote)
        self.store.marks = marks

    def staged(self) -> tuple[StagedChange, ...]:
        """What is staged here, as a whole, the newest last."""
        return _staged(self.store.connection, self.store.path)

    def is_staged(self, change: Change) -> bool:
        """Whether *change* is staged as a whole."""
        return any(each.record.change == change for each in self.staged())

    def kept_parts(self) -> tuple[PartName, ...]:
        """What is here for others, and own parts of older layouts."""
        return kept_parts(self.store)

    def own_part(self, part: PartName) -> Any:
        """The own part *part*, as its head says it to others; None: it is not here."""
        return msgspec.to_builtins(own_manifest(self.store, part))

    def chunks_of(self, part: PartName, computation: str) -> list[bytes]:
        """The state of a computation in the own part *part*, which is here."""
        manifest = own_manifest(self.store, part)
        assert manifest is not None
        return list(chunks_of(self.store, manifest, computation))

    def put_chunks(self, chunks: Iterable[Chunk]) -> None:
        """Put back chunks that checkpoints of a lost worker have written, whose place this is."""
        put_back(self.store, chunks, unstage=_unstage)

    def put_part(self, head: Any, layout: int) -> None:
        """Put back what stood in its part of *layout* besides its chunks, which are here."""
        manifest = msgspec.convert(head, Manifest)
        marks = msgspec.structs.replace(self.store.marks, layout=layout)
        self._check_whole(manifest)
        with self.store.transaction() as cursor:
            insert_manifest(cursor, manifest)
            put_marks(cursor, marks)
        self.store.replace(marks, {**self.store.manifests, manifest.number: manifest})

    def begin(self) -> int:
        """Begin to stage a change, what was not finished is gone; returns the number of it."""
        marks = of_changes(self.store.marks)
        whole = {each.part.number for each in self.staged()}
        number = marks.stagings + 1
        staged = tuple(sorted(whole & set(marks.staged)))
        marks = msgspec.structs.replace(marks, staged=(*staged, number), stagings=number)
        with self.store.transaction() as cursor:
            for gone in set(self.store.marks.staged) - whole:
                _unstage(cursor, gone)
            put_marks(cursor, marks)
        self.store.marks = marks
        return number

    def add(self, number: int, computation: str, chunks: Iterable[bytes], *, after: int) -> None:
        """Put chunks of a computation after the *after* that were put before."""
        rows = [
            (-number, computation, sequence, data, checksum(data))
            for sequence, data in enumerate(chunks, start=after)
        ]
        with self.store.transaction() as cursor:
            cursor.executemany("INSERT INTO chunk VALUES (?, ?, ?, ?, ?)", rows)

    def settle(self) -> None:
        """Put SQLite's log into the file now, or later: the writes that follow then need not."""
        with suppress(sqlite3.Error):
            self.store.connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def finish(self, staged: StagedChange) -> None:
        """All chunks of *staged* are here. LocalProtocolError: another one was begun since."""
        if staged.part.number not in self.store.marks.staged:
            raise LocalProtocolError(f"staging {staged.part.number} has not begun here")
        with self.store.transaction() as cursor:
            _put(cursor, f"{STAGED}{staged.part.number}", staged)

    def unstage(self) -> None:
        """What is staged will never be, and the files that have come with it are of no use."""
        if not self.store.marks.staged:
            return
        from wallarood.disk.incoming import IncomingFiles  # noqa: PLC0415 - after a change

        IncomingFiles(self.store.path.parent).forget()
        marks = msgspec.structs.replace(self.store.marks, staged=())
        with self.store.transaction() as cursor:
            for number in self.store.marks.staged:
                _unstage(cursor, number)
            put_marks(cursor, marks)
        self.store.marks = marks

    def adopt(self, record: ClusterRecord) -> ClusterRecord:
        """Make the epoch of *record* the one of this worker, in one transaction, unless it is.

        Returns the record that was staged. Raises DamagedStateError: it is not staged here.
        """
        known = self.record()
        if known is not None and known.change == record.change:
            return known  # the disk refused what was to follow, and all of it is tried again
        staged = next((each for each in self.staged() if each.record.change == record.change), None)
        change = record.change
        if change is None or staged is None:
            raise DamagedStateError(f"{self.store.path}: what was decided is not staged here")
        manifest, basis = staged_manifest(staged.part), change.basis
        part = PartName(change.epoch - 1, record.worker, basis.round, basis.number)
        before = self.store.marks
        marks = msgspec.structs.replace(
            of_changes(before),
            round=change.round,
            highest=max(self.store.highest, manifest.number),
            committed=manifest.number,
            kept={},
            line=max(before.line, change.line),
            staged=(),
            layout=change.epoch,
            former=kept_at_adoption(self.store, part, staged.record),
            chosen=manifest.number,
        )
        self._check_whole(manifest)
        manifests: dict[int, Manifest] = {manifest.number: manifest}
        with self.store.transaction() as cursor:
            cursor.execute("DELETE FROM checkpoint")
            insert_manifest(cursor, manifest)
            put_marks(cursor, marks)
            _put(cursor, RECORD, staged.record)
            cursor.execute("DELETE FROM meta WHERE name = ?", (VOTE,))
            for number in before.staged:
                cursor.execute("DELETE FROM meta WHERE name = ?", (f"{STAGED}{number}",))
            prune(cursor, manifests, marks, known=manifest.number, void=frozenset())
            replicas = self.store.replicas.void(cursor, above=manifest.number)
        self.store.replace(marks, manifests)
        self.store.replicas.parts = replicas
        return staged.record

    def _check_whole(self, manifest: Manifest) -> None:
        """Raises DamagedStateError: chunks that *manifest* names are not here."""
        for chain in manifest.chains:
            for number, count in chain.links:
                [(found,)] = self.store.connection.execute(
                    "SELECT COUNT(*) FROM chunk WHERE number = ? AND computation = ?",
                    (number, chain.computation),
                )
                if found != count:
                    what = f"the state of {chain.computation!r} that was staged is not whole"
                    raise damage(self.store.path, what)

    def record(self) -> ClusterRecord | None:
        """The record of the epoch that was adopted last; None: none ever was."""
        return self._read(RECORD, ClusterRecord)

    def _read(self, name: str, kind: type[T]) -> T | None:
        return _read(self.store.connection, self.store.path, name, kind=kind)


@attrs.frozen
class Found:
    """What a database has of changes: the record adopted last, the vote, what is staged."""

    record: ClusterRecord | None = None
    vote: Vote | None = None
    staged: tuple[StagedChange, ...] = ()


def look_at_changes(path: Path) -> Found:
    """What the database at *path* has of changes, also while a worker uses it.

    Raises DamagedStateError: it is damaged. Raises CannotCreateError: the disk refuses.
    """
    if not was_opened(path):
        return Found()
    with looking_into(path) as connection:
        return Found(
            _read(connection, path, RECORD, kind=ClusterRecord),
            _read(connection, path, VOTE, kind=Vote),
            _staged(connection, path),
        )


def adopted_record(path: Path) -> ClusterRecord | None:
    """The record of the epoch that was adopted last; None: none ever was. Raises as above."""
    if not was_opened(path):
        return None
    with looking_into(path) as connection:
        return _read(connection, path, RECORD, kind=ClusterRecord)


def _read(connection: sqlite3.Connection, path: Path, name: str, *, kind: type[T]) -> T | None:
    try:
        rows = connection.execute(
            "SELECT value, checksum FROM meta WHERE name = ?", (name,)
        ).fetchall()
    except UNREADABLE as error:
        raise unreadable(path, error) from error
    if not rows:
        return None
    if len(rows) != 1 or not is_whole(*rows[0]):
        raise damage(path, f"the {name} has a wrong checksum")
    try:
        return structure(json.loads(rows[0][0]), kind)
    except (ValueError, StructureError) as error:
        raise damage(path, f"the {name} is malformed: {error}") from None


def _staged(connection: sqlite3.Connection, path: Path) -> tuple[StagedChange, ...]:
    names = connection.execute("SELECT name FROM meta WHERE name GLOB ?", (f"{STAGED}*",))
    found = [_read(connection, path, name, kind=StagedChange) for (name,) in names.fetchall()]
    return tuple(sorted((each for each in found if each), key=lambda each: each.part.number))


def _unstage(cursor: Any, number: int) -> None:
    cursor.execute("DELETE FROM meta WHERE name = ?", (f"{STAGED}{number}",))
    cursor.execute("DELETE FROM chunk WHERE number = ?", (-number,))


def _put(cursor: Any, name: str, value: Vote | StagedChange | ClusterRecord) -> None:
    data = json.dumps(unstructure(value)).encode()
    cursor.execute("INSERT OR REPLACE INTO meta VALUES (?, ?, ?)", (name, data, checksum(data)))
