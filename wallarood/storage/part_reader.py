"""Reads one part of a checkpoint out of a database that a worker may be writing meanwhile."""
# Theory of operation
# ===================
# The reader has a connection of its own, and sees the database as it was when it was opened: the
# worker goes on writing and pruning, and neither waits for the other. SQLite's log cannot be cut
# while somebody reads from before: so a part is read without delay, and the connection closed.

import sqlite3
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TypeAlias

import attrs
import msgspec

from wallarood.model.change import PartName
from wallarood.model.checkpoint import CheckpointPart
from wallarood.model.errors import DamagedStateError
from wallarood.model.ids import ClusterId
from wallarood.model.messages.replicas import LAST, Chunk, ChunkGroup, PartHead, PartWanted
from wallarood.storage.checkpoint_files import inspect_checkpoints
from wallarood.storage.checkpoint_rows import (
    UNREADABLE,
    Manifest,
    damage,
    is_whole,
    manifest_of,
    unreadable,
)
from wallarood.storage.checkpoints import CheckpointStore
from wallarood.storage.former import own_manifest
from wallarood.storage.replicas import groups_of

READ_BYTES = 1 << 20
"""About how much of a part is read at once."""

PartRead: TypeAlias = tuple[PartHead, Iterator[list[Chunk]]]
"""The head of a part, and its chunks, some at a time."""


def read_own_part(
    path: Path, cluster_id: ClusterId, wanted: PartWanted, *, there: Collection[ChunkGroup] = ()
) -> PartRead:
    """The part of the worker whose database is at *path*, and its chunks, some at a time.

    Of the computations that *wanted* names slots of, all chunks; of others none. What is *there*
    already is left out. The number `LAST` is that of the last part that is known committed. Raises
    DamagedStateError: it is not there, or damaged. Raises CannotCreateError: the disk refuses.
    """
    store = inspect_checkpoints(path, cluster_id)
    try:
        head, chunks = own_part(store, wanted, there)
    except BaseException:
        store.close()
        raise
    return head, _then_close(store, chunks)


def own_part(store: CheckpointStore, wanted: PartWanted, there: Collection[ChunkGroup]) -> PartRead:
    """A part out of an open store; as above."""
    part, last = wanted.part, wanted.part.number == LAST
    manifest = store.manifests.get(store.marks.committed) if last else own_manifest(store, part)
    if manifest is None:
        raise DamagedStateError(f"{store.path} has no part {shown(part)}")
    part = attrs.evolve(part, round=manifest.round, number=manifest.number)
    groups = _chosen(manifest, wanted, there)
    chunks = (
        some
        for group in groups
        for some in link_of(store, group.computation, (group.number, group.count))
    )
    return _head_of(part, manifest, groups), chunks


def captured_part(
    store: CheckpointStore, part: CheckpointPart, layout: int
) -> tuple[PartHead, tuple[Chunk, ...]]:
    """The head of a part that *store* is about to write, and its own chunks.

    Raises CannotCreateError: the checkpoint that it builds on is not here.
    """
    checkpoint, manifests = part.checkpoint, store.manifests
    manifest = manifest_of(part, manifests, committed=store.marks.committed)
    chunks = tuple(
        Chunk(state.computation, checkpoint.number, sequence, data)
        for state in part.states
        for sequence, data in enumerate(state.chunks)
    )
    name = PartName(layout, part.worker, checkpoint.round, checkpoint.number)
    return _head_of(name, manifest, list(groups_of(manifest))), chunks


def read_replica(path: Path, cluster_id: ClusterId, wanted: PartWanted) -> PartRead:
    """The replica of another worker's part that is in the database at *path*; as above."""
    store = inspect_checkpoints(path, cluster_id)
    try:
        part = wanted.part
        manifest = store.replicas.parts.get((part.layout, part.owner), {}).get(part.number)
        if manifest is None or manifest.round != part.round:
            raise DamagedStateError(f"{path} has no replica of part {shown(part)}")
        groups = _chosen(manifest, wanted, ())
        owner, replicas = (part.layout, part.owner), store.replicas
        chunks = (replicas.chunks(owner, group) for group in groups)
        return _head_of(part, manifest, groups), _then_close(store, chunks)
    except BaseException:
        store.close()
        raise


def shown(part: PartName) -> str:
    """A part for a message."""
    return f"{part.round}.{part.number} of {part.owner}"


def _chosen(
    manifest: Manifest, wanted: PartWanted, there: Collection[ChunkGroup]
) -> list[ChunkGroup]:
    named = None if wanted.slots is None else {name for name, _ in wanted.slots}
    return [
        group
        for group in groups_of(manifest)
        if group not in there and (named is None or group.computation in named)
    ]


def _head_of(part: PartName, manifest: Manifest, groups: list[ChunkGroup]) -> PartHead:
    count = sum(group.count for group in groups)
    fields = msgspec.to_builtins(manifest)
    return PartHead(part, fields, count, manifest.size_bytes, tuple(groups))


def _then_close(store: CheckpointStore, chunks: Iterator[list[Chunk]]) -> Iterator[list[Chunk]]:
    try:
        yield from chunks
    finally:
        store.close()


def link_of(
    store: CheckpointStore, computation: str, link: tuple[int, int]
) -> Iterator[list[Chunk]]:
    """The chunks of *link* (checkpoint, how many) of a computation, some at a time.

    Raises DamagedStateError: one is missing or damaged.
    """
    number, count = link
    some: list[Chunk] = []
    size = 0
    for sequence in range(count):
        some.append(_chunk(store.connection, store.path, Chunk(computation, number, sequence, b"")))
        size += len(some[-1].data)
        if size >= READ_BYTES:
            yield some
            some, size = [], 0
    if some:
        yield some


def _chunk(connection: sqlite3.Connection, path: Path, which: Chunk) -> Chunk:
    try:
        found = connection.execute(
            "SELECT data, checksum FROM chunk "
            "WHERE number = ? AND computation = ? AND sequence = ?",
            (which.number, which.computation, which.sequence),
        ).fetchone()
    except UNREADABLE as error:
        raise unreadable(path, error) from error
    if found is None or not is_whole(*found):
        state = "is missing" if found is None else "has a wrong checksum"
        what = f"chunk {which.sequence} of {which.computation!r} in checkpoint {which.number}"
        raise damage(path, f"{what} {state}")
    data: bytes = found[0]
    return Chunk(which.computation, which.number, which.sequence, data)
