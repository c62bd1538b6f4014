"""Archives are numbered, bounded, and not taken for what others put beside them."""

from pathlib import Path

import pytest

from wallarood.model.errors import CannotCreateError, DamagedStateError
from wallarood.model.ids import Address
from wallarood.storage.archives import (
    ARCHIVES_MAX,
    UNFOUNDED,
    Evicted,
    archives_in,
    forget_evicted,
    note_evicted,
    read_evicted,
    set_aside,
)


def archived(directory: Path, name: str, spare: Path | None = None) -> Path:
    (directory / "cluster").mkdir()
    return set_aside(directory, name, spare)


def test_the_oldest_go_but_one_that_is_spared_stays(tmp_path: Path) -> None:
    first = archived(tmp_path, "wc-0")
    second = archived(tmp_path, "wc-1")
    for number in range(2, ARCHIVES_MAX + 2):
        archived(tmp_path, f"wc-{number}", spare=first)
    assert first.is_dir()
    assert not second.exists()
    names = [each.name for each in archives_in(tmp_path)]
    assert names == sorted(names)
    assert names[-1] == f"{ARCHIVES_MAX + 2:06d}-wc-{ARCHIVES_MAX + 1}"


def test_a_worker_that_joins_in_vain_does_not_push_out_what_was_a_cluster(tmp_path: Path) -> None:
    first = archived(tmp_path, "wc-0")
    for _ in range(ARCHIVES_MAX + 1):
        last = archived(tmp_path, UNFOUNDED)
    assert archives_in(tmp_path) == [first, last]


def test_what_is_no_archive_is_left_out(tmp_path: Path) -> None:
    archived(tmp_path, "wc-0")
    for name in ("notes-of-mine", "7-"):
        (tmp_path / "archive" / name).mkdir()
    (tmp_path / "archive" / "8-wc").write_text("a file")
    assert [each.name for each in archives_in(tmp_path)] == ["000001-wc-0"]


def test_what_cannot_be_archived_is_said(tmp_path: Path) -> None:
    with pytest.raises(CannotCreateError, match="cannot archive into"):
        set_aside(tmp_path, "wc-0", None)


def test_that_a_worker_was_evicted_is_remembered_until_it_is_forgotten(tmp_path: Path) -> None:
    assert read_evicted(tmp_path) is None
    evicted = Evicted("alpha was evicted at epoch 2", (Address("beta", 7), Address("::1", 8)))
    note_evicted(tmp_path, evicted)
    assert read_evicted(tmp_path) == evicted
    (tmp_path / "evicted.json").write_text("{}")
    with pytest.raises(DamagedStateError, match=r"evicted\.json"):
        read_evicted(tmp_path)
    for _ in range(2):
        forget_evicted(tmp_path)
    assert read_evicted(tmp_path) is None
