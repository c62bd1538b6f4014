"""What a worker had in the epoch before is kept until a newer one's checkpoint is committed."""

from pathlib import Path

import attrs
import pytest
from support.retained import keep

from wallarood.model.change import Change, PartName
from wallarood.model.checkpoint import (
    BEFORE_UPGRADE,
    CheckpointId,
    CheckpointPart,
    StatePart,
)
from wallarood.model.cluster_record import ClusterRecord, Layout, RecordState, WayBack
from wallarood.model.ids import Address, Ballot, Incarnation, Member
from wallarood.model.messages.replicas import Chunk, PartWanted
from wallarood.model.staging import StagedChain, StagedChange, StagedPart
from wallarood.model.topology import Topology
from wallarood.storage.change_rows import ChangeRows
from wallarood.storage.checkpoint_files import create_checkpoints, open_checkpoints
from wallarood.storage.checkpoints import CheckpointStore
from wallarood.storage.former import (
    chunks_of,
    drop_damaged,
    kept_parts,
    own_manifest,
    verify_former,
)
from wallarood.storage.part_reader import read_own_part
from wallarood.storage.state_directory import open_state_directory

CLUSTER = "wc-0123456789abcdef0123"
BASIS = CheckpointId(1, 5)
HERE = Address("127.0.0.1", 1)
ALPHA = Member("alpha", HERE, HERE, Incarnation(1, "n"))
FIRST = PartName(1, "alpha", BASIS.round, BASIS.number)
BEFORE = {"count": [b"of 4", b"of 5"]}


def topology(epoch: int) -> Topology:
    return Topology(epoch, "app", ("alpha",), (), ())


def record_of(epoch: int, layout: int) -> ClusterRecord:
    change = Change(epoch, (ALPHA,), (), topology(epoch), ("f",), BASIS, layout, 6 + epoch, 0)
    before = Layout(topology(layout), (ALPHA,))
    started = RecordState.STARTED
    return ClusterRecord(
        CLUSTER, started, "alpha", "alpha", ("f",), topology(epoch), (ALPHA,), change, before
    )


def write(store: CheckpointStore, number: int, *, base: bool = False) -> None:
    part = StatePart("count", base, number - 1, (b"of %d" % number,), 1)
    round_ = store.round
    store.write(CheckpointPart(CheckpointId(round_, number), "alpha", (), (), (part,)))


def adopt(store: CheckpointStore, record: ClusterRecord) -> None:
    """What is staged has nothing of what was here before."""
    rows = ChangeRows(store)
    number = rows.begin()
    rows.add(number, "count", [b"in epoch %d" % record.topology.epoch], after=0)
    chains = (StagedChain("count", ((-number, 1),)),)
    part = StagedPart(number, BASIS, (), (), chains)
    rows.finish(StagedChange(Ballot(1, "alpha"), record, topology(1), (ALPHA,), part))
    bare = attrs.evolve(record, before=None)
    assert rows.adopt(bare) == record, "what was staged counts, which has the layout before"
    assert rows.record() == record


@pytest.fixture(name="store")
def in_epoch_two(tmp_path: Path) -> CheckpointStore:
    """Checkpoint 5, which builds on 4, as it is in epoch 2; epoch 1 had another part of it."""
    path = tmp_path / "checkpoints.db"
    create_checkpoints(path, CLUSTER)
    store = open_checkpoints(path, CLUSTER)
    store.choose(1, CheckpointId(0, 0), highest=0)
    for number in (4, 5):
        write(store, number, base=number == 4)
        store.record_committed(number)
    adopt(store, record_of(2, 1))
    return store


def first_part(store: CheckpointStore) -> dict[str, list[bytes]]:
    """What another worker is given of the part that this one had in epoch 1."""
    found: dict[str, list[bytes]] = {}
    _, chunks = read_own_part(store.path, CLUSTER, PartWanted(FIRST))
    for chunk in (each for some in chunks for each in some):
        found.setdefault(chunk.computation, []).append(chunk.data)
    return found


def test_both_parts_are_here_until_a_checkpoint_of_the_new_epoch_is_committed(
    store: CheckpointStore,
) -> None:
    assert kept_parts(store) == (FIRST,)
    assert store.restore(5).chunks == {"count": [b"in epoch 2"]}
    assert first_part(store) == BEFORE
    store.choose(8, BASIS, highest=5)
    write(store, 6)
    assert first_part(store) == BEFORE, "6 is written, and not committed"
    store.choose(9, CheckpointId(8, 6), highest=6)
    assert first_part(store) == BEFORE, "nor is it when it is chosen: it may have no copies"
    store.close()
    store = open_checkpoints(store.path, CLUSTER)
    assert first_part(store) == BEFORE
    store.record_committed(6)
    assert kept_parts(store) == ()
    assert own_manifest(store, FIRST) is None, "what is here is another part"
    assert own_manifest(store, attrs.evolve(FIRST, layout=2)) == store.manifests[5]
    write(store, 7)
    numbers = store.connection.execute("SELECT DISTINCT number FROM chunk ORDER BY number")
    assert [number for (number,) in numbers] == [-1, 6, 7]


