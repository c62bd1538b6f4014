"""The checkpoint store against an oracle of dicts, through crashes, full disks and flipped bits."""

import json
import random
import resource
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs
import pytest
from support.retained import keep

from wallarood.model.checkpoint import (
    CheckpointId,
    CheckpointPart,
    Restored,
    SinkPart,
    SourcePosition,
    StatePart,
)
from wallarood.model.errors import CannotCreateError, DamagedStateError, LocalProtocolError
from wallarood.storage.checkpoint_files import (
    create_checkpoints,
    inspect_checkpoints,
    open_checkpoints,
)
from wallarood.storage.checkpoints import CheckpointStore

CLUSTER = "wc-0123456789abcdef0123"


def new_store(directory: Path) -> CheckpointStore:
    directory.mkdir(parents=True, exist_ok=True)
    create_checkpoints(directory / "checkpoints.db", CLUSTER)
    return open_checkpoints(directory / "checkpoints.db", CLUSTER)


def again(store: CheckpointStore) -> CheckpointStore:
    store.close()
    return open_checkpoints(store.path, CLUSTER)


def part_of(
    number: int, changed: dict[str, int], *, base: bool, since: int = 0, round_: int = 1
) -> CheckpointPart:
    """A part in which *changed* stands in one or two chunks, with a position and a transaction."""
    items = sorted(changed.items())
    halves = [items[: len(items) // 2], items[len(items) // 2 :]]
    chunks = tuple(json.dumps(dict(half)).encode() for half in halves if half)
    return CheckpointPart(
        CheckpointId(round_, number),
        "alpha",
        (SourcePosition("in", "p", {"bytes": number}, False),),
        (SinkPart("out", number, (f"part-{number}",)),),
        (StatePart("count", base, since, chunks, len(changed)),),
    )


def state_of(restored: Restored) -> dict[str, int]:
    state: dict[str, int] = {}
    for chunk in restored.chunks.get("count", []):
        state.update(json.loads(chunk))
    return state


@attrs.define
class Oracle:
    """What a store must give back, the whole state written out for each checkpoint."""

    states: dict[int, dict[str, int]] = attrs.field(factory=lambda: {0: {}})
    kept: dict[str, int] = attrs.field(factory=dict)
    committed: int = 0
    round: int = 1
    next: int = 1

    @property
    def must_be_there(self) -> set[int]:
        wanted = {n for n in self.states if n >= self.committed}
        return wanted | (set(self.kept.values()) & self.states.keys())

    def check(self, store: CheckpointStore) -> None:
        held = {each.number for each in store.held}
        assert self.must_be_there <= held <= self.states.keys()
        for number in held:
            restored = store.restore(number)
            assert state_of(restored) == self.states[number]
            if number:
                assert restored.sources[0].position == {"bytes": number}
                assert restored.sinks[0].unpublished == (f"part-{number}",)
        assert (store.committed.number, store.round) == (self.committed, self.round)
        assert store.kept == self.kept


def changed_since(oracle: Oracle, number: int, state: dict[str, int]) -> dict[str, int]:
    before = oracle.states[number]
    return {key: value for key, value in state.items() if before.get(key) != value}


def take(store: CheckpointStore, oracle: Oracle, rng: random.Random) -> None:
    """Write another checkpoint, a base or what has changed since the committed one."""
    latest = oracle.states[max(oracle.states)]
    state = {**latest, **{f"k{rng.randrange(30)}": rng.randrange(1000) for _ in range(5)}}
    base = rng.random() < 0.3
    changed = state if base else changed_since(oracle, oracle.committed, state)
    since = oracle.committed
    store.write(part_of(oracle.next, changed, base=base, since=since, round_=oracle.round))
    oracle.states[oracle.next] = state
    oracle.next += 1


@pytest.mark.parametrize("seed", range(12))
def test_any_history_gives_back_what_was_written(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    store, oracle = new_store(tmp_path), Oracle()
    store.choose(1, CheckpointId(0, 0), highest=0)
    for _ in range(60):
        match rng.randrange(8):
            case 0 | 1 | 2:
                take(store, oracle, rng)
            case 3:
                oracle.committed = rng.choice([n for n in oracle.states if n >= oracle.committed])
                store.record_committed(oracle.committed)
            case 4:
                there = [each.number for each in store.held if each.number]
                if there:
                    name, number = rng.choice("ab"), rng.choice(there)
                    keep(store, name, number)
                    oracle.kept[name] = number
            case 5 if oracle.kept:
                name = rng.choice(list(oracle.kept))
                store.drop(name)
                del oracle.kept[name]
            case 6:
                to = rng.choice(store.held)
                oracle.round += 1
                store.choose(oracle.round, to, highest=oracle.next)
                oracle.next += 1
                oracle.committed = min(to.number, oracle.committed)
                if rng.random() < 0.7:
                    store.record_committed(to.number)
                    oracle.committed = to.number
                oracle.states = {n: s for n, s in oracle.states.items() if n <= to.number}
                oracle.kept = {n: k for n, k in oracle.kept.items() if k <= to.number}
            case _:
                store = again(store)
        oracle.check(store)
    assert store.verify() == []
    looking = inspect_checkpoints(store.path, CLUSTER)
    assert looking.held == store.held
    looking.close()
    store.close()


def test_the_database_stays_bounded(tmp_path: Path) -> None:
    rng = random.Random(1)
    store, oracle = new_store(tmp_path), Oracle()
    store.choose(1, CheckpointId(0, 0), highest=0)
    sizes = []
    for turn in range(300):
        take(store, oracle, rng)
        oracle.committed = oracle.next - 1
        store.record_committed(oracle.committed)
        oracle.states = {oracle.committed: oracle.states[oracle.committed]}
        if turn % 50 == 49:
            sizes.append(sum(each.stat().st_size for each in tmp_path.iterdir()))
            assert len(store.held) <= 2
    log_bytes_max = 1100 * 4120  # SQLite takes the log into the database at 1,000 pages
    assert max(sizes) <= log_bytes_max + 200_000
    store.close()


def test_a_write_of_an_older_round_is_refused(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    store.choose(3, CheckpointId(0, 0), highest=7)
    with pytest.raises(LocalProtocolError, match="not of round 3"):
        store.write(part_of(8, {"a": 1}, base=True, round_=2))
    assert store.write(part_of(8, {"a": 1}, base=True, round_=3)) > 0
    assert store.highest == 8
    store.close()


# ---- crashes -------------------------------------------------------------------------------------


def copied(files: dict[str, bytes], directory: Path) -> Path:
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir()
    for name, data in files.items():
        (directory / name).write_bytes(data)
    return directory / "checkpoints.db"


def files_of(directory: Path) -> dict[str, bytes]:
    return {each.name: each.read_bytes() for each in directory.iterdir()}


WRITES = {
    "write": lambda store: store.write(part_of(3, {"a": 3, "c": 3}, base=False, since=1)),
    "write and keep": lambda store: store.write(
        part_of(3, {"a": 3}, base=False, since=1), keep="name"
    ),
    "record committed": lambda store: store.record_committed(2),
    "choose": lambda store: store.choose(2, CheckpointId(1, 1), highest=9),
    "keep": lambda store: keep(store, "name", 2),
    "drop": lambda store: store.drop("old"),
}


def seen(store: CheckpointStore) -> object:
    states = {each: state_of(store.restore(each.number)) for each in store.held}
    return states, store.committed, store.round, store.highest, dict(store.kept)


@pytest.mark.parametrize("what", WRITES)
def test_a_crash_after_any_prefix_of_a_write_leaves_old_or_new(tmp_path: Path, what: str) -> None:
    """What is on disk of the write-ahead log: any length, behind it nothing, zeros or garbage."""
    home = tmp_path / "home"
    store = new_store(home)
    store.choose(1, CheckpointId(0, 0), highest=0)
    store.write(part_of(1, {"a": 1, "b": 1}, base=True))
    store.record_committed(1)
    keep(store, "old", 1)
    store.write(part_of(2, {"a": 2}, base=False, since=1))
    old, before = seen(store), files_of(home)
    WRITES[what](store)
    new, after = seen(store), files_of(home)
    store.close()
    assert old != new
    name = "checkpoints.db-wal"
    first, last = len(before[name]), len(after[name])
    assert last > first
    rng = random.Random(what)
    cuts = {*range(first, last, 4096 + 24), *(rng.randrange(first, last) for _ in range(25)), last}
    found = set()
    for cut in sorted(cuts):
        for tail in (b"", bytes(last - cut), rng.randbytes(last - cut)):
            log = after[name][:cut] + tail
            path = copied({"checkpoints.db": after["checkpoints.db"], name: log}, tmp_path / "c")
            opened = open_checkpoints(path, CLUSTER)
            now = seen(opened)
            assert now in (old, new)
            found.add(now == new)
            assert opened.verify() == []
            opened.close()
    assert found == {False, True}


def test_a_crash_while_the_log_goes_into_the_database_loses_nothing(tmp_path: Path) -> None:
    store = new_store(tmp_path / "home")
    store.choose(1, CheckpointId(0, 0), highest=0)
    for number in range(1, 20):
        store.write(part_of(number, {f"k{n}": number for n in range(300)}, base=True))
        store.record_committed(number)
    expected, before = seen(store), files_of(tmp_path / "home")
    other = sqlite3.connect(store.path)
    other.execute("PRAGMA wal_checkpoint(PASSIVE)")
    after = files_of(tmp_path / "home")["checkpoints.db"]
    other.close()
    store.close()
    page, rng = 4096, random.Random(1)
    for _ in range(30):
        data = bytearray(after)
        old = before["checkpoints.db"].ljust(len(after), b"\0")
        for start in range(0, len(after), page):
            if rng.random() < 0.5:
                data[start : start + page] = old[start : start + page]
        files = {"checkpoints.db": bytes(data), "checkpoints.db-wal": before["checkpoints.db-wal"]}
        opened = open_checkpoints(copied(files, tmp_path / "c"), CLUSTER)
        assert seen(opened) == expected
        opened.close()


def test_a_crash_while_the_database_is_made_leaves_none_or_a_whole_one(tmp_path: Path) -> None:
    path = tmp_path / "checkpoints.db"
    for half in (b"", b"SQLite format 3\0", b"x" * 5000):
        path.unlink(missing_ok=True)
        (tmp_path / ".checkpoints.db.new").write_bytes(half)
        create_checkpoints(path, CLUSTER)
        store = open_checkpoints(path, CLUSTER)
        assert [each.number for each in store.held] == [0]
        store.close()


# ---- damage --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, bytes], object]:
    """A database at rest with three checkpoints, and what it holds."""
    home = tmp_path_factory.mktemp("whole")
    store = new_store(home)
    store.choose(1, CheckpointId(0, 0), highest=0)
    store.write(part_of(1, {f"k{n}": n for n in range(800)}, base=True))
    keep(store, "kept", 1)
    store.write(part_of(2, {"a": 2}, base=True))
    store.record_committed(2)
    store.write(part_of(3, {f"k{n}": 3 for n in range(400)}, base=False, since=2))
    expected = seen(store)
    store.close()
    return files_of(home), expected


@pytest.mark.parametrize("seed", range(8))
def test_a_flipped_bit_is_found_and_named_or_changes_nothing(
    tmp_path: Path, whole: tuple[dict[str, bytes], object], seed: int
) -> None:
    files, expected = whole
    data, rng = files["checkpoints.db"], random.Random(seed)
    found = 0
    for _ in range(100):
        place = rng.randrange(len(data) * 8)
        damaged = bytearray(data)
        damaged[place // 8] ^= 1 << place % 8
        path = copied({"checkpoints.db": bytes(damaged)}, tmp_path / "c")
        try:
            store = open_checkpoints(path, CLUSTER)
        except DamagedStateError:
            found += 1
            continue
        problems = store.verify()
        try:
            now = seen(store)
        except DamagedStateError:
            now = None
        assert problems or now == expected, f"bit {place} was not found"
        assert all("checkpoints.db" in each for each in problems)
        found += bool(problems)
        store.close()
    assert found > 20


def spoil(path: Path, statement: str) -> None:
    connection = sqlite3.connect(path)
    connection.execute(statement)
    connection.commit()
    connection.close()


def test_a_name_in_the_database_that_is_no_text_any_more_is_damage(
    tmp_path: Path, whole: tuple[dict[str, bytes], object]
) -> None:
    data = whole[0]["checkpoints.db"]
    assert data.count(b"CREATE TABLE chunk") == 1
    spoilt = data.replace(b"CREATE TABLE chunk", b"CREATE T\xc4BLE chunk")
    path = copied({"checkpoints.db": spoilt}, tmp_path / "c")
    with pytest.raises(DamagedStateError, match=r"checkpoints.db is damaged"):
        open_checkpoints(path, CLUSTER).verify()


def test_damage_above_the_known_committed_falls_back(
    tmp_path: Path, whole: tuple[dict[str, bytes], object]
) -> None:
    for statement in (
        "UPDATE chunk SET data = x'00' WHERE number = 3 AND sequence = 1",
        "UPDATE checkpoint SET manifest = x'00' WHERE number = 3",
        "UPDATE checkpoint SET number = 4 WHERE number = 3",
        "DELETE FROM chunk WHERE number = 3 AND sequence = 0",
    ):
        path = copied(whole[0], tmp_path / "c")
        spoil(path, statement)
        store = open_checkpoints(path, CLUSTER)
        store.drop_damaged()
        assert [each.number for each in store.held] == [1, 2]
        store.close()


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("UPDATE chunk SET data = x'00' WHERE number = 2", "'count' in checkpoint 2: chunk 0"),
        ("UPDATE chunk SET checksum = 7 WHERE number = 1", "'count' in checkpoint 1: chunk 0"),
        ("DELETE FROM chunk WHERE number = 2", "0 of 1 chunks are there"),
        ("UPDATE checkpoint SET manifest = x'00' WHERE number = 2", "checkpoint 2 has a wrong"),
        ("DELETE FROM checkpoint WHERE number = 2", "checkpoint 2, known committed, is not there"),
        ("DELETE FROM checkpoint WHERE number = 1", "checkpoint 1, kept as 'kept', is not there"),
        ("UPDATE meta SET value = x'00'", "the marks have a wrong checksum"),
        ("UPDATE meta SET value = 'a text'", "the marks have a wrong checksum"),
        ("UPDATE checkpoint SET manifest = 7 WHERE number = 2", "checkpoint 2 has a wrong"),
        ("UPDATE chunk SET data = 'a text' WHERE number = 2", "'count' in checkpoint 2: chunk 0"),
        ("DELETE FROM meta", "the marks have a wrong checksum"),
        ("DROP TABLE chunk", "no such table"),
    ],
)
def test_damage_at_or_below_the_known_committed_is_named_with_the_choices(
    tmp_path: Path, whole: tuple[dict[str, bytes], object], statement: str, named: str
) -> None:
    path = copied(whole[0], tmp_path / "c")
    spoil(path, statement)

    def start() -> None:
        store = open_checkpoints(path, CLUSTER)
        try:
            store.drop_damaged()
        finally:
            store.close()

    with pytest.raises(DamagedStateError) as caught:
        start()
    assert named in caught.value.message
    assert "restore a copy of the state directory" in caught.value.message
    assert caught.value.exit_code == 65


def test_a_database_of_another_cluster_a_newer_schema_or_none_is_named(
    tmp_path: Path, whole: tuple[dict[str, bytes], object]
) -> None:
    path = copied(whole[0], tmp_path / "c")
    with pytest.raises(DamagedStateError, match="belongs to cluster wc-0123"):
        open_checkpoints(path, "wc-other")
    path.write_bytes(b"")
    with pytest.raises(DamagedStateError, match=r"checkpoints\.db is damaged"):
        open_checkpoints(path, CLUSTER)
    path.unlink()
    with pytest.raises(DamagedStateError, match="it is missing, but the cluster exists"):
        open_checkpoints(path, CLUSTER)


# ---- disks that refuse ---------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MB."""
    where = tmp_path / "disk"
    where.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(where)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs to mount a file system")
    try:
        yield where
    finally:
        subprocess.run(["umount", "-l", str(where)], check=True)


def fill(filler: Path) -> None:
    def write() -> None:
        with filler.open("wb", buffering=0) as file:
            while file.write(bytes(4096)):
                pass

    with pytest.raises(OSError, match="No space left"):
        write()


def test_a_full_disk_fails_the_checkpoint_and_the_next_one_is_written(small_disk: Path) -> None:
    store = new_store(small_disk)
    store.choose(1, CheckpointId(0, 0), highest=0)
    store.write(part_of(1, {"a": 1}, base=True))
    filler = small_disk / "filler"
    fill(filler)
    before = seen(store)
    large = {f"k{n}": n for n in range(20_000)}
    with pytest.raises(CannotCreateError, match=r"checkpoints\.db: .*full"):
        store.write(part_of(2, large, base=True))
    assert seen(store) == before
    filler.unlink()
    store.write(part_of(3, large, base=True))
    store = again(store)
    assert state_of(store.restore(3)) == large
    assert [each.number for each in store.held] == [0, 1, 3]
    store.close()


def test_a_full_disk_at_the_start_is_a_clear_error(small_disk: Path) -> None:
    (small_disk / "filler").write_bytes(bytes(1 << 20))
    with pytest.raises(CannotCreateError, match=r"cannot create .*checkpoints\.db: .*full"):
        create_checkpoints(small_disk / "checkpoints.db", CLUSTER)
    assert not (small_disk / "checkpoints.db").exists()


def test_a_disk_that_is_full_when_a_worker_comes_back_is_not_taken_for_damage(
    small_disk: Path,
) -> None:
    """To read the log of the database, SQLite makes a file beside it."""
    (small_disk / "home").mkdir()
    store = new_store(small_disk / "home")
    store.choose(1, CheckpointId(0, 0), highest=0)
    store.write(part_of(1, {"a": 1}, base=True))
    expected, left = seen(store), files_of(small_disk / "home")
    store.close()
    path = copied(
        {name: data for name, data in left.items() if not name.endswith("-shm")},
        small_disk / "again",
    )
    filler = small_disk / "filler"
    fill(filler)
    for look in (open_checkpoints, inspect_checkpoints):
        with pytest.raises(CannotCreateError, match="is the disk full"):
            look(path, CLUSTER)
    filler.unlink()
    store = open_checkpoints(path, CLUSTER)
    assert seen(store) == expected
    store.close()


@contextmanager
def no_file_above(size: int) -> Iterator[None]:
    """Writes behind *size* bytes fail; SQLite takes that for a broken disk (SQLITE_IOERR)."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_disk_that_fails_fails_the_checkpoint_and_the_next_one_is_written(
    tmp_path: Path,
) -> None:
    store = new_store(tmp_path / "home")
    store.choose(1, CheckpointId(0, 0), highest=0)
    store.write(part_of(1, {"a": 1}, base=True))
    before = seen(store)
    for size in (0, 4096, 100_000):
        with no_file_above(size), pytest.raises(CannotCreateError, match="disk I/O error"):
            store.write(part_of(2, {f"k{n}": n for n in range(20_000)}, base=True))
        assert seen(store) == before
    store = again(store)
    assert seen(store) == before
    store.write(part_of(4, {"a": 4}, base=True))
    assert store.restore(4)
    store.close()


def test_a_disk_that_fails_at_the_start_is_a_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "checkpoints.db"
    with no_file_above(4096), pytest.raises(CannotCreateError, match=r"cannot create .*I/O"):
        create_checkpoints(path, CLUSTER)
    assert not path.exists()
    create_checkpoints(path, CLUSTER)
    open_checkpoints(path, CLUSTER).close()


def test_the_line_of_a_choice_is_durable_and_never_falls(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    assert store.line == 0
    store.choose(1, CheckpointId(0, 0), highest=0, line=2)
    store.choose(2, CheckpointId(0, 0), highest=0, line=1)
    assert store.line == 2
    assert again(store).line == 2


def test_what_is_void_is_deleted_with_its_rows_and_its_name(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    store.choose(1, CheckpointId(0, 0), highest=0)
    for number in (1, 2, 3):
        store.write(part_of(number, {f"key {number}": number}, base=True))
    store.record_committed(1)
    keep(store, "monday", 2)
    store.discard(2)
    store.discard(9)
    store = again(store)
    assert [each.number for each in store.held] == [1, 3]
    assert store.kept == {}
    assert store.verify() == []
    rows = store._connection.execute("SELECT DISTINCT number FROM chunk ORDER BY 1").fetchall()
    assert rows == [(1,), (3,)]


def test_what_is_known_committed_is_never_discarded(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    store.choose(1, CheckpointId(0, 0), highest=0)
    store.write(part_of(1, {"key": 1}, base=True))
    store.record_committed(1)
    store.discard(1)
    assert state_of(store.restore(1)) == {"key": 1}


@pytest.mark.parametrize("removed", ["checkpoints.db", "."])
@pytest.mark.parametrize("put_back", [False, True])
def test_nothing_is_written_into_a_file_that_is_not_there_any_more(
    tmp_path: Path, removed: str, put_back: bool
) -> None:
    store = new_store(tmp_path / "state")
    store.choose(1, CheckpointId(0, 0), highest=0)
    store.write(part_of(1, {"a": 1}, base=True))
    gone = tmp_path / "state" / removed
    if gone.is_dir():
        shutil.rmtree(gone)
    else:
        gone.unlink()
    if put_back:
        new_store(tmp_path / "state").close()
    done = "replaced" if put_back else "removed"
    with pytest.raises(DamagedStateError, match=f"checkpoints.db was {done} while this worker ran"):
        store.write(part_of(2, {"a": 2}, base=False, since=1))
    with pytest.raises(DamagedStateError, match=done):
        store.record_committed(1)
    store.close()
