"""One followed file: read on wherever it is called, from its beginning when it was cut."""

import os
from pathlib import Path
from typing import Any

import pytest

from wallarood.app.connector import SourceLimits
from wallarood.connectors.file.following.followed import Followed, restored
from wallarood.connectors.file.listing import candidates
from wallarood.connectors.parse.options import format_of

FORM = format_of("FileSource", {})
LONG = "".join(f"line {number} {'x' * 60}\n" for number in range(20))


def followed(path: Path) -> Followed:
    status = os.stat(path)
    return Followed(str(path), (status.st_dev, status.st_ino), FORM, SourceLimits())


def read(file: Followed) -> list[str]:
    """All that can be read of it now."""
    records: list[str] = []
    while True:
        while (taken := file.take()) is not None:
            records += taken[0]
        if not file.fill():
            return records


def add(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file of two lines and a half."""
    path = tmp_path / "in.log"
    path.write_text("one\ntwo\nhal")
    return path


def test_a_line_is_read_when_it_is_whole(path: Path) -> None:
    file = followed(path)
    assert read(file) == ["one", "two"]
    assert file.offset == 8
    add(path, "f\n")
    assert read(file) == ["half"]
    file.close()


def test_it_can_be_closed_at_any_time_and_goes_on_where_it_was(path: Path) -> None:
    file = followed(path)
    assert read(file) == ["one", "two"]
    assert file.is_idle
    file.close()
    assert not file.is_idle
    add(path, "f\n")
    assert read(file) == ["half"]
    file.close()


def test_it_goes_on_by_its_descriptor_when_its_name_is_gone(path: Path) -> None:
    file = followed(path)
    read(file)
    path.rename(path.with_name("elsewhere"))
    add(path.with_name("elsewhere"), "f\n")
    assert file.hold()
    assert read(file) == ["half"]
    file.close()


def test_it_is_found_under_its_new_name_beside_the_former_one(path: Path) -> None:
    file = followed(path)
    read(file)
    file.close()
    path.rename(path.with_name("in.log.1"))
    add(path.with_name("in.log.1"), "f\n")
    assert file.hold()
    assert read(file) == ["half"]
    file.close()


def test_another_file_in_its_place_is_not_taken_for_it(path: Path) -> None:
    file = followed(path)
    read(file)
    file.close()
    path.rename(path.with_name("kept"))
    path.write_text("another\n")
    assert read(file) == []
    path.with_name("kept").unlink()
    assert not file.hold()


@pytest.mark.parametrize("text", ["new\n", "new\nand longer than it was before\n", "NEW\nTWO\nhal"])
def test_a_file_that_was_cut_and_rewritten_is_read_from_its_beginning(
    path: Path, text: str
) -> None:
    file = followed(path)
    read(file)
    path.write_text(text)
    assert read(file) == ["hal", *text.splitlines()[: text.count("\n")]]
    assert file.was_cut
    assert file.cut_at is not None
    assert file.cut_at["bytes"] == 8
    file.close()


def test_a_file_that_was_only_added_to_was_not_cut(path: Path) -> None:
    file = followed(path)
    read(file)
    add(path, "f\n" * 1000)
    read(file)
    assert not file.was_cut
    file.close()


def test_a_last_line_without_its_end_is_one_when_the_file_is_at_its_end(path: Path) -> None:
    file = followed(path)
    read(file)
    assert file.finish()
    assert read(file) == ["hal"]
    assert not file.finish()
    file.close()


def test_it_changes_when_it_is_written_and_once(path: Path) -> None:
    file = followed(path)
    assert file.changed(os.stat(path))
    assert not file.changed(os.stat(path))
    add(path, "f\n")
    assert file.changed(os.stat(path))
    empty = path.with_name("empty")
    empty.touch()
    assert not followed(empty).changed(os.stat(empty))


def test_what_stands_in_a_file_and_its_copy_is_read_from_the_file(tmp_path: Path) -> None:
    path, copied = tmp_path / "in.log", tmp_path / "in.log.1"
    path.write_text(LONG)
    file = followed(path)
    read(file)
    add(path, "just before\n")
    copied.write_bytes(path.read_bytes())
    copy = followed(copied)
    assert file.continue_as_copy(copy)
    assert read(copy) == []
    assert read(file) == ["just before"]
    file.close()
    copy.close()


def test_what_was_cut_off_before_it_was_read_is_read_from_the_copy(tmp_path: Path) -> None:
    path, copied = tmp_path / "in.log", tmp_path / "in.log.1"
    path.write_text(LONG)
    file = followed(path)
    read(file)
    copied.write_text(LONG + "just before\n")
    path.write_text("new\n")
    assert read(file) == ["new"]
    copy = followed(copied)
    assert file.continue_as_copy(copy)
    assert read(copy) == ["just before"]
    file.close()
    copy.close()


@pytest.mark.parametrize("data", [LONG.replace("line 19", "LINE 19"), LONG[:-1], LONG[:100], ""])
def test_what_is_no_copy_is_read_from_its_beginning(tmp_path: Path, data: str) -> None:
    path, other = tmp_path / "in.log", tmp_path / "in.log.1"
    path.write_text(LONG)
    file = followed(path)
    read(file)
    other.write_text(data)
    assert not file.continue_as_copy(followed(other))
    file.close()


# ---- after a restart -----------------------------------------------------------------------------


def found_again(tmp_path: Path, file: Followed) -> list[tuple[str | None, Any]]:
    """The names under which the files of a position are found, and how far they were read."""
    paths = (str(tmp_path / "*.log"),)
    listed = {(s.st_dev, s.st_ino): (path, s) for path, s in candidates(paths)}
    position = {"files": {file.key: file.place()}}
    found = list(restored(position, paths, listed, form=FORM, limits=SourceLimits()))
    for each, _, _ in found:
        if each is not None:
            each.close()
    return [(each and Path(each.path).name, each and each.offset) for each, _, _ in found]


def test_a_file_is_found_by_its_name_and_inode(tmp_path: Path, path: Path) -> None:
    file = followed(path)
    read(file)
    assert found_again(tmp_path, file) == [("in.log", 8)]


@pytest.mark.parametrize("name", ["other.log", "in.log.1"])
def test_a_file_is_found_under_another_name_by_inode_and_content(
    tmp_path: Path, path: Path, name: str
) -> None:
    file = followed(path)
    read(file)
    path.rename(tmp_path / name)
    path.write_text("another\n")
    assert found_again(tmp_path, file) == [(name, 8)]


def test_a_file_that_was_put_back_is_found_by_its_content(tmp_path: Path, path: Path) -> None:
    file = followed(path)
    read(file)
    data = path.read_bytes()
    path.rename(path.with_name("former"))
    path.with_name("former").write_bytes(b"emptied")
    path.write_bytes(data)
    assert found_again(tmp_path, file) == [("in.log", 8)]


def test_a_file_that_is_gone_is_said_to_be(tmp_path: Path, path: Path) -> None:
    file = followed(path)
    read(file)
    path.unlink()
    file.close()
    assert found_again(tmp_path, file) == [(None, None)]


def test_a_position_of_one_file_by_an_earlier_version_is_read(tmp_path: Path, path: Path) -> None:
    paths = (str(path),)
    listed = {(s.st_dev, s.st_ino): (each, s) for each, s in candidates(paths)}
    place = {"pass": 0, "bytes": 4, "ino": os.stat(path).st_ino}
    ((file, key, _),) = restored(place, paths, listed, form=FORM, limits=SourceLimits())
    assert file is not None
    assert key == str(path)
    assert read(file) == ["two"]
    file.close()
    assert list(restored(None, paths, listed, form=FORM, limits=SourceLimits())) == []
