"""A damaged part is put right by its copy, and by nothing else."""

import sqlite3
from pathlib import Path

import pytest
from msgspec.structs import replace
from support.copied import CLUSTER, part_at, store_at, write_part
from support.retained import keep

from wallarood.model.checkpoint import CheckpointId
from wallarood.model.errors import DamagedStateError
from wallarood.model.messages.replicas import PartWanted
from wallarood.storage.checkpoint_files import open_checkpoints
from wallarood.storage.copies.mending import damaged_parts, mend_part
from wallarood.storage.part_reader import read_own_part, read_replica


@pytest.fixture
def paths(tmp_path: Path) -> tuple[Path, Path]:
    """An owner's database and its holder's, with two checkpoints, of which one is kept."""
    (tmp_path / "holder").mkdir()
    owner, holder = store_at(tmp_path / "owner.db"), store_at(tmp_path / "holder" / "holder.db")
    for number in (1, 2):
        write_part(owner, number, b"%d" % number, b"more")
        head, chunks = read_own_part(owner.path, CLUSTER, PartWanted(part_at(number)))
        assert holder.replicas.write(part_at(number), head.manifest, [c for s in chunks for c in s])
        for store in (owner, holder):
            if number == 1:
                keep(store, "monday", 1)
            store.record_committed(number)
    owner.close()
    holder.close()
    return owner.path, holder.path


def damage(path: Path, statement: str) -> None:
    with sqlite3.connect(path) as connection:
        assert connection.execute(statement).rowcount > 0


@pytest.mark.parametrize(
    ("statement", "damaged"),
    [
        ("UPDATE chunk SET data = x'00' WHERE number = 1 AND sequence = 1", [1, 2]),
        ("DELETE FROM chunk WHERE number = 2 AND sequence = 0", [2]),
    ],
)
def test_what_is_damaged_is_as_it_was_when_its_copy_has_come(
    paths: tuple[Path, Path], statement: str, damaged: list[int]
) -> None:
    owner, holder = paths
    before = [open_checkpoints(owner, CLUSTER).restore(number) for number in (1, 2)]
    assert damaged_parts(owner, CLUSTER) == []
    damage(owner, statement)
    found = damaged_parts(owner, CLUSTER)
    assert found == [CheckpointId(1, number) for number in damaged]
    for checkpoint in found:
        wanted = PartWanted(part_at(checkpoint.number))
        head, chunks = read_replica(holder, CLUSTER, wanted)
        mend_part(owner, CLUSTER, head, chunks=[chunk for some in chunks for chunk in some])
    mended = open_checkpoints(owner, CLUSTER)
    assert mended.drop_damaged() == []
    assert [mended.restore(number) for number in (1, 2)] == before
    assert mended.verify() == []


def test_a_copy_of_another_part_is_refused(paths: tuple[Path, Path]) -> None:
    owner, holder = paths
    head, _ = read_replica(holder, CLUSTER, PartWanted(part_at(1)))
    for other in (
        replace(head, part=part_at(2)),
        replace(head, part=part_at(9)),
        replace(head, manifest={**head.manifest, "round": 7}),
    ):
        with pytest.raises(DamagedStateError, match="is of another"):
            mend_part(owner, CLUSTER, other, chunks=[])
    assert damaged_parts(owner, CLUSTER) == []
