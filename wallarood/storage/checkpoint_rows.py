"""The rows of the checkpoint database: what stands in them, and which of them are needed."""

import sqlite3
from collections.abc import Iterator, Mapping, Set
from pathlib import Path
from typing import Any

import msgspec
from xxhash import xxh3_64_intdigest

from wallarood.model.checkpoint import (
    CheckpointId,
    CheckpointPart,
    LeftSink,
    Restored,
    SinkPart,
    SourcePosition,
)
from wallarood.model.errors import CannotCreateError, DamagedStateError
from wallarood.model.ids import ClusterId, WorkerName

SCHEMA_VERSION = 2
"""The highest that is read."""
SCHEMA_OF_CHANGES = 2
"""That of a file with rows of a change of the cluster; without them it is of the first."""
OPEN_MAX = 32
"""How many checkpoints are held above the last that is known committed.

The leader looks for the last of parts of far fewer (`LATE_NUMBERS_MAX`): an older one can be
committed no more, since no check would find out.
"""
PRIMARY_CODE = 0xFF
"""The part of an SQLite error code that all errors of a kind share."""

REFUSALS = frozenset(
    (
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
    )
)
"""Kinds of errors that say nothing about what is in the file."""

UNREADABLE = (sqlite3.Error, UnicodeDecodeError)
"""What a read of a damaged file raises; the latter where SQLite's own message has damaged text."""

TABLES = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL, checksum INTEGER NOT NULL);
CREATE TABLE checkpoint (
    number INTEGER PRIMARY KEY, manifest BLOB NOT NULL, checksum INTEGER NOT NULL);
CREATE TABLE chunk (
    number INTEGER NOT NULL, computation TEXT NOT NULL, sequence INTEGER NOT NULL,
    data BLOB NOT NULL, checksum INTEGER NOT NULL,
    PRIMARY KEY (number, computation, sequence));
"""


class Chain(msgspec.Struct, frozen=True, omit_defaults=True):
    """The chunks of one computation at a checkpoint: (checkpoint number, how many), base first.

    One that is `narrowed` has slots that are on other workers now: they are not to be restored.
    """

    computation: str
    links: tuple[tuple[int, int], ...]
    narrowed: bool = False


class Manifest(msgspec.Struct, frozen=True):
    """What stands in a checkpoint's row. Positions and sink values are JSON values."""

    round: int
    number: int
    sources: tuple[tuple[str, str, Any, bool], ...]
    sinks: tuple[tuple[str, Any, tuple[Any, ...]], ...]
    chains: tuple[Chain, ...]
    size_bytes: int
    left: tuple[tuple[str, int, int, tuple[str, Any, tuple[Any, ...]]], ...] = ()

    @property
    def checkpoint(self) -> CheckpointId:
        """The name of the checkpoint."""
        return CheckpointId(self.round, self.number)


class FormerPart(msgspec.Struct, frozen=True):
    """What *owner*, this worker, had of its basis in an older layout: see `storage.former`."""

    layout: int
    owner: WorkerName
    manifest: Manifest
    back: bool = False


class Marks(msgspec.Struct, frozen=True):
    """What a worker must never forget, whatever it holds."""

    cluster_id: ClusterId
    schema: int = 1
    round: int = 0
    highest: int = 0
    committed: int = 0
    kept: dict[str, int] = {}
    line: int = 0
    staged: tuple[int, ...] = ()
    """What is staged, or begun to be, of a change: its chunks have this number, negative."""
    stagings: int = 0
    """How often staging has begun: the highest of these numbers."""
    layout: int = 1
    """The epoch whose topology says what the parts here are; `former` are of older ones."""
    former: tuple[FormerPart, ...] = ()
    chosen: int = 0
    """Where the last round starts: committed once that has begun, and not to be lost before."""

    @property
    def needed(self) -> int:
        """The highest checkpoint that cannot be done without."""
        return max(self.committed, self.chosen)


manifest_decoder = msgspec.json.Decoder(Manifest)
marks_decoder = msgspec.json.Decoder(Marks)


def insert_manifest(cursor: sqlite3.Cursor, manifest: Manifest) -> None:
    """Put a checkpoint's row."""
    data = msgspec.json.encode(manifest)
    row = (manifest.number, data, checksum(data))
    cursor.execute("INSERT OR REPLACE INTO checkpoint VALUES (?, ?, ?)", row)


def put_marks(cursor: sqlite3.Cursor, marks: Marks) -> None:
    """Put the marks in the place of those before."""
    data = msgspec.json.encode(marks)
    cursor.execute("INSERT OR REPLACE INTO meta VALUES ('marks', ?, ?)", (data, checksum(data)))


def prune(
    cursor: sqlite3.Cursor,
    manifests: dict[int, Manifest],
    marks: Marks,
    *,
    known: int,
    void: Set[int],
) -> dict[int, Manifest]:
    """Delete what no retained checkpoint needs; return the retained ones.

    *void* can never be committed. *known* is the highest that is known committed, on disk or not.
    """
    needless = void | set(sorted(n for n in manifests if n > known and n not in void)[:-OPEN_MAX])
    retained = {
        n: m
        for n, m in manifests.items()
        if n in marks.kept.values() or (n >= marks.committed and n not in needless)
    }
    needed = {
        (number, chain.computation)
        for manifest in (*retained.values(), *(each.manifest for each in marks.former))
        for chain in manifest.chains
        for number, _ in chain.links
    }
    found = cursor.execute("SELECT DISTINCT number, computation FROM chunk").fetchall()
    gone = {each for each in found if -each[0] not in marks.staged} - needed
    cursor.executemany("DELETE FROM chunk WHERE number = ? AND computation = ?", list(gone))
    rows = [(number,) for number in manifests if number not in retained]
    cursor.executemany("DELETE FROM checkpoint WHERE number = ?", rows)
    return retained


