"""A state directory after a crash between any two file operations: old or new, never half."""

import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest

from wallarood.model.cluster_record import ClusterRecord, RecordState
from wallarood.model.errors import DamagedStateError
from wallarood.model.ids import Address, Incarnation
from wallarood.model.messages import Member
from wallarood.model.topology import Topology
from wallarood.storage.state_directory import StateDirectory, look_into

OPERATIONS = ("open", "write", "fsync", "rename", "mkdir", "unlink", "truncate")
CRASHED = 77


def record(cluster: str = "wc-1", state: RecordState = RecordState.PREPARED) -> ClusterRecord:
    address = Address("h", 1)
    members = (Member("alpha", address, address, Incarnation(1, "n")),)
    topology = Topology(1, "app", ("alpha",), (), ())
    return ClusterRecord(cluster, state, "alpha", "alpha", ("app",), topology, members)


def crash_after(count: int) -> None:
    """Let this process die before its next file operation behind *count* of them."""
    left = count

    def counted(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            nonlocal left
            if left == 0:
                os._exit(CRASHED)
            left -= 1
            return real(*arguments, **options)

        return call

    for name in OPERATIONS:
        setattr(os, name, counted(getattr(os, name)))


def crashes(home: Path, action: Callable[[StateDirectory], object]) -> list[Path]:
    """What is left of *home* after a crash at each place of *action*, the whole one last."""
    left: list[Path] = []
    while True:
        copy = home.with_name(f"crash-{len(left)}")
        shutil.copytree(home, copy)
        left.append(copy)
        child = os.fork()
        if child == 0:
            try:
                crash_after(len(left) - 1)
                action(StateDirectory(copy))
                os._exit(0)
            finally:
                os._exit(1)
        _, status = os.waitpid(child, 0)
        if os.waitstatus_to_exitcode(status) == 0:
            return left
        assert os.waitstatus_to_exitcode(status) == CRASHED


def content(path: Path) -> object:
    state = look_into(path)
    archived = [state.load_archived(each) for each in state.archives()]
    return state.load_record(), archived


@attrs.frozen
class Case:
    before: Callable[[StateDirectory], object]
    action: Callable[[StateDirectory], object]


COMMITTED = record(state=RecordState.COMMITTED)
CASES = {
    "first record": Case(lambda _: None, lambda state: state.save_record(record())),
    "next record": Case(
        lambda state: state.save_record(record()), lambda state: state.save_record(COMMITTED)
    ),
    "archive": Case(
        lambda state: state.save_record(COMMITTED), lambda state: state.archive_record()
    ),
    "never": Case(
        lambda state: state.record_never("wc-0"), lambda state: state.record_never("wc-1")
    ),
    "incarnation": Case(
        lambda state: state.next_incarnation(), lambda state: state.next_incarnation()
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_crash_at_any_place_leaves_old_or_new(tmp_path: Path, name: str) -> None:
    case, home = CASES[name], tmp_path / "home"
    home.mkdir()
    case.before(StateDirectory(home))
    old = content(home), look_into(home).never("wc-1")
    left = crashes(home, case.action)
    new = content(left[-1]), look_into(left[-1]).never("wc-1")
    assert len(left) > 4
    for each in left:
        now = content(each), look_into(each).never("wc-1")
        assert now in (old, new), each
        case.action(StateDirectory(each))  # and whoever comes next can go on
        if name == "next record":
            look_into(each).open_checkpoints("wc-1").close()


def test_a_cluster_that_is_being_brought_back_is_never_lost(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    state = StateDirectory(home)
    state.save_record(COMMITTED)
    state.archive_record()
    state.save_record(record("wc-2", RecordState.COMMITTED))
    for each in crashes(home, lambda state: state.bring_back("wc-1")):
        now = look_into(each)
        present, archived = content(each)  # type: ignore[misc]
        assert {"wc-1", "wc-2"} == {r.cluster_id for r in [present, *archived] if r is not None}
        if present is None or present.cluster_id != "wc-1":
            assert StateDirectory(each).bring_back("wc-1")
        assert now.load_record() == COMMITTED


def test_the_cluster_that_is_brought_back_is_not_pruned_to_make_room(tmp_path: Path) -> None:
    state = StateDirectory(tmp_path)
    for number in range(30):
        state.save_record(record(f"wc-{number}", RecordState.COMMITTED))
        state.archive_record()
    oldest = state.load_archived(state.archives()[0])
    assert oldest is not None
    state.save_record(record("wc-now", RecordState.COMMITTED))
    assert state.bring_back(oldest.cluster_id)
    assert state.load_record() == oldest


@pytest.mark.parametrize("file", ["cluster/record.json", "never.json", "incarnation.json"])
def test_a_flipped_bit_in_a_document_is_found_and_named_or_changes_nothing(
    tmp_path: Path, file: str
) -> None:
    state = StateDirectory(tmp_path)
    state.save_record(COMMITTED)
    state.record_never("wc-0")
    first = state.next_incarnation()
    path, rng = tmp_path / file, random.Random(file)
    data, found = path.read_bytes(), 0
    for _ in range(300):
        place = rng.randrange(len(data) * 8)
        damaged = bytearray(data)
        damaged[place // 8] ^= 1 << place % 8
        path.write_bytes(damaged)
        said = ""
        try:
            state.check_documents()
            assert state.load_record() == COMMITTED
            assert state.never("wc-0")
        except DamagedStateError as error:
            said = error.message
        assert not said or str(path) in said
        found += bool(said)
    assert found > 200
    path.write_bytes(data)
    assert state.next_incarnation().starts == first.starts + 1
