"""A change of the cluster in the database: staged beside what is there, adopted at once or not."""

import contextlib
import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import attrs
import msgspec
import pytest
from support.retained import keep

from wallarood.disk.incoming import IncomingFiles
from wallarood.model.change import Change, PartName, Vote
from wallarood.model.checkpoint import CheckpointId, CheckpointPart, StatePart
from wallarood.model.cluster_record import ClusterRecord, RecordState
from wallarood.model.errors import (
    CannotCreateError,
    DamagedStateError,
    LocalProtocolError,
    RefusedError,
)
from wallarood.model.ids import Address, Ballot, Incarnation, Member, Seat
from wallarood.model.messages.replicas import Chunk
from wallarood.model.staging import StagedChain, StagedChange, StagedPart
from wallarood.model.topology import Topology
from wallarood.storage.change_rows import ChangeRows, Found, look_at_changes
from wallarood.storage.checkpoint_files import create_checkpoints, open_checkpoints
from wallarood.storage.checkpoint_rows import Chain
from wallarood.storage.checkpoints import CheckpointStore
from wallarood.storage.state_directory import StateDirectory, open_state_directory
from wallarood.verify import verify

CLUSTER = "wc-0123456789abcdef0123"
BASIS = CheckpointId(1, 5)
PART = PartName(1, "alpha", 1, 5)
HERE = Address("127.0.0.1", 1)
ALPHA = Member("alpha", HERE, HERE, Incarnation(1, "n"), Seat("a"))
BETA = Member("beta", HERE, HERE, Incarnation(1, "m"), Seat("b"))


def topology(epoch: int, *members: Member) -> Topology:
    return Topology(epoch, "app", tuple(each.name for each in members), (), ())


def record_of(epoch: int, *members: Member, line: int = 0) -> ClusterRecord:
    plan = topology(epoch, *members)
    change = Change(epoch, members, (), plan, ("f",), BASIS, 1, 7, line)
    return ClusterRecord(
        CLUSTER, RecordState.STARTED, "alpha", "alpha", ("f",), plan, members, change
    )


def new_store(directory: Path) -> CheckpointStore:
    directory.mkdir(exist_ok=True)
    create_checkpoints(directory / "checkpoints.db", CLUSTER)
    return open_checkpoints(directory / "checkpoints.db", CLUSTER)


def with_checkpoints(directory: Path) -> CheckpointStore:
    """Checkpoints 4 and 5, of which 5 builds on 4."""
    store = new_store(directory)
    store.choose(1, CheckpointId(0, 0), highest=0)
    for number, base in ((4, True), (5, False)):
        part = StatePart("count", base, 4, (b"of %d" % number,), 1)
        store.write(CheckpointPart(CheckpointId(1, number), "alpha", (), (), (part,)))
        store.record_committed(number)
    return store


def staged_of(number: int, record: ClusterRecord, *chains: StagedChain) -> StagedChange:
    part = StagedPart(number, BASIS, (("in", "p", 3, False),), (), chains)
    return StagedChange(Ballot(1, "alpha"), record, topology(1, ALPHA), (ALPHA,), part)


def stage(store: CheckpointStore, record: ClusterRecord, *, chunks: list[bytes]) -> ChangeRows:
    rows = ChangeRows(store)
    number = rows.begin()
    rows.add(number, "count", chunks[:1], after=0)
    rows.add(number, "count", chunks[1:], after=1)
    links = (*store.manifests[5].chains[0].links, (-number, len(chunks)))
    rows.finish(staged_of(number, record, StagedChain("count", links, narrowed=True)))
    return rows


def chunks_in(store: CheckpointStore) -> set[int]:
    return {row[0] for row in store.connection.execute("SELECT DISTINCT number FROM chunk")}