def checksum(data: bytes) -> int:
    """xxh3_64 as SQLite's signed 64-bit integer."""
    digest = xxh3_64_intdigest(data)
    return digest - (1 << 64) if digest >= 1 << 63 else digest


def damage(path: Path, what: str) -> DamagedStateError:
    """The error for a database that is not as it was written, with the choices."""
    return DamagedStateError(
        f"{path} is damaged: {what}; restore a copy of the state directory (it may be one made at "
        "a checkpoint that the others have kept), or end the cluster and form a new one"
    )


def is_whole(data: object, written: object) -> bool:
    """Whether a value is the bytes that were written; a damaged one may be of any type."""
    return isinstance(data, bytes) and checksum(data) == written


def unreadable(path: Path, error: Exception) -> DamagedStateError | CannotCreateError:
    """The error for a read that failed: what is there is damaged, or the disk refuses to say.

    To read, too, SQLite has to write: the index of its log, which a full disk has no room for.
    """
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & PRIMARY_CODE
    if code in REFUSALS:
        return CannotCreateError(
            f"{path} cannot be read: {error}; is the disk full, failing or read-only?"
        )
    return damage(path, str(error))


def manifest_of(
    part: CheckpointPart, manifests: Mapping[int, Manifest], *, committed: int
) -> Manifest:
    """The manifest of a part that is written where *manifests* are and *committed* is the highest.

    Raises CannotCreateError: the checkpoint that it builds on is not here.
    """
    number = part.checkpoint.number
    chains = []
    for state in part.states:
        before = Chain(state.computation, ())
        if not state.base:
            # A checkpoint may have proved committed after this part was captured, and the one
            # that it was captured against is gone: what changed since then is all here.
            before = _chain(manifests, max(state.since, committed), state.computation)
        own = ((number, len(state.chunks)),) if state.chunks else ()
        chains.append(msgspec.structs.replace(before, links=before.links + own))
    return Manifest(
        part.checkpoint.round,
        number,
        tuple((s.source, s.partition, s.position, s.ended) for s in part.sources),
        tuple((s.step, s.state, s.unpublished) for s in part.sinks),
        tuple(chains),
        sum(len(chunk) for state in part.states for chunk in state.chunks),
    )


def _chain(manifests: Mapping[int, Manifest], number: int, computation: str) -> Chain:
    manifest = manifests.get(number)
    if manifest is None:
        raise CannotCreateError(f"checkpoint {number}, which this one builds on, is not here")
    for chain in manifest.chains:
        if chain.computation == computation:
            return chain
    return Chain(computation, ())


def read_chunks(
    connection: sqlite3.Connection, path: Path, *, link: int, of: str, count: int
) -> list[bytes]:
    """The *count* chunks of computation *of* that checkpoint *link* has written.

    Raises DamagedStateError: they are not what was written. Raises CannotCreateError: the disk.
    """
    try:
        rows = connection.execute(
            "SELECT sequence, data, checksum FROM chunk WHERE number = ? AND computation = ? "
            "ORDER BY sequence",
            (link, of),
        ).fetchall()
    except UNREADABLE as error:
        raise unreadable(path, error) from error
    what = f"the state of {of!r} in checkpoint {link}"
    if [sequence for sequence, _, _ in rows] != list(range(count)):
        raise damage(path, f"{what}: {len(rows)} of {count} chunks are there")
    for sequence, data, written in rows:
        if not is_whole(data, written):
            raise damage(path, f"{what}: chunk {sequence} has a wrong checksum")
    return [data for _, data, _ in rows]


def restored_of(manifest: Manifest, chunks: dict[str, list[bytes]]) -> Restored:
    """A part as it is given back; *chunks* are those of each of its computations."""
    return Restored(
        manifest.checkpoint,
        tuple(SourcePosition(*each) for each in manifest.sources),
        tuple(SinkPart(*each) for each in manifest.sinks),
        chunks,
        frozenset(chain.computation for chain in manifest.chains if chain.narrowed),
        tuple(LeftSink(*each[:3], SinkPart(*each[3])) for each in manifest.left),
    )


def missing(
    path: Path, marks: Marks, manifests: Mapping[int, Manifest]
) -> Iterator[DamagedStateError]:
    """What must be among *manifests* and is not."""
    if marks.committed not in manifests:
        yield damage(path, f"checkpoint {marks.committed}, known committed, is not there")
    if marks.needed not in manifests:
        yield damage(path, f"checkpoint {marks.needed}, where a round starts, is not there")
    for name, number in marks.kept.items():
        if number <= marks.needed and number not in manifests:
            yield damage(path, f"checkpoint {number}, kept as {name!r}, is not there")
