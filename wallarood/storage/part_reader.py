"""Reads one part of a checkpoint out of a database that a worker may be writing meanwhile."""
# Theory of operation
# ===================
# The reader has a connection of its own, and sees the database as it was when it was opened: the
# worker goes on writing and pruning, and neither waits for the other. SQLite's log cannot be cut
# while somebody reads from before: so a part is read without delay, and the connection closed.

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import msgspec

from wallarood.model.errors import DamagedStateError
from wallarood.model.ids import ClusterId
from wallarood.model.messages.replicas import Chunk, PartHead, PartWanted
from wallarood.storage.checkpoint_files import inspect_checkpoints
from wallarood.storage.checkpoint_rows import UNREADABLE, Chain, damage, is_whole, unreadable
from wallarood.storage.checkpoints import CheckpointStore

READ_BYTES = 1 << 20
"""About how much of a part is read at once."""


def read_own_part(
    path: Path, cluster_id: ClusterId, wanted: PartWanted
) -> tuple[PartHead, Iterator[list[Chunk]]]:
    """The part of the worker whose database is at *path*, and its chunks, some at a time.

    Of the computations that *wanted* names slots of, all chunks; of others none. Raises
    DamagedStateError: it is not there, or damaged. Raises CannotCreateError: the disk refuses.
    """
    store = inspect_checkpoints(path, cluster_id)
    try:
        manifest = store.manifests.get(wanted.part.number)
        if manifest is None or manifest.round != wanted.part.round:
            raise DamagedStateError(
                f"{path} has no part of checkpoint {wanted.part.round}.{wanted.part.number}"
            )
        chosen = None if wanted.slots is None else {name for name, _ in wanted.slots}
        chains = [each for each in manifest.chains if chosen is None or each.computation in chosen]
        count = sum(count for chain in chains for _, count in chain.links)
        fields = msgspec.to_builtins(manifest)
        head = PartHead(wanted.part, fields, count, manifest.size_bytes)
        return head, _chunks(store, chains)
    except BaseException:
        store.close()
        raise


def _chunks(store: CheckpointStore, chains: list[Chain]) -> Iterator[list[Chunk]]:
    try:
        for chain in chains:
            for number, count in chain.links:
                yield from link_of(store, chain.computation, (number, count))
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
