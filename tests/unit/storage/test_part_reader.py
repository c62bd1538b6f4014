"""A part is read as it was when it was asked for, whatever is written meanwhile, or not at all."""

import sqlite3
from pathlib import Path

import pytest

from wallarood.model.change import PartName
from wallarood.model.checkpoint import FIRST_CHECKPOINT, CheckpointId, CheckpointPart, StatePart
from wallarood.model.errors import DamagedStateError
from wallarood.model.messages.replicas import PartWanted
from wallarood.storage.checkpoint_files import create_checkpoints, open_checkpoints
from wallarood.storage.checkpoints import CheckpointStore
from wallarood.storage.part_reader import captured_part, read_own_part

CLUSTER = "wc-0123456789abcdef0123"
FIRST = PartWanted(PartName(1, "alpha", 1, 1))


@pytest.fixture
def store(tmp_path: Path) -> CheckpointStore:
    """A worker that has written its first checkpoint."""
    path = tmp_path / "checkpoints.db"
    create_checkpoints(path, CLUSTER)
    store = open_checkpoints(path, CLUSTER)
    store.choose(1, FIRST_CHECKPOINT, highest=0)
    write(store, 1)
    return store


def write(store: CheckpointStore, number: int) -> None:
    chunks = tuple(b"%d" % (10 * number + n) for n in range(3))
    state = StatePart("count", True, 0, chunks, 3)
    store.write(CheckpointPart(CheckpointId(1, number), "alpha", (), (), (state,)))
    store.record_committed(number)


def test_what_is_pruned_while_it_is_read_is_read_to_its_end(store: CheckpointStore) -> None:
    head, chunks = read_own_part(store.path, CLUSTER, FIRST)
    for number in (2, 3):
        write(store, number)
    assert 1 not in store.manifests
    assert [chunk.data for some in chunks for chunk in some] == [b"10", b"11", b"12"]
    assert head.chunks == 3
    store.close()


def test_a_part_that_is_about_to_be_written_is_what_is_read_then(store: CheckpointStore) -> None:
    for number in (2, 3):
        state = StatePart("count", number == 3, 1, (b"changed", b"%d" % number), 2)
        part = CheckpointPart(CheckpointId(1, number), "alpha", (), (), (state,))
        head, chunks = captured_part(store, part, 1)
        store.write(part)
        written, read = read_own_part(store.path, CLUSTER, PartWanted(head.part))
        assert head == written
        own = [chunk for some in read for chunk in some if chunk.number == number]
        assert list(chunks) == own
    store.close()


def test_damage_is_found_by_who_reads_it(store: CheckpointStore) -> None:
    store.close()
    with sqlite3.connect(store.path) as connection:
        connection.execute("UPDATE chunk SET data = x'00' WHERE sequence = 1")
    _, chunks = read_own_part(store.path, CLUSTER, FIRST)
    with pytest.raises(DamagedStateError, match="chunk 1 of 'count' in checkpoint 1 has a wrong"):
        list(chunks)
    with sqlite3.connect(store.path) as connection:
        connection.execute("DELETE FROM chunk WHERE sequence = 0")
    _, chunks = read_own_part(store.path, CLUSTER, FIRST)
    with pytest.raises(DamagedStateError, match="is missing"):
        list(chunks)
