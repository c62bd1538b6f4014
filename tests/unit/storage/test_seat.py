"""A state directory has a seat, once; a copy of it, or one that was moved, is known for one."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from wallarood.model.errors import DamagedStateError
from wallarood.storage.archives import set_aside
from wallarood.storage.seat import (
    FILE,
    distrust,
    note_database,
    read_seat,
    take_seat,
    trust_again,
)
from wallarood.storage.state_directory import open_state_directory


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    path = tmp_path / "machine-id"
    path.write_text("one\n")
    return path


@pytest.fixture
def state(tmp_path: Path, machine: Path) -> Path:
    """A directory that has had a cluster in its first life."""
    path = tmp_path / "state"
    path.mkdir()
    assert take_seat(path, machine).restored == ""
    (path / "cluster").mkdir()
    (path / "cluster" / "checkpoints.db").write_text("checkpoints")
    note_database(path)
    return path


def test_a_seat_is_made_once(state: Path, machine: Path) -> None:
    first = take_seat(state, machine)
    assert len(first.seat) == 32
    assert take_seat(state, machine) == first
    assert first.database == (state / "cluster" / "checkpoints.db").stat().st_ino


def test_a_directory_of_before_there_were_seats_gets_one_at_its_next_start(
    state: Path, machine: Path
) -> None:
    (state / FILE).unlink()
    seat = take_seat(state, machine)
    assert seat.restored == ""
    assert seat.database == (state / "cluster" / "checkpoints.db").stat().st_ino


def copied_back(state: Path) -> None:
    copy = state.with_name("copy")
    shutil.copytree(state, copy)
    state.rename(state.with_name("gone"))
    copy.rename(state)


def other_machine(state: Path) -> None:
    state.with_name("machine-id").write_text("another\n")


def other_database(state: Path) -> None:
    database = state / "cluster" / "checkpoints.db"
    shutil.copy(database, database.with_name("copy"))
    database.with_name("copy").rename(database)


@pytest.mark.parametrize(
    ("happens", "why"),
    [
        (copied_back, "it is a copy of the directory that this worker had"),
        (other_machine, "it was on another machine (one)"),
        (other_database, "its checkpoints.db was replaced by a copy"),
    ],
)
def test_what_is_not_as_it_was_is_restored_and_stays_so(
    state: Path, machine: Path, happens: Callable[[Path], None], why: str
) -> None:
    seat = take_seat(state, machine).seat
    happens(state)
    found = take_seat(state, machine)
    assert (found.seat, found.restored) == (seat, why)
    machine.write_text("one\n")
    assert take_seat(state, machine).restored == why
    trust_again(state, machine)
    assert take_seat(state, machine).restored == ""
    assert take_seat(state, machine).seat == seat


def test_what_others_know_is_kept(state: Path, machine: Path) -> None:
    distrust(state, "alpha knows start 7 of it")
    assert take_seat(state, machine).restored == "alpha knows start 7 of it"


def test_a_directory_that_was_renamed_is_the_same(state: Path, machine: Path) -> None:
    assert take_seat(state.rename(state.with_name("renamed")), machine).restored == ""


def test_a_seat_is_archived_with_its_cluster_and_comes_back_with_it(
    state: Path, machine: Path
) -> None:
    before = take_seat(state, machine)
    set_aside(state, "wc-1", None)
    another = take_seat(state, machine)
    assert another.seat != before.seat
    assert another.database is None
    directory = open_state_directory(state)
    try:
        assert directory.bring_back("wc-1")
    finally:
        directory.close()
    assert take_seat(state, machine) == before
    assert not (state / "cluster" / FILE).exists()


def test_a_seat_that_was_about_to_be_archived_is_still_there(state: Path, machine: Path) -> None:
    before = take_seat(state, machine)
    (state / FILE).rename(state / "cluster" / FILE)
    assert take_seat(state, machine) == before


def test_a_damaged_seat_is_damage(state: Path, machine: Path) -> None:
    (state / FILE).write_text((state / FILE).read_text().replace('"database"', '"databases"'))
    with pytest.raises(DamagedStateError, match=r"seat\.json is damaged"):
        take_seat(state, machine)
    with pytest.raises(DamagedStateError):
        read_seat(state)
