"""Which checkpoints are held: what may yet be committed or gone back to, and nothing else."""

import json
import resource
from pathlib import Path

import pytest
from support.retained import keep

from wallarood.control.rounds.checkpoint_leader import LATE_NUMBERS_MAX
from wallarood.model.checkpoint import FIRST_CHECKPOINT, CheckpointId, CheckpointPart, StatePart
from wallarood.model.errors import CannotCreateError
from wallarood.storage.checkpoint_files import (
    create_checkpoints,
    inspect_checkpoints,
    open_checkpoints,
)
from wallarood.storage.checkpoint_rows import OPEN_MAX
from wallarood.storage.checkpoints import CheckpointStore

CLUSTER = "wc-0123456789abcdef0123"


def new_store(directory: Path) -> CheckpointStore:
    create_checkpoints(directory / "checkpoints.db", CLUSTER)
    store = open_checkpoints(directory / "checkpoints.db", CLUSTER)
    store.choose(1, FIRST_CHECKPOINT, highest=0)
    return store


def take(
    store: CheckpointStore, number: int, *, since: int = 0, size: int = 100, base: bool = False
) -> None:
    """Write a checkpoint of which the state says its number."""
    chunk = json.dumps({"number": number, "pad": "x" * size}).encode()
    part = StatePart("count", base, since, (chunk,), 1)
    store.write(CheckpointPart(CheckpointId(1, number), "alpha", (), (), (part,)))


def held(store: CheckpointStore) -> list[int]:
    return [each.number for each in store.held]


def rows(store: CheckpointStore) -> set[int]:
    found = store._connection.execute("SELECT DISTINCT number FROM chunk").fetchall()
    return {number for (number,) in found}


def number_in(store: CheckpointStore, number: int) -> int:
    chunks = store.restore(number).chunks["count"]
    last: int = json.loads(chunks[-1])["number"]
    return last


def test_what_another_worker_never_holds_is_dropped_and_the_rest_stays(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    for number in (1, 2, 3, 4):
        take(store, number)
    store.record_committed(1)

    for number in (1, 2, 4, 9):
        store.discard(number)  # 1 is committed by now: that is heard later

    assert held(store) == [1, 3]
    assert rows(store) == {1, 3}
    assert [number_in(store, number) for number in (1, 3)] == [1, 3]
    take(store, 9)
    assert held(store) == [1, 3]  # one that came after the word that it is void
    assert store.verify() == []


def test_a_void_checkpoint_is_not_kept_by_its_name(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    take(store, 1)
    keep(store, "monday", 1)
    store.discard(1)
    take(store, 2)
    store.record_committed(2)
    take(store, 3, since=2)

    assert (store.kept, held(store)) == ({}, [2, 3])
    store.close()
    open_checkpoints(store.path, CLUSTER).drop_damaged()


def test_what_nobody_knows_committed_is_bounded(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    take(store, 1)
    store.record_committed(1)
    for number in range(2, 500):
        take(store, number, since=1, size=20_000)

    assert held(store) == [1, *range(500 - OPEN_MAX, 500)]
    assert rows(store) == set(held(store))
    assert OPEN_MAX >= 2 * LATE_NUMBERS_MAX
    assert sum(each.stat().st_size for each in tmp_path.iterdir()) < 12_000_000
    assert number_in(store, 499) == 499


def test_void_ones_take_no_place_of_those_that_may_be_committed(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    take(store, 1)
    for number in range(2, 100):
        take(store, number)
        store.discard(number)

    assert held(store) == [0, 1]


def test_one_that_is_known_committed_stays_though_the_disk_could_not_be_told(
    tmp_path: Path,
) -> None:
    store = new_store(tmp_path)
    take(store, 1)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        with pytest.raises(CannotCreateError, match="I/O"):
            store.record_committed(1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

    for number in range(2, 2 + 2 * OPEN_MAX):
        take(store, number)
    store.discard(1)

    assert held(store)[:2] == [0, 1]
    store.record_committed(1)
    assert number_in(store, 1) == 1


def test_what_is_only_read_stays_as_it_was_while_a_worker_writes(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    take(store, 1)
    store.record_committed(1)
    reading = inspect_checkpoints(tmp_path / "checkpoints.db", CLUSTER)
    for number in (2, 3):
        take(store, number, base=True)
        store.record_committed(number)
    take(store, 4)
    assert held(store) == [3, 4]
    assert reading.verify() == []
    assert held(reading) == [0, 1]
    reading.close()
    store.close()


def test_a_file_that_was_large_once_becomes_small_again(tmp_path: Path) -> None:
    store = new_store(tmp_path)

    def write(number: int, size: int) -> int:
        take(store, number, size=size, base=True)
        store.record_committed(number)
        return sum(each.stat().st_size for each in tmp_path.iterdir()) >> 20

    assert write(1, 90 << 20) >= 100  # the file, and as much of its log as is kept
    for number in range(2, 16):
        found = write(number, 1 << 20)
    assert found <= 40
    assert len(store.restore(15).chunks["count"]) == 1
    assert store.verify() == []
