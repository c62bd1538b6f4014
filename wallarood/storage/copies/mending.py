"""A worker's own parts that are damaged on its disk, put right from their copies elsewhere."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec

from wallarood.model.checkpoint import CheckpointId
from wallarood.model.errors import DamagedStateError
from wallarood.model.ids import ClusterId
from wallarood.model.messages.replicas import Chunk, PartHead
from wallarood.storage.checkpoint_files import open_checkpoints
from wallarood.storage.checkpoint_rows import checksum, put_marks
from wallarood.storage.checkpoints import CheckpointStore
from wallarood.storage.replicas import groups_of


def damaged_parts(path: Path, cluster_id: ClusterId) -> list[CheckpointId]:
    """The checkpoints in the database at *path* that cannot be done without, and are damaged.

    Raises DamagedStateError: more than chunks of them is. Raises CannotCreateError.
    """
    store = open_checkpoints(path, cluster_id)
    damaged = []
    try:
        for number, manifest in sorted(store.manifests.items()):
            if number <= store.marks.needed:
                try:
                    store.restore(number)
                except DamagedStateError:
                    damaged.append(manifest.checkpoint)
    finally:
        store.close()
    return damaged


def mend_part(
    path: Path, cluster_id: ClusterId, head: PartHead, *, chunks: Iterable[Chunk]
) -> None:
    """Put the *chunks* of a part in the place of those that are there.

    Raises DamagedStateError: the copy is none of this part. Raises CannotCreateError.
    """
    store = open_checkpoints(path, cluster_id)
    try:
        manifest = store.manifests.get(head.part.number)
        if manifest is None or msgspec.json.encode(head.manifest) != msgspec.json.encode(manifest):
            raise DamagedStateError(f"{path}: the copy of checkpoint {head.part} is of another")
        with store.transaction() as cursor:
            cursor.executemany(
                "DELETE FROM chunk WHERE number = ? AND computation = ?",
                [(group.number, group.computation) for group in groups_of(manifest)],
            )
            cursor.executemany(
                "INSERT INTO chunk VALUES (?, ?, ?, ?, ?)",
                [(c.number, c.computation, c.sequence, c.data, checksum(c.data)) for c in chunks],
            )
    finally:
        store.close()


def put_back(
    store: CheckpointStore, chunks: Iterable[Chunk], *, unstage: Callable[[Any, int], None]
) -> None:
    """Put *chunks* of a lost worker into the *store* of the one that takes its place.

    What that one had staged has its numbers here, too, and no other: none is given again, and what
    was begun here under one of them goes by *unstage*.
    """
    rows = [(c.number, c.computation, c.sequence, c.data, checksum(c.data)) for c in chunks]
    theirs, before = {-row[0] for row in rows if row[0] < 0}, store.marks
    staged = tuple(each for each in before.staged if each not in theirs)
    stagings = max(before.stagings, *theirs, 0)
    marks = msgspec.structs.replace(before, staged=staged, stagings=stagings)
    with store.transaction() as cursor:
        for number in theirs & set(before.staged):
            unstage(cursor, number)
        if marks != before:
            put_marks(cursor, marks)
        cursor.executemany("INSERT OR REPLACE INTO chunk VALUES (?, ?, ?, ?, ?)", rows)
    store.marks = marks