def test_a_change_before_the_commit_goes_on_with_the_layout_that_is_kept(
    store: CheckpointStore,
) -> None:
    adopt(store, record_of(3, 1))
    assert kept_parts(store) == (FIRST,)
    assert first_part(store) == BEFORE
    adopt(store, record_of(4, 3))
    assert kept_parts(store) == (attrs.evolve(FIRST, layout=3),)


def test_one_that_is_damaged_is_dropped_and_the_worker_starts(
    store: CheckpointStore, tmp_path: Path
) -> None:
    store.connection.execute("UPDATE chunk SET data = x'00' WHERE number = 4")
    assert "chunk 0 has a wrong checksum" in drop_damaged(store)[0]
    assert kept_parts(store) == ()
    assert drop_damaged(store) == []
    store.close()
    assert kept_parts(open_checkpoints(store.path, CLUSTER)) == ()


def test_a_start_looks_for_such_damage(tmp_path: Path, store: CheckpointStore) -> None:
    store.connection.execute("UPDATE chunk SET data = x'00' WHERE number = 4")
    store.close()
    directory = open_state_directory(tmp_path / "state")
    directory.cluster_path.mkdir()
    store.path.rename(directory.checkpoints_path)
    opened = directory.open_checkpoints(CLUSTER)
    assert directory.changes_in(opened).kept_parts() == ()
    directory.close()


def test_who_takes_the_place_of_a_lost_worker_in_an_older_layout_keeps_its_part_of_that(
    tmp_path: Path, store: CheckpointStore
) -> None:
    """Nobody else may have it, if its holder is lost before the next commit."""
    head = ChangeRows(store).own_part(FIRST)
    (tmp_path / "new").mkdir()
    path = tmp_path / "new" / "checkpoints.db"
    create_checkpoints(path, CLUSTER)
    new = open_checkpoints(path, CLUSTER)
    rows = ChangeRows(new)
    rows.put_chunks(Chunk("count", number, 0, b"of %d" % number) for number in (4, 5))
    rows.put_part(head, FIRST.layout)
    for epoch in (3, 4):
        adopt(new, record_of(epoch, FIRST.layout))
        assert FIRST in kept_parts(new)
        assert first_part(new) == BEFORE
    new.close()


def upgraded(epoch: int) -> ClusterRecord:
    """The record of an upgrade from the epoch before *epoch*."""
    made, before = record_of(epoch, epoch - 1), topology(epoch - 1)
    return attrs.evolve(made, back=WayBack(("f",), before, BASIS))


@pytest.fixture(name="newer")
def in_a_newer_version(store: CheckpointStore) -> CheckpointStore:
    """Epoch 3 is an upgrade, and has committed checkpoint 6; the way back is to 5 of epoch 2."""
    adopt(store, upgraded(3))
    store.choose(9, BASIS, highest=5)
    write(store, 6, base=True)
    store.record_committed(6)
    return store


SECOND = attrs.evolve(FIRST, layout=2)


def test_the_way_back_from_an_upgrade_stays_when_others_go(newer: CheckpointStore) -> None:
    write(newer, 7)
    newer.close()
    store = open_checkpoints(newer.path, CLUSTER)
    assert kept_parts(store) == (SECOND,)
    assert store.kept == {BEFORE_UPGRADE: 5}
    manifest = own_manifest(store, SECOND)
    assert manifest is not None
    assert list(chunks_of(store, manifest, "count")) == [b"in epoch 2"]
    assert verify_former(store) == []
    store.connection.execute("UPDATE chunk SET data = x'00' WHERE number = -1")
    assert drop_damaged(store) == [], "that is not looked at by each start"
    assert "has a wrong checksum" in verify_former(store)[0]


def test_an_operator_may_drop_it(newer: CheckpointStore) -> None:
    keep(newer, "nightly", 6)
    newer.drop(BEFORE_UPGRADE)
    assert (newer.kept, kept_parts(newer)) == ({"nightly": 6}, ())


def test_the_next_change_ends_it_and_going_back_goes_on_from_it(newer: CheckpointStore) -> None:
    number = ChangeRows(newer).begin()
    (before,) = newer.marks.former
    [chain] = before.manifest.chains
    part = StagedPart(number, BASIS, (), (), (StagedChain("count", chain.links),))
    record = attrs.evolve(record_of(4, 2), before=None)
    back = StagedChange(Ballot(1, "alpha"), record, topology(2), (ALPHA,), part)
    ChangeRows(newer).finish(back)
    ChangeRows(newer).adopt(record)
    assert newer.held == (BASIS,)
    assert newer.restore(5).chunks == {"count": [b"in epoch 2"]}
    assert (newer.kept, kept_parts(newer)) == ({}, (SECOND,))
    assert newer.highest == 6, "numbers are never used twice"
    newer.choose(11, BASIS, highest=6)
    write(newer, 7, base=True)
    newer.record_committed(7)
    assert kept_parts(newer) == ()
