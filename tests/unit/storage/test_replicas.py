"""Replicas: whole or not there, void with what they are of, pruned like parts of one's own."""

import sqlite3
from pathlib import Path

import attrs
import msgspec
import pytest
from support.retained import keep

from wallarood.model.change import PartName
from wallarood.model.checkpoint import (
    FIRST_CHECKPOINT,
    CheckpointId,
    CheckpointPart,
    SinkPart,
    SourcePosition,
    StatePart,
)
from wallarood.model.errors import CannotCreateError, DamagedStateError, RemoteProtocolError
from wallarood.model.messages.replicas import Chunk, ChunkGroup, PartHead, PartWanted
from wallarood.storage.checkpoint_files import create_checkpoints, open_checkpoints
from wallarood.storage.checkpoints import CheckpointStore
from wallarood.storage.part_reader import read_own_part, read_replica

CLUSTER = "wc-0123456789abcdef0123"
OWNER = (1, "alpha")


def new_store(path: Path) -> CheckpointStore:
    create_checkpoints(path, CLUSTER)
    store = open_checkpoints(path, CLUSTER)
    store.choose(1, FIRST_CHECKPOINT, highest=0)
    return store


@attrs.define
class Pair:
    """The store of an owner and that of its holder."""

    owner: CheckpointStore
    holder: CheckpointStore
    sent: list[Chunk] = attrs.field(factory=list)

    def write(self, number: int, *, base: bool = False, since: int = 0) -> None:
        """The owner writes a part: it changes a key in each computation."""
        chunks = (b"%d" % number, b"more of %d" % number)
        part = CheckpointPart(
            CheckpointId(1, number),
            "alpha",
            (SourcePosition("words", "0", number, False),),
            (SinkPart("out", number, (f"transaction {number}",)),),
            (StatePart("count", base, since, chunks, 2), StatePart("sum", True, 0, (b"s",), 1)),
        )
        self.owner.write(part)

    def head(self, number: int) -> tuple[PartHead, list[Chunk]]:
        """What the owner sends of a part to the holder as it is."""
        wanted = PartWanted(PartName(1, "alpha", 1, number))
        there = self.holder.replicas.has(OWNER).groups
        head, chunks = read_own_part(self.owner.path, CLUSTER, wanted, there=there)
        return head, [chunk for some in chunks for chunk in some]

    def copy(self, number: int) -> bool:
        """Send a part that the owner has written."""
        head, self.sent = self.head(number)
        return self.holder.replicas.write(head.part, head.manifest, self.sent)

    def commit(self, number: int) -> None:
        for store in (self.owner, self.holder):
            store.record_committed(number)

    def held(self) -> list[int]:
        return [part.number for part in self.holder.replicas.held]

    def same(self, number: int) -> bool:
        part = PartName(1, "alpha", 1, number)
        return self.holder.replicas.restore(part) == self.owner.restore(number)


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    """Checkpoint 1 is committed, a base on both disks."""
    (tmp_path / "holder").mkdir()
    pair = Pair(new_store(tmp_path / "owner.db"), new_store(tmp_path / "holder" / "holder.db"))
    pair.write(1, base=True)
    assert pair.copy(1)
    pair.commit(1)
    return pair


def again(pair: Pair) -> None:
    pair.holder.close()
    pair.holder = open_checkpoints(pair.holder.path, CLUSTER)


def edit(pair: Pair, statement: str) -> None:
    pair.holder.close()
    with sqlite3.connect(pair.holder.path) as connection:
        assert connection.execute(statement).rowcount > 0
    pair.holder = open_checkpoints(pair.holder.path, CLUSTER)


def test_a_part_is_the_same_on_the_other_disk_and_only_what_is_new_goes_there(pair: Pair) -> None:
    assert len(pair.sent) == 3
    pair.write(2, since=1)
    assert pair.copy(2)
    assert [(c.computation, c.number) for c in pair.sent] == [("count", 2)] * 2 + [("sum", 2)]
    again(pair)
    assert pair.held() == [1, 2]
    assert pair.same(1)
    assert pair.same(2)


def test_a_part_of_which_chunks_are_missing_is_not_there(pair: Pair) -> None:
    pair.write(2, since=1)
    head, chunks = pair.head(2)
    assert not pair.holder.replicas.write(head.part, head.manifest, chunks[1:])
    assert pair.held() == [1]
    assert ChunkGroup("count", 2, 1) in pair.holder.replicas.has(OWNER).groups
    assert pair.copy(2)  # what a failure has left is made good
    assert pair.same(2)


def test_chunks_that_came_before_a_crash_are_not_sent_again(pair: Pair) -> None:
    pair.write(2, since=1)
    _, chunks = pair.head(2)
    pair.holder.replicas.stage(OWNER, chunks[:2])
    again(pair)
    assert pair.copy(2)
    assert [chunk.computation for chunk in pair.sent] == ["sum"]
    assert pair.same(2)


