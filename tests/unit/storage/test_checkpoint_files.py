"""The database of checkpoints as a file: made once, opened by one worker, looked into by others."""

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from wallarood.model.checkpoint import FIRST_CHECKPOINT, CheckpointId, CheckpointPart, StatePart
from wallarood.model.errors import CannotCreateError, DamagedStateError
from wallarood.storage.checkpoint_files import (
    create_checkpoints,
    inspect_checkpoints,
    open_checkpoints,
)
from wallarood.storage.checkpoint_rows import Marks, put_marks
from wallarood.storage.checkpoints import CheckpointStore

CLUSTER = "wc-0123456789abcdef0123"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A new database."""
    path = tmp_path / "checkpoints.db"
    create_checkpoints(path, CLUSTER)
    return path


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def write(path: Path, number: int) -> None:
    store = open_checkpoints(path, CLUSTER)
    if number == 1:
        store.choose(1, FIRST_CHECKPOINT, highest=0)
    state = StatePart("count", True, 0, (b"%d" % number,), 1)
    store.write(CheckpointPart(CheckpointId(1, number), "alpha", (), (), (state,)))
    store.record_committed(number)
    store.close()


def test_a_new_database_holds_checkpoint_0_so_that_to_hold_none_is_always_an_error(
    path: Path,
) -> None:
    store = open_checkpoints(path, CLUSTER)
    assert store.committed == FIRST_CHECKPOINT
    assert store.restore(0).sources == ()
    store.close()


def test_one_that_is_there_already_stays(path: Path) -> None:
    write(path, 1)
    create_checkpoints(path, CLUSTER)
    store = open_checkpoints(path, CLUSTER)
    assert store.committed == CheckpointId(1, 1)
    store.close()


def test_what_a_crash_left_of_the_making_is_begun_again(tmp_path: Path) -> None:
    path = tmp_path / "checkpoints.db"
    (tmp_path / ".checkpoints.db.new").write_bytes(b"half of it")
    create_checkpoints(path, CLUSTER)
    open_checkpoints(path, CLUSTER).close()
    assert not (tmp_path / ".checkpoints.db.new").exists()


def test_a_disk_that_refuses_is_named(tmp_path: Path) -> None:
    with pytest.raises(CannotCreateError, match=r"cannot create .*gone/checkpoints\.db"):
        create_checkpoints(tmp_path / "gone" / "checkpoints.db", CLUSTER)


def test_who_looks_into_it_sees_it_as_it_was_and_holds_up_nobody(path: Path) -> None:
    write(path, 1)
    seen = inspect_checkpoints(path, CLUSTER)
    for number in range(2, 5):
        write(path, number)
    assert seen.committed == CheckpointId(1, 1)
    assert seen.verify() == []
    assert list(seen.restore(1).chunks["count"]) == [b"1"]
    seen.close()
    seen = inspect_checkpoints(path, CLUSTER)
    assert seen.committed == CheckpointId(1, 4)
    seen.close()


def test_who_looks_into_it_can_write_nothing(path: Path) -> None:
    before = path.read_bytes()
    seen = inspect_checkpoints(path, CLUSTER)
    with pytest.raises(CannotCreateError):
        seen.record_committed(1)
    seen.close()
    assert path.read_bytes() == before


@pytest.mark.parametrize("look", [open_checkpoints, inspect_checkpoints])
def test_a_newer_schema_says_what_to_install_and_leaves_nothing_open(
    path: Path, look: object
) -> None:
    connection = sqlite3.connect(path)
    put_marks(connection.cursor(), Marks(CLUSTER, schema=99))
    connection.commit()
    connection.close()
    before = descriptors()
    with pytest.raises(DamagedStateError, match=r"schema version 99, .* reads up to 2: install"):
        look(path, CLUSTER)
    assert descriptors() == before


@pytest.mark.parametrize("look", [open_checkpoints, inspect_checkpoints])
def test_one_that_is_missing_though_the_cluster_exists_is_damage(
    tmp_path: Path, look: Callable[[Path, str], object]
) -> None:
    with pytest.raises(DamagedStateError, match="it is missing, but the cluster exists"):
        look(tmp_path / "checkpoints.db", CLUSTER)
    assert os.listdir(tmp_path) == []


def with_two(path: Path) -> CheckpointStore:
    """Checkpoint 1, which is committed, and 2 and 3, which are not."""
    write(path, 1)
    store = open_checkpoints(path, CLUSTER)
    for number in (2, 3):
        state = StatePart("count", True, 0, (b"%d" % number,), 1)
        store.write(CheckpointPart(CheckpointId(1, number), "alpha", (), (), (state,)))
    return store


def test_what_is_chosen_is_known_committed_once_its_round_has_begun(path: Path) -> None:
    """Until then its copies may be missing, and one owner may be lost."""
    store = with_two(path)
    store.choose(2, CheckpointId(1, 2), highest=3)
    assert (store.committed, store.marks.needed) == (CheckpointId(1, 1), 2)
    assert store.held[-2:] == (CheckpointId(1, 1), CheckpointId(1, 2))
    store.close()
    store = open_checkpoints(path, CLUSTER)
    assert store.committed == CheckpointId(1, 1)
    store.record_committed(2)
    assert store.committed == CheckpointId(1, 2)
    store.choose(3, CheckpointId(1, 1), highest=3)
    assert store.committed == CheckpointId(1, 1), "what was known committed was gone back behind"
    store.close()


def test_what_is_chosen_is_not_left_out_where_it_is_damaged(path: Path) -> None:
    """Others may have begun the round, and published what is in it."""
    store = with_two(path)
    store.choose(2, CheckpointId(1, 2), highest=2)
    store.connection.execute("UPDATE chunk SET data = x'00' WHERE number = 2")
    with pytest.raises(DamagedStateError, match="checkpoint 2"):
        store.drop_damaged()
    store.connection.execute("UPDATE checkpoint SET manifest = x'00' WHERE number = 2")
    store.close()
    with pytest.raises(DamagedStateError, match="checkpoint 2"):
        open_checkpoints(path, CLUSTER)
