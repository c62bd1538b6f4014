"""The state directory: locked, old or new after a crash, and damage is named."""

import contextlib
import errno
import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import attrs
import pytest

from wallarood.model.cluster_record import ClusterRecord, RecordState
from wallarood.model.errors import CannotCreateError, DamagedStateError, StateInUseError
from wallarood.model.ids import Address, Incarnation
from wallarood.model.messages import Member
from wallarood.model.topology import Edge, Routing, SourcePartition, Stage, StageKind, Topology
from wallarood.storage import files
from wallarood.storage.archives import ARCHIVES_MAX
from wallarood.storage.state_directory import (
    StateDirectory,
    look_into,
    open_state_directory,
)


def record(cluster_id: str = "wc-1", state: RecordState = RecordState.PREPARED) -> ClusterRecord:
    stage = Stage(
        0, "ä → b", StageKind.SOURCE, ("ä",), "why", ("alpha",), (0, 0),
        (SourcePartition("p\n", "alpha"),),
    )  # fmt: skip
    topology = Topology(1, "app", ("alpha",), (stage,), (Edge(0, 0, "ä", -1, 0, Routing.KEYED),))
    member = Member("alpha", Address("::1", 1), Address("h", 2), Incarnation(3, "n"))
    return ClusterRecord(cluster_id, state, "alpha", "alpha", ("line",), topology, (member,))


@pytest.fixture
def state(tmp_path: Path) -> Any:
    opened = open_state_directory(tmp_path / "deep" / "state")
    yield opened
    opened.close()


def test_what_is_saved_is_loaded(state: StateDirectory) -> None:
    assert state.load_record() is None
    state.save_record(record())
    assert state.load_record() == record()
    assert look_into(state.path).load_record() == record()
    assert oct(state.path.stat().st_mode & 0o777) == "0o700"
    assert oct(state.record_path.stat().st_mode & 0o777) == "0o600"


def test_each_start_is_counted_and_has_a_nonce_of_its_own(state: StateDirectory) -> None:
    lives = [state.next_incarnation() for _ in range(3)]
    assert [each.starts for each in lives] == [1, 2, 3]
    assert len({each.nonce for each in lives}) == 3


def test_a_directory_in_use_is_refused_with_the_process_that_uses_it(state: StateDirectory) -> None:
    with pytest.raises(StateInUseError, match=f"in use by process {os.getpid()}"):
        open_state_directory(state.path)


