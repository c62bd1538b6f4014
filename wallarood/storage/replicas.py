"""Replicas: parts of other workers' checkpoints, kept in the database of this worker's own."""
# Theory of operation
# ===================
# The rows are those of a worker's own parts, under the layout and the owner's name. They are in the
# same database, so that one transaction makes a choice durable and voids what is above it, for
# every owner. The tables are made with the first replica: without any, nothing here costs.
#
# Chunks may come before the part that they are of, some at a time; they count from the moment the
# part's own row is there, which is written last and only if all of its chunks are. So what a broken
# connection has left is not lost: the owner is told which chunks are here, and sends the others.
#
# Retained are: the last replica that is known committed, what was kept by name, and what may yet be
# committed. Replicas of an older layout go when a checkpoint of a newer one is committed.

import sqlite3
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TypeAlias

import attrs
import msgspec

from wallarood.model.change import PartName
from wallarood.model.checkpoint import Restored
from wallarood.model.errors import DamagedStateError, RemoteProtocolError
from wallarood.model.ids import WorkerName
from wallarood.model.messages.replicas import Chunk, ChunkGroup, Has
from wallarood.storage.checkpoint_rows import (
    OPEN_MAX,
    UNREADABLE,
    Manifest,
    Marks,
    checksum,
    is_whole,
    manifest_decoder,
    restored_of,
    unreadable,
)

TABLES = (
    """CREATE TABLE IF NOT EXISTS replica (
    layout INTEGER NOT NULL, owner TEXT NOT NULL, number INTEGER NOT NULL,
    manifest BLOB NOT NULL, checksum INTEGER NOT NULL, PRIMARY KEY (layout, owner, number))""",
    """CREATE TABLE IF NOT EXISTS replica_chunk (
    layout INTEGER NOT NULL, owner TEXT NOT NULL, number INTEGER NOT NULL,
    computation TEXT NOT NULL, sequence INTEGER NOT NULL,
    data BLOB NOT NULL, checksum INTEGER NOT NULL,
    PRIMARY KEY (layout, owner, number, computation, sequence))""",
)
_DELETE_GROUP = (
    "DELETE FROM replica_chunk WHERE layout = ? AND owner = ? AND number = ? AND computation = ?"
)

Owner: TypeAlias = tuple[int, WorkerName]
"""A layout, and whose part it is in it."""