def test_a_database_without_a_change_is_of_the_first_schema(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    assert store.marks.schema == 1
    assert ChangeRows(store).vote() is None
    assert look_at_changes(store.path) == Found()
    assert look_at_changes(tmp_path / "nothing") == Found()


def test_a_vote_is_there_after_a_restart_and_no_older_version_reads_the_file(
    tmp_path: Path,
) -> None:
    store = new_store(tmp_path)
    vote = Vote(1, Ballot(3, "beta"), Ballot(2, "alpha"), record_of(2, ALPHA, BETA).change)
    ChangeRows(store).write_vote(vote)
    store.close()
    store = open_checkpoints(store.path, CLUSTER)
    assert ChangeRows(store).vote() == vote
    assert store.marks.schema == 2


def test_a_damaged_vote_is_not_taken_for_none(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    rows = ChangeRows(store)
    rows.write_vote(Vote(1, Ballot(3, "beta")))
    store.connection.execute("UPDATE meta SET value = replace(value, '3', '2') WHERE name = 'vote'")
    with pytest.raises(DamagedStateError, match="the vote has a wrong checksum"):
        rows.vote()


def test_what_is_staged_changes_nothing_until_it_is_adopted(tmp_path: Path) -> None:
    store = with_checkpoints(tmp_path)
    record = record_of(2, ALPHA, BETA)
    before = store.restore(5)
    rows = stage(store, record, chunks=[b"gained", b"more"])
    assert store.restore(5) == before
    # Checkpoints that go on in the old epoch do not take the staged chunks for garbage.
    store.write(CheckpointPart(CheckpointId(1, 6), "alpha", (), (), ()))
    assert -1 in chunks_in(store)
    assert look_at_changes(store.path).staged == rows.staged()


def test_what_was_begun_for_one_cluster_makes_room_for_another(tmp_path: Path) -> None:
    """A worker that could not stage its part in one may be taken into another in the same life."""
    store = new_store(tmp_path)
    rows = ChangeRows(store)
    rows.add(rows.begin(), "count", [b"of the first cluster"], after=0)
    rows.become(CLUSTER)
    assert chunks_in(store) == {-1}
    rows.become("wc-other")
    assert chunks_in(store) == set()
    assert store.held == (CheckpointId(0, 0),)
    store.close()
    store = open_checkpoints(tmp_path / "checkpoints.db", "wc-other")
    assert (store.marks.cluster_id, store.marks.stagings, store.marks.schema) == ("wc-other", 0, 1)
    store.close()


def test_what_is_in_doubt_makes_no_room(tmp_path: Path) -> None:
    store = with_checkpoints(tmp_path)
    rows = stage(store, record_of(2, ALPHA, BETA), chunks=[b"gained", b"more"])
    with pytest.raises(RefusedError, match=f"may be decided in cluster {CLUSTER}"):
        rows.become("wc-other")
    assert len(rows.staged()) == 1


def test_adopting_puts_the_staged_part_in_the_place_of_everything(tmp_path: Path) -> None:
    store = with_checkpoints(tmp_path)
    record = record_of(2, ALPHA, BETA, line=3)
    rows = stage(store, record, chunks=[b"gained", b"more"])
    rows.write_vote(Vote(1, Ballot(3, "beta")))
    store.write(CheckpointPart(CheckpointId(1, 6), "alpha", (), (), ()))
    keep(store, "monday", 6)
    rows.adopt(record)
    for each in (store, open_checkpoints(store.path, CLUSTER)):
        assert each.held == (BASIS,)
        assert each.committed == BASIS
        assert (each.round, each.line, each.highest, each.kept) == (7, 3, 6, {})
        restored = each.restore(5)
        assert restored.chunks == {"count": [b"of 4", b"of 5", b"gained", b"more"]}
        assert restored.narrowed == {"count"}
        assert restored.sources[0].position == 3
        assert ChangeRows(each).vote() is None
        assert ChangeRows(each).staged() == ()
        assert ChangeRows(each).record() == record


def test_a_change_after_a_change_does_not_touch_what_the_first_has_brought(tmp_path: Path) -> None:
    store = with_checkpoints(tmp_path)
    stage(store, record_of(2, ALPHA, BETA), chunks=[b"gained", b"more"]).adopt(
        record_of(2, ALPHA, BETA)
    )
    rows = stage(store, record_of(3, ALPHA), chunks=[b"back", b"too"])
    incoming = IncomingFiles(tmp_path)
    incoming.write(incoming.moved(2), "sources/in/left/0.journal", b"entries")
    rows.unstage()
    assert rows.staged() == ()
    assert list((tmp_path / "incoming").iterdir()) == []
    assert store.restore(5).chunks["count"][2:] == [b"gained", b"more"]
    stage(store, record_of(3, ALPHA), chunks=[b"back", b"too"]).adopt(record_of(3, ALPHA))
    assert store.restore(5).chunks["count"][2:] == [b"gained", b"more", b"back", b"too"]


def test_a_base_in_the_new_epoch_lets_all_go_that_came_before_it(tmp_path: Path) -> None:
    store = with_checkpoints(tmp_path)
    stage(store, record_of(2, ALPHA, BETA), chunks=[b"a", b"b"]).adopt(record_of(2, ALPHA, BETA))
    for number, base in ((6, False), (7, True), (8, False)):
        part = StatePart("count", base, number - 1, (b"of %d" % number,), 1)
        store.write(CheckpointPart(CheckpointId(7, number), "alpha", (), (), (part,)))
        narrowed = store.restore(number).narrowed
        assert narrowed == (frozenset({"count"}) if number == 6 else frozenset())
        store.record_committed(number)
    assert chunks_in(store) == {7, 8}


def test_what_was_not_staged_is_not_adopted(tmp_path: Path) -> None:
    store = with_checkpoints(tmp_path)
    rows = ChangeRows(store)
    with pytest.raises(DamagedStateError, match="what was decided is not staged here"):
        rows.adopt(record_of(2, ALPHA))
    stage(store, record_of(2, ALPHA, BETA), chunks=[b"a", b"b"])
    with pytest.raises(DamagedStateError, match="what was decided is not staged here"):
        rows.adopt(record_of(2, ALPHA))
    assert store.held[-1] == BASIS


def test_what_was_staged_is_not_adopted_without_what_it_builds_on(tmp_path: Path) -> None:
    store = with_checkpoints(tmp_path)
    rows = stage(store, record_of(2, ALPHA), chunks=[b"a", b"b"])
    store.connection.execute("DELETE FROM chunk WHERE number = 4")
    with pytest.raises(DamagedStateError, match="state of 'count' that was staged is not whole"):
        rows.adopt(record_of(2, ALPHA))
    assert store.round == 1


def test_of_two_changes_that_are_staged_either_may_be_adopted(tmp_path: Path) -> None:
    first, second = record_of(2, ALPHA, BETA), record_of(2, ALPHA)
    for record, chunk in ((first, b"first"), (second, b"second")):
        store = with_checkpoints(tmp_path / chunk.decode())
        stage(store, first, chunks=[b"first"])
        rows = stage(store, second, chunks=[b"second"])
        assert [each.record for each in rows.staged()] == [first, second]
        rows.adopt(record)
        assert store.restore(5).chunks["count"][2:] == [chunk]
        assert rows.staged() == ()
        assert len([number for number in chunks_in(store) if number < 0]) == 1


def test_what_was_begun_and_not_finished_is_gone_when_another_begins(tmp_path: Path) -> None:
    store = with_checkpoints(tmp_path)
    rows = ChangeRows(store)
    number = rows.begin()
    rows.add(number, "count", [b"a"], after=0)
    store = open_checkpoints(store.path, CLUSTER)
    rows = stage(store, record_of(2, ALPHA), chunks=[b"b", b"c"])
    assert -number not in chunks_in(store)
    with pytest.raises(LocalProtocolError, match=f"staging {number} has not begun"):
        rows.finish(staged_of(number, record_of(2, ALPHA)))


def test_a_disk_that_fails_in_the_middle_leaves_the_old_epoch_whole(tmp_path: Path) -> None:
    store = with_checkpoints(tmp_path)
    record = record_of(2, ALPHA, BETA)
    rows = stage(store, record, chunks=[b"a", b"b"])
    store.connection.execute(
        "CREATE TRIGGER full BEFORE INSERT ON meta WHEN NEW.name = 'record' "
        "BEGIN SELECT RAISE(ABORT, 'disk full'); END"
    )
    with pytest.raises(CannotCreateError, match="disk full"):
        rows.adopt(record)
    store.connection.execute("DROP TRIGGER full")
    store.close()
    store = open_checkpoints(store.path, CLUSTER)
    assert store.held == (CheckpointId(1, 4), CheckpointId(1, 5))
    assert store.round == 1
    assert ChangeRows(store).record() is None
    ChangeRows(store).adopt(record)
    assert store.round == 7


def test_what_is_adopted_may_be_adopted_again(tmp_path: Path) -> None:
    """As where the disk refused what was to be written after it."""
    store = with_checkpoints(tmp_path)
    record = record_of(2, ALPHA, BETA)
    rows = stage(store, record, chunks=[b"gained"])
    rows.adopt(record)
    marks, held = store.marks, store.restore(5)
    rows.adopt(record)
    assert (store.marks, store.restore(5), rows.record()) == (marks, held, record)


def test_a_directory_whose_record_was_not_written_anew_is_in_the_epoch_that_it_adopted(
    tmp_path: Path,
) -> None:
    state, first = founded(tmp_path)
    store = state.open_checkpoints(CLUSTER)
    rows = ChangeRows(store)
    second = record_of(2, ALPHA, BETA)
    rows.finish(staged_of(rows.begin(), second))
    assert state.load_record() == first
    assert [each.record for each in state.look_at_changes().staged] == [second]
    rows.adopt(second)
    assert state.load_record() == second
    published = attrs.evolve(second, state=RecordState.PUBLISHED)
    state.save_record(published)
    assert state.load_record() == published
    state.close()


def founded(tmp_path: Path) -> tuple[StateDirectory, ClusterRecord]:
    """A directory with the record of epoch 1."""
    state = open_state_directory(tmp_path / "state")
    first = attrs.evolve(record_of(1, ALPHA), state=RecordState.COMMITTED, change=None)
    state.save_record(first)
    return state, first


def adopted(tmp_path: Path) -> tuple[StateDirectory, ClusterRecord]:
    """One that has adopted epoch 2 in its checkpoints besides."""
    state, _ = founded(tmp_path)
    second = record_of(2, ALPHA, BETA)
    with contextlib.closing(state.open_checkpoints(CLUSTER)) as store:
        rows = ChangeRows(store)
        rows.finish(staged_of(rows.begin(), second))
        rows.adopt(second)
        rows.write_vote(Vote(2, Ballot(3, "beta")))
    return state, second


def spoil(state: StateDirectory, name: str) -> None:
    with contextlib.closing(sqlite3.connect(state.checkpoints_path)) as connection, connection:
        connection.execute("UPDATE meta SET checksum = 'x' WHERE name = ?", (name,))


def test_a_damaged_record_of_a_later_epoch_does_not_make_the_older_one_count(
    tmp_path: Path,
) -> None:
    state, _ = adopted(tmp_path)
    spoil(state, "record")
    with pytest.raises(DamagedStateError, match="the record has a wrong checksum"):
        state.load_record()
    assert verify(state) != []
    state.checkpoints_path.write_bytes(b"SQLite no more" * 1000)
    with pytest.raises(DamagedStateError, match=r"checkpoints\.db"):
        state.load_record()
    kept = state.archive_unread()
    assert kept is not None
    assert kept.name.endswith(CLUSTER), "it is put aside by its name, with what is damaged"
    assert state.load_record() is None
    state.close()


def test_a_damaged_vote_takes_no_record_along(tmp_path: Path) -> None:
    state, second = adopted(tmp_path)
    spoil(state, "vote")
    assert state.load_record() == second
    state.close()


def test_who_died_while_the_database_was_first_opened_has_the_record_that_it_had(
    tmp_path: Path,
) -> None:
    state, first = founded(tmp_path)
    code = (
        "import os, sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None);"
        "c.execute('PRAGMA cache_size = 1'); c.execute('BEGIN');"
        "c.execute('CREATE TABLE x (y)');"
        "c.executemany('INSERT INTO x VALUES (?)', [('z' * 3000,)] * 100); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", code, str(state.checkpoints_path)], check=True)
    assert state.checkpoints_path.with_name("checkpoints.db-journal").exists()
    assert state.load_record() == first
    assert state.look_at_changes() == Found(), "a joiner would never start again"
    state.open_checkpoints(CLUSTER).close()
    assert state.load_record() == first
    state.close()


def test_the_record_of_a_joiner_that_died_before_it_had_one_is_the_adopted_one(
    tmp_path: Path,
) -> None:
    state = open_state_directory(tmp_path / "state")
    (tmp_path / "state" / "cluster").mkdir()
    store = new_store(tmp_path / "state" / "cluster")
    rows = ChangeRows(store)
    record = attrs.evolve(record_of(2, ALPHA, BETA), worker="beta")
    rows.finish(staged_of(rows.begin(), record))
    assert state.load_record() is None
    assert [each.record for each in state.look_at_changes().staged] == [record]
    rows.adopt(record)
    assert state.load_record() == record
    state.close()


def test_a_manifest_without_narrowed_chains_is_as_it_ever_was() -> None:
    assert json.loads(msgspec.json.encode(Chain("count", ((1, 2),)))) == {
        "computation": "count",
        "links": [[1, 2]],
    }


def test_a_part_of_a_lost_worker_is_put_back_as_it_was(tmp_path: Path) -> None:
    lost, new = with_checkpoints(tmp_path / "lost"), new_store(tmp_path / "new")
    head = ChangeRows(lost).own_part(PART)
    chunks = [Chunk("count", number, 0, b"of %d" % number) for number in (4, 5)]
    rows = ChangeRows(new)
    rows.put_chunks(chunks[:1])
    with pytest.raises(DamagedStateError, match="is not whole"):
        rows.put_part(head, 1)
    rows.put_chunks(chunks)
    rows.put_part(head, 1)
    assert rows.own_part(PART) == head
    assert rows.chunks_of(PART, "count") == [b"of 4", b"of 5"]
    new.close()
    again = open_checkpoints(tmp_path / "new" / "checkpoints.db", CLUSTER)
    assert ChangeRows(again).own_part(PART) == head
    for each in (lost, again):
        each.close()


def test_what_a_lost_worker_had_staged_stays_whatever_is_staged_in_its_place(
    tmp_path: Path,
) -> None:
    """The numbers of stagings begin anew in an empty directory, and chunks have them as names."""
    lost, new = with_checkpoints(tmp_path / "lost"), new_store(tmp_path / "new")
    second = record_of(2, ALPHA, BETA)
    stage(lost, second, chunks=[b"gained", b"more"]).adopt(second)
    part = PartName(2, "alpha", 1, 5)
    head = ChangeRows(lost).own_part(part)
    texts = {4: [b"of 4"], 5: [b"of 5"], -1: [b"gained", b"more"]}
    rows = ChangeRows(new)
    rows.add(rows.begin(), "count", [b"of another request"], after=0)
    rows.put_chunks(
        Chunk("count", n, place, data) for n in texts for place, data in enumerate(texts[n])
    )
    rows.put_part(head, 2)
    for _ in range(2):  # the first is not brought to an end
        number = rows.begin()
        rows.add(number, "count", [b"newer"], after=0)
    links = (*new.manifests[5].chains[0].links, (-number, 1))
    third = record_of(3, ALPHA, BETA)
    rows.finish(staged_of(number, third, StagedChain("count", links)))
    rows.adopt(third)
    assert new.restore(5).chunks["count"] == [b"of 4", b"of 5", b"gained", b"more", b"newer"]
    for each in (lost, new):
        each.close()


def test_what_was_settled_is_in_the_file_and_not_in_its_log_alone(tmp_path: Path) -> None:
    store = with_checkpoints(tmp_path / "db")
    rows = stage(store, record_of(2, ALPHA), chunks=[b"gained"])
    alone = tmp_path / "alone.db"

    def staged_in_the_file() -> int:
        alone.write_bytes(store.path.read_bytes())
        with contextlib.closing(sqlite3.connect(alone)) as copy:
            [(tables,)] = copy.execute("SELECT COUNT(*) FROM sqlite_master")
            if not tables:
                return 0
            [(found,)] = copy.execute("SELECT COUNT(*) FROM chunk WHERE number < 0")
            return int(found)

    assert staged_in_the_file() == 0
    rows.settle()
    assert staged_in_the_file() == 1
    store.close()