def test_the_lock_of_a_dead_process_holds_nobody(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path;"
        "from wallarood.storage.state_directory import open_state_directory;"
        "open_state_directory(Path(sys.argv[1])); import os; os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "s")], check=True)
    open_state_directory(tmp_path / "s").close()


def test_never_is_remembered(state: StateDirectory) -> None:
    assert not state.never("wc-1")
    state.record_never("wc-1")
    state.record_never("wc-2")
    state.record_never("wc-1")
    assert state.never("wc-1")
    assert look_into(state.path).never("wc-2")


def test_archives_are_bounded_and_the_last_stays(state: StateDirectory) -> None:
    assert state.archive_record() is None
    for number in range(ARCHIVES_MAX + 5):
        state.save_record(record(f"wc-{number}"))
        state.archive_record()
    assert state.load_record() is None
    kept = [state.load_archived(each) for each in state.archives()]
    assert [each.cluster_id for each in kept if each] == [
        f"wc-{number}" for number in range(5, ARCHIVES_MAX + 5)
    ]


@pytest.mark.parametrize("name", ["old-backup", "x-1", "lost+found", "-", "1", "\u0662-x", "-3-x"])
def test_what_others_put_beside_the_archives_stays(state: StateDirectory, name: str) -> None:
    (state.path / "archive" / name).mkdir(parents=True)
    for number in range(ARCHIVES_MAX + 2):
        state.save_record(record(f"wc-{number}"))
        assert state.archive_record() == state.archives()[-1]

    assert (state.path / "archive" / name).is_dir()
    assert len(state.archives()) == ARCHIVES_MAX


def test_archives_are_in_the_order_of_their_numbers(state: StateDirectory) -> None:
    (state.path / "archive" / "999999-wc-old").mkdir(parents=True)
    for number in range(2):
        state.save_record(record(f"wc-{number}"))
        state.archive_record()

    names = [each.name for each in state.archives()]
    assert names == ["999999-wc-old", "1000000-wc-0", "1000001-wc-1"]


def damage(data: bytes, how: str) -> bytes:
    match how:
        case "empty":
            return b""
        case "truncated":
            return data[: len(data) // 2]
        case "no JSON":
            return b"\xff" + data
        case "content":
            return data.replace(b"wc-1", b"wc-2")
        case "newer schema":
            return json.dumps({**json.loads(data), "schema": 99}).encode()
        case "other fields":
            return b'{"schema": 1, "checksum": "", "content": {}}'
        case _:
            return b"[" * 100_000


HOW = ["empty", "truncated", "no JSON", "content", "newer schema", "other fields", "deep"]


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("name", ["cluster/record.json", "incarnation.json", "never.json"])
def test_damage_is_found_and_named(state: StateDirectory, name: str, how: str) -> None:
    state.save_record(record())
    state.next_incarnation()
    state.record_never("wc-1")
    path = state.path / name
    path.write_bytes(damage(path.read_bytes(), how))
    if name == "incarnation.json" and how == "content":
        return  # has no cluster ID in it
    use = {
        "cluster/record.json": state.load_record,
        "incarnation.json": state.next_incarnation,
        "never.json": lambda: state.never("wc-1"),
    }[name]
    with pytest.raises(DamagedStateError, match=name):
        use()


def test_every_flipped_bit_of_a_record_is_noticed(state: StateDirectory) -> None:
    state.save_record(record())
    good = state.record_path.read_bytes()
    for place in range(0, len(good), 7):
        for bit in (0, 3, 6):
            bad = bytearray(good)
            bad[place] ^= 1 << bit
            state.record_path.write_bytes(bad)
            try:
                found = state.load_record()
            except DamagedStateError:
                continue
            assert found == record(), "a flipped bit changed what is read"


class Crash(BaseException):
    """The process ends here."""


OPERATIONS = ["open", "write", "fsync", "close"]


@pytest.mark.parametrize("step", range(8))
def test_a_crash_between_any_two_file_operations_leaves_old_or_new(
    state: StateDirectory, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    old = record()
    new = attrs.evolve(old, state=RecordState.COMMITTED)
    state.save_record(old)
    passed = 0

    def crashing(real: Any) -> Any:
        def call(*args: Any, **options: Any) -> Any:
            nonlocal passed
            passed += 1
            if passed > step:
                raise Crash
            return real(*args, **options)

        return call

    with monkeypatch.context() as patch:
        for name in OPERATIONS:
            patch.setattr(files.os, name, crashing(getattr(os, name)))
        patch.setattr(Path, "rename", crashing(Path.rename))
        with contextlib.suppress(Crash):
            state.save_record(new)
    found = look_into(state.path).load_record()
    assert found in (old, new)
    state.save_record(new)
    assert state.load_record() == new


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EACCES])
def test_a_disk_that_fails_is_a_clear_error_and_the_old_record_stays(
    state: StateDirectory, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    state.save_record(record())

    def failing(*_: Any) -> Any:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(files.os, "write", failing)
        with pytest.raises(CannotCreateError, match=os.strerror(number)):
            state.save_record(record("wc-2"))
    assert state.load_record() == record()


def test_a_full_disk_at_the_lock_is_a_clear_error_and_holds_nobody(
    tmp_path: Path,
) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        with pytest.raises(CannotCreateError, match=r"state directory .*: File too large"):
            open_state_directory(tmp_path / "s")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    open_state_directory(tmp_path / "s").close()


def test_a_path_that_is_a_file_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CannotCreateError, match="state directory"):
        open_state_directory(tmp_path / "file")
    with pytest.raises(DamagedStateError, match="there is no state directory"):
        look_into(tmp_path / "none")


@pytest.mark.parametrize("below", ["", "deeper/state"])
@pytest.mark.parametrize(
    ("make", "found"),
    [
        (lambda path: path.touch(), "is a file"),
        (lambda path: path.symlink_to("nowhere"), "is a dangling link to nowhere"),
        (lambda path: path.symlink_to(path.name), "is a dangling link to sd"),
        (os.mkfifo, "is a device, pipe or socket"),
    ],
)
def test_what_is_in_the_way_of_the_state_directory_is_named(
    tmp_path: Path, make: Any, found: str, below: str
) -> None:
    make(tmp_path / "sd")
    path = tmp_path / "sd" / below
    with pytest.raises(CannotCreateError) as error:
        open_state_directory(path)
    assert f"{tmp_path / 'sd'} {found}" in error.value.message
    assert "expected a directory" in error.value.message
    with pytest.raises(DamagedStateError, match="expected a directory"):
        look_into(path)


def test_a_state_directory_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(DamagedStateError, match=r"there is no state directory .*/sd$"):
        look_into(tmp_path / "sd")