@attrs.define(eq=False)
class Replicas:
    """The replicas in an open database, read when it was opened.

    *transaction* gives a cursor that makes durable what was done with it, and *marks* are those of
    the database now. Raises as the store of which it is a part.
    """

    path: Path
    connection: sqlite3.Connection
    transaction: Callable[[], AbstractContextManager[sqlite3.Cursor]]
    marks: Callable[[], Marks]
    parts: dict[Owner, dict[int, Manifest]] = attrs.field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        if not self._there:
            return
        for layout, owner, number, data, written in self._all("SELECT * FROM replica"):
            manifest = manifest_decoder.decode(data) if is_whole(data, written) else None  # type: ignore[arg-type]
            if manifest is not None and manifest.number == number:
                owned = self.parts.setdefault((int(layout), str(owner)), {})  # type: ignore[call-overload]
                owned[manifest.number] = manifest

    @property
    def _there(self) -> bool:
        """Whether the database has the tables."""
        return bool(self._all("SELECT 1 FROM sqlite_master WHERE name = 'replica'"))

    def _all(self, query: str, values: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
        try:
            return self.connection.execute(query, values).fetchall()
        except UNREADABLE as error:
            raise unreadable(self.path, error) from error

    # ---- what is here ----------------------------------------------------------------------------

    @property
    def held(self) -> tuple[PartName, ...]:
        """The replicas that are here."""
        return tuple(
            PartName(layout, owner, manifest.round, number)
            for (layout, owner), manifests in sorted(self.parts.items())
            for number, manifest in sorted(manifests.items())
        )

    def groups(self, owner: Owner) -> tuple[ChunkGroup, ...]:
        """How many chunks of each computation and checkpoint are here of *owner*."""
        if not self._there:
            return ()
        found = self._all(
            "SELECT computation, number, COUNT(*) FROM replica_chunk "
            "WHERE layout = ? AND owner = ? GROUP BY computation, number",
            owner,
        )
        return tuple(ChunkGroup(*each) for each in found)  # type: ignore[arg-type]

    def chunks(self, owner: Owner, group: ChunkGroup) -> list[Chunk]:
        """The chunks of *group*. Raises DamagedStateError: they are not what was written."""
        rows = self._all(
            "SELECT sequence, data, checksum FROM replica_chunk WHERE layout = ? AND owner = ? "
            "AND number = ? AND computation = ? ORDER BY sequence",
            (*owner, group.number, group.computation),
        )
        whole = [sequence for sequence, data, written in rows if is_whole(data, written)]
        if whole != list(range(group.count)):
            raise DamagedStateError(
                f"{self.path}: the replica of {group.computation!r} of {owner[1]} in checkpoint "
                f"{group.number} is damaged: {len(whole)} of {group.count} chunks are whole"
            )
        return [
            Chunk(group.computation, group.number, sequence, data)  # type: ignore[arg-type]
            for sequence, data, _ in rows
        ]

    @property
    def highest(self) -> int:
        """The highest checkpoint of which there is a replica."""
        return max((number for owned in self.parts.values() for number in owned), default=0)

    def has(self, owner: Owner) -> Has:
        """What is here of *owner*."""
        layout, name = owner
        owned = self.parts.get(owner, {})
        parts = tuple(PartName(layout, name, m.round, n) for n, m in sorted(owned.items()))
        return Has(parts, self.groups(owner))

    def restore(self, part: PartName) -> Restored:
        """Read a replica with all its state.

        Raises DamagedStateError: it is not here, or not what was written.
        """
        owner = part.layout, part.owner
        manifest = self.parts.get(owner, {}).get(part.number)
        if manifest is None or manifest.round != part.round:
            raise DamagedStateError(f"{self.path} has no replica {part}")
        chunks: dict[str, list[bytes]] = {chain.computation: [] for chain in manifest.chains}
        for group in groups_of(manifest):
            found = [chunk.data for chunk in self.chunks(owner, group)]
            chunks[group.computation] += found
        return restored_of(manifest, chunks)

    # ---- what comes ------------------------------------------------------------------------------

    def stage(self, owner: Owner, chunks: Collection[Chunk]) -> bool:
        """Write chunks of a part that is not whole yet, in the place of what a failure has left."""
        with self.transaction() as cursor:
            self._put(cursor, owner, chunks)
        return True

    def write(self, part: PartName, fields: object, chunks: Collection[Chunk]) -> bool:
        """Write the last *chunks* of a part, and the part itself; not if others are missing.

        Returns whether it is here now. Raises RemoteProtocolError: *fields* are no manifest of it.
        """
        manifest = _manifest_of(part, fields)
        owner = part.layout, part.owner
        data = msgspec.json.encode(manifest)
        with self.transaction() as cursor:
            self._put(cursor, owner, chunks)
            if not set(self.groups(owner)).issuperset(groups_of(manifest)):
                return False
            cursor.execute(
                "INSERT OR REPLACE INTO replica VALUES (?, ?, ?, ?, ?)",
                (*owner, part.number, data, checksum(data)),
            )
            parts = {**self.parts, owner: {**self.parts.get(owner, {}), part.number: manifest}}
            parts[owner] = self._prune(cursor, owner, parts[owner])
        self.parts = parts
        return True

    def _put(self, cursor: sqlite3.Cursor, owner: Owner, chunks: Collection[Chunk]) -> None:
        for statement in TABLES:
            cursor.execute(statement)
        cursor.executemany(
            "INSERT OR REPLACE INTO replica_chunk VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                (*owner, c.number, c.computation, c.sequence, c.data, checksum(c.data))
                for c in chunks
            ],
        )

    # ---- what goes -------------------------------------------------------------------------------

    def void(self, cursor: sqlite3.Cursor, *, above: int) -> dict[Owner, dict[int, Manifest]]:
        """Delete what is above a checkpoint that is chosen, of every owner; `parts` after that."""
        if self._there:
            cursor.execute("DELETE FROM replica WHERE number > ?", (above,))
            cursor.execute("DELETE FROM replica_chunk WHERE number > ?", (above,))
        return {
            owner: {number: each for number, each in owned.items() if number <= above}
            for owner, owned in self.parts.items()
        }

    def discard(self, number: int) -> None:
        """Delete the replicas of a checkpoint that can never be committed."""
        if not any(number in owned for owned in self.parts.values()):
            return
        with self.transaction() as cursor:
            cursor.execute("DELETE FROM replica WHERE number = ?", (number,))
        for owned in self.parts.values():
            owned.pop(number, None)

    def forget_older(self, layout: int) -> None:
        """Delete what is of a layout before *layout*, of which a checkpoint is committed."""
        older = [owner for owner in self.parts if owner[0] < layout]
        if not older:
            return
        with self.transaction() as cursor:
            cursor.execute("DELETE FROM replica WHERE layout < ?", (layout,))
            cursor.execute("DELETE FROM replica_chunk WHERE layout < ?", (layout,))
        self.parts = {owner: owned for owner, owned in self.parts.items() if owner not in older}

    def drop_damaged(self) -> list[str]:
        """Delete the replicas that are not what was written; returns which, in words."""
        problems = []
        for part in self.held:
            try:
                self.restore(part)
            except DamagedStateError as error:
                problems.append(error.message)
                self._delete(part)
        return problems

    def _delete(self, part: PartName) -> None:
        """Delete a replica and all chunks that it is made of: damage may be in any of them."""
        owner = part.layout, part.owner
        manifest = self.parts[owner].pop(part.number)
        with self.transaction() as cursor:
            cursor.execute(
                "DELETE FROM replica WHERE layout = ? AND owner = ? AND number = ?",
                (*owner, part.number),
            )
            cursor.executemany(
                _DELETE_GROUP, [(*owner, g.number, g.computation) for g in groups_of(manifest)]
            )

    def _prune(
        self, cursor: sqlite3.Cursor, owner: Owner, manifests: dict[int, Manifest]
    ) -> dict[int, Manifest]:
        """Delete what no retained replica of *owner* needs; returns the retained ones."""
        marks = self.marks()
        below = [number for number in manifests if number <= marks.committed]
        above = sorted(number for number in manifests if number > marks.committed)
        needed = {max(below, default=0), *marks.kept.values(), *above[-OPEN_MAX:]}
        retained = {n: m for n, m in manifests.items() if n in needed}
        groups = {(g.number, g.computation) for m in retained.values() for g in groups_of(m)}
        there = {(group.number, group.computation) for group in self.groups(owner)}
        cursor.executemany(_DELETE_GROUP, [(*owner, *group) for group in there - groups])
        cursor.executemany(
            "DELETE FROM replica WHERE layout = ? AND owner = ? AND number = ?",
            [(*owner, number) for number in manifests if number not in retained],
        )
        return retained


def _manifest_of(part: PartName, fields: object) -> Manifest:
    try:
        manifest = msgspec.convert(fields, Manifest)
    except msgspec.ValidationError as error:
        raise RemoteProtocolError(f"malformed manifest of {part}: {error}") from error
    if (manifest.round, manifest.number) != (part.round, part.number):
        raise RemoteProtocolError(f"the manifest of {part} is of {manifest.checkpoint}")
    return manifest


def groups_of(manifest: Manifest) -> tuple[ChunkGroup, ...]:
    """The chunks that a part consists of."""
    return tuple(
        ChunkGroup(chain.computation, number, count)
        for chain in manifest.chains
        for number, count in chain.links
    )
