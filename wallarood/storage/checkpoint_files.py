"""The database of checkpoints as a file: made, opened, looked into."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from wallarood.disk.durable import sync_directory
from wallarood.model.checkpoint import FIRST_CHECKPOINT
from wallarood.model.errors import CannotCreateError, DamagedStateError
from wallarood.model.ids import ClusterId
from wallarood.storage.checkpoint_rows import (
    SCHEMA_OF_CHANGES,
    SCHEMA_VERSION,
    TABLES,
    UNREADABLE,
    Manifest,
    Marks,
    damage,
    insert_manifest,
    is_whole,
    manifest_decoder,
    marks_decoder,
    put_marks,
    unreadable,
)
from wallarood.storage.checkpoints import CheckpointStore

BUSY_MS = 5000
LOG_BYTES_MAX = 16 << 20
"""What SQLite's log is cut to where a large checkpoint has made it longer."""


def create_checkpoints(path: Path, cluster_id: ClusterId) -> None:
    """Make a database that holds checkpoint 0; one that is there already stays.

    Raises CannotCreateError: it cannot be written.
    """
    if path.exists():
        return
    temporary = path.with_name(f".{path.name}.new")
    try:
        temporary.unlink(missing_ok=True)
        connection = sqlite3.connect(temporary, isolation_level=None)
        try:
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
            fill_new(connection, cluster_id)
        finally:
            connection.close()
        temporary.rename(path)
        sync_directory(path.parent)
    except (sqlite3.Error, OSError) as error:
        raise CannotCreateError(f"cannot create {path}: {error}") from error


def fill_new(connection: sqlite3.Connection, cluster_id: ClusterId) -> None:
    """Put tables and checkpoint 0 into an empty database."""
    connection.executescript(TABLES)
    cursor = connection.cursor()
    cursor.execute("BEGIN IMMEDIATE")
    _put_first(cursor, cluster_id)
    cursor.execute("COMMIT")


def begin_anew(store: CheckpointStore, cluster_id: ClusterId) -> None:
    """Make an open database that of another cluster, which begins."""
    with store.transaction() as cursor:
        marks, first = _put_first(cursor, cluster_id)
    store.replace(marks, {first.number: first})
    store.replicas.parts = {}


def _put_first(cursor: sqlite3.Cursor, cluster_id: ClusterId) -> tuple[Marks, Manifest]:
    """Put checkpoint 0 and the marks of a new cluster in the place of all that is here."""
    for (table,) in cursor.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table'"
    ).fetchall():
        cursor.execute(f"DELETE FROM {table}")
    marks, first = Marks(cluster_id), FIRST_CHECKPOINT
    manifest = Manifest(first.round, first.number, (), (), (), 0)
    insert_manifest(cursor, manifest)
    put_marks(cursor, marks)
    return marks, manifest


def open_checkpoints(path: Path, cluster_id: ClusterId) -> CheckpointStore:
    """Open the database of *cluster_id*.

    Raises DamagedStateError: it is missing, damaged, of a newer schema or of another cluster.
    Raises CannotCreateError: the disk refuses.
    """
    if not path.exists():
        raise damage(path, "it is missing, but the cluster exists")
    with _closed_by_errors(path, str(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA journal_size_limit = {LOG_BYTES_MAX}")
        return read_checkpoints(path, connection, cluster_id)


def was_opened(path: Path) -> bool:
    """Whether there is a database that was opened before: a new one has no rows of changes.

    A worker that has left a rollback journal died as it first put the database into WAL mode. That
    can be rolled back only by who opens it for writing.
    """
    return path.exists() and not path.with_name(f"{path.name}-journal").exists()


def inspect_checkpoints(path: Path, cluster_id: ClusterId) -> CheckpointStore:
    """Open the database for reading only, also while a worker uses it: as it is now.

    What the worker writes and prunes from now on is not seen. Raises as above.
    """
    if not path.exists():
        raise damage(path, "it is missing, but the cluster exists")
    with _closed_by_errors(path, f"{path.resolve().as_uri()}?mode=ro") as connection:
        connection.execute("BEGIN")
        return read_checkpoints(path, connection, cluster_id)


def of_changes(marks: Marks) -> Marks:
    """Marks that an older version of this program does not take for its own."""
    return msgspec.structs.replace(marks, schema=max(marks.schema, SCHEMA_OF_CHANGES))


@contextmanager
def looking_into(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection to the database for reading only, while it is looked at. Raises as above."""
    with _closed_by_errors(path, f"{path.resolve().as_uri()}?mode=ro") as connection:
        yield connection
        connection.close()


@contextmanager
def _closed_by_errors(path: Path, where: str) -> Iterator[sqlite3.Connection]:
    """A connection to *where* that an error closes, so that it holds no lock."""
    connection = None
    try:
        connection = sqlite3.connect(
            where, uri=where.startswith("file:"), isolation_level=None, check_same_thread=False
        )
        connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
        yield connection
    except BaseException as error:
        if connection is not None:
            connection.close()
        if isinstance(error, UNREADABLE):
            raise unreadable(path, error) from error
        raise


def read_checkpoints(
    path: Path, connection: sqlite3.Connection, cluster_id: ClusterId
) -> CheckpointStore:
    """The store of an open connection. Raises as `open_checkpoints`."""
    try:
        rows = connection.execute(
            "SELECT value, checksum FROM meta WHERE name = 'marks'"
        ).fetchall()
        found = connection.execute("SELECT number, manifest, checksum FROM checkpoint").fetchall()
    except UNREADABLE as error:
        raise unreadable(path, error) from error
    if len(rows) != 1 or not is_whole(*rows[0]):
        raise damage(path, "the marks have a wrong checksum")
    marks = marks_decoder.decode(rows[0][0])
    if marks.schema > SCHEMA_VERSION:
        raise DamagedStateError(
            f"{path} has schema version {marks.schema}, this version reads up to {SCHEMA_VERSION}: "
            "install the version that wrote it, or a newer one"
        )
    if marks.cluster_id != cluster_id:
        raise damage(path, f"it belongs to cluster {marks.cluster_id}, not {cluster_id}")
    manifests, left_out = _manifests(path, marks, found)
    return CheckpointStore(path, connection, marks, manifests, left_out)


def _manifests(
    path: Path, marks: Marks, rows: list[Any]
) -> tuple[dict[int, Manifest], tuple[str, ...]]:
    manifests, left_out = {}, []
    for number, data, written in rows:
        manifest = manifest_decoder.decode(data) if is_whole(data, written) else None
        if manifest is not None and manifest.number == number:
            manifests[number] = manifest
            continue
        error = damage(path, f"checkpoint {number} has a wrong checksum or number")
        if type(number) is not int or number <= marks.needed:
            raise error
        left_out.append(error.message)
    return manifests, tuple(left_out)