def test_a_choice_voids_what_is_above_it_of_every_owner(pair: Pair) -> None:
    pair.write(2, since=1)
    head, chunks = pair.head(2)
    for owner in ("alpha", "gamma"):
        part = attrs.evolve(head.part, owner=owner)
        assert pair.holder.replicas.write(part, head.manifest, chunks + all_of(pair))
    assert pair.holder.highest == 2
    pair.holder.replicas.stage((1, "delta"), chunks)
    pair.holder.choose(2, CheckpointId(1, 1), highest=2)
    assert pair.held() == [1]
    again(pair)
    assert pair.held() == [1]
    assert pair.holder.replicas.groups((1, "delta")) == ()
    assert {g.number for g in pair.holder.replicas.groups(OWNER)} == {1}
    assert pair.same(1)


def all_of(pair: Pair) -> list[Chunk]:
    """The chunks of the base."""
    groups = pair.holder.replicas.groups(OWNER)
    return [c for g in groups if g.number == 1 for c in pair.holder.replicas.chunks(OWNER, g)]


def test_only_what_may_be_wanted_is_retained(pair: Pair) -> None:
    for number in range(2, 6):
        pair.write(number, since=number - 1)
        assert pair.copy(number)
        if number == 3:
            keep(pair.holder, "monday", 3)
            keep(pair.owner, "monday", 3)
        pair.commit(number)
    assert pair.held() == [3, 4, 5]  # what is committed is known when the next one comes
    assert all(pair.same(number) for number in (3, 4, 5))
    pair.write(6, base=True)
    assert pair.copy(6)
    pair.commit(6)
    pair.write(7, since=6)
    assert pair.copy(7)
    assert pair.held() == [3, 6, 7]
    assert pair.same(3)
    numbers = {g.number for g in pair.holder.replicas.groups(OWNER) if g.computation == "count"}
    assert numbers == {1, 2, 3, 6, 7}


def test_a_void_checkpoint_is_discarded(pair: Pair) -> None:
    pair.write(2, since=1)
    assert pair.copy(2)
    pair.holder.replicas.discard(2)
    pair.holder.replicas.discard(9)
    again(pair)
    assert pair.held() == [1]


def test_an_older_layout_goes_when_a_checkpoint_of_the_newer_is_committed(pair: Pair) -> None:
    """Also where no part comes any more: of two that became one, or without replicas."""
    pair.write(2, base=True)
    pair.copy(2)
    pair.holder.marks = msgspec.structs.replace(pair.holder.marks, layout=2)
    assert {part.layout for part in pair.holder.replicas.held} == {1}
    pair.commit(3)
    assert pair.holder.replicas.held == ()
    assert pair.holder.replicas.groups(OWNER) == ()


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE replica_chunk SET data = x'00' WHERE sequence = 1",
        "DELETE FROM replica_chunk WHERE computation = 'sum'",
        "UPDATE replica SET manifest = x'00'",
    ],
)
def test_a_damaged_replica_is_dropped_and_comes_again(pair: Pair, damage: str) -> None:
    edit(pair, damage)
    dropped = pair.holder.replicas.drop_damaged()
    assert len(dropped) == (0 if "manifest" in damage else 1)
    assert pair.held() == []
    assert pair.copy(1)
    assert pair.same(1)


def test_a_replica_is_read_for_who_has_lost_its_own(pair: Pair) -> None:
    part = PartName(1, "alpha", 1, 1)
    head, chunks = read_replica(pair.holder.path, CLUSTER, PartWanted(part))
    assert head.manifest["sources"] == (("words", "0", 1, False),)
    assert [c.data for some in chunks for c in some] == [b"1", b"more of 1", b"s"]
    with pytest.raises(DamagedStateError, match=r"has no replica of part 1\.2 of alpha"):
        read_replica(pair.holder.path, CLUSTER, PartWanted(attrs.evolve(part, number=2)))


def test_what_is_no_manifest_is_refused(pair: Pair) -> None:
    part = PartName(1, "alpha", 1, 2)
    with pytest.raises(RemoteProtocolError, match="malformed manifest"):
        pair.holder.replicas.write(part, {"round": "one"}, [])
    with pytest.raises(RemoteProtocolError, match=r"is of 1\.1"):
        pair.holder.replicas.write(part, pair.head(1)[0].manifest, [])


def test_a_full_disk_changes_nothing(pair: Pair) -> None:
    pair.write(2, since=1)
    pair.holder.connection.execute("PRAGMA max_page_count = 1")
    with pytest.raises(CannotCreateError):
        pair.holder.replicas.stage(OWNER, [Chunk("count", 2, 0, bytes(1 << 20))])
    pair.holder.connection.execute("PRAGMA max_page_count = 1000000")
    assert pair.held() == [1]
    assert pair.copy(2)


def test_without_replicas_the_database_has_no_table_of_them(tmp_path: Path) -> None:
    store = new_store(tmp_path / "checkpoints.db")
    store.choose(2, FIRST_CHECKPOINT, highest=4)
    assert store.replicas.held == ()
    assert store.highest == 4
    tables = store.connection.execute("SELECT name FROM sqlite_master").fetchall()
    assert not [name for (name,) in tables if "replica" in name]
    store.close()
