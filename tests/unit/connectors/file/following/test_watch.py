"""What the kernel tells of directories, on a real file system."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trio
from support.patience import patiently

from wallarood.connectors.file.following import watch as module
from wallarood.connectors.file.following.watch import (
    Changes,
    UnwatchableError,
    Watch,
    is_remote,
    open_watch,
)

NAMES = Changes(frozenset(), names=True)
NOTHING = Changes(frozenset(), names=False)


@pytest.fixture
def watch() -> Iterator[Watch]:
    """One that is closed at the end."""
    watch = open_watch()
    assert watch is not None
    yield watch
    watch.close()


def write(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


def test_it_tells_which_file_was_written_and_nothing_twice(tmp_path: Path, watch: Watch) -> None:
    (tmp_path / "a").touch()
    (tmp_path / "b").touch()
    assert watch.look_at([str(tmp_path)])
    assert watch.take() == NOTHING
    write(tmp_path / "a", "one")
    write(tmp_path / "a", "two")
    assert watch.take() == Changes(frozenset({f"{tmp_path}/a"}), names=False)
    os.truncate(tmp_path / "b", 0)
    os.utime(tmp_path / "a")
    assert watch.take() == Changes(frozenset({f"{tmp_path}/a", f"{tmp_path}/b"}), names=False)
    assert watch.take() == NOTHING


@pytest.mark.parametrize("what", ["made", "removed", "renamed", "moved in", "moved out", "linked"])
def test_it_tells_that_names_have_changed(tmp_path: Path, watch: Watch, what: str) -> None:
    directory, file = tmp_path / "d", tmp_path / "d" / "file"
    directory.mkdir()
    file.touch()
    (tmp_path / "outside").touch()
    watch.look_at([str(directory)])
    match what:
        case "made":
            (directory / "new").mkdir()
        case "removed":
            file.unlink()
        case "renamed":
            file.rename(directory / "other")
        case "moved in":
            (tmp_path / "outside").rename(directory / "inside")
        case "moved out":
            file.rename(tmp_path / "elsewhere")
        case _:
            (directory / "link").hardlink_to(tmp_path / "outside")
    assert watch.take().names


def test_what_was_told_can_be_waited_for(tmp_path: Path, watch: Watch) -> None:
    async def main() -> None:
        watch.look_at([str(tmp_path)])
        with trio.move_on_after(0.05) as waiting:
            await watch.wait()
        assert waiting.cancelled_caught
        (tmp_path / "new").touch()
        with patiently(5):
            await watch.wait()

    trio.run(main)


def test_it_says_whether_it_watches_something_that_it_did_not(tmp_path: Path, watch: Watch) -> None:
    (tmp_path / "d").mkdir()
    paths = [str(tmp_path), f"{tmp_path}/d"]
    assert watch.look_at(paths)
    assert not watch.look_at(paths)
    assert not watch.look_at(paths[:1])
    (tmp_path / "d" / "new").touch()
    assert watch.take() == NOTHING
    assert watch.look_at(paths)


def test_a_directory_that_is_gone_or_none_is_left_out(tmp_path: Path, watch: Watch) -> None:
    (tmp_path / "file").touch()
    assert not watch.look_at([f"{tmp_path}/gone", f"{tmp_path}/file"])


def test_a_directory_of_two_names_tells_by_both(tmp_path: Path, watch: Watch) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "link").symlink_to("d")
    (tmp_path / "d" / "a").touch()
    watch.look_at([f"{tmp_path}/d", f"{tmp_path}/link"])
    write(tmp_path / "d" / "a", "one")
    assert watch.take().written == {f"{tmp_path}/d/a", f"{tmp_path}/link/a"}


@pytest.mark.parametrize("how", ["removed", "renamed"])
def test_a_directory_that_is_replaced_is_watched_again(
    tmp_path: Path, watch: Watch, how: str
) -> None:
    directory = tmp_path / "d"
    directory.mkdir()
    watch.look_at([str(directory)])
    if how == "removed":
        directory.rmdir()
    else:
        directory.rename(tmp_path / "former")
    directory.mkdir()
    assert watch.take() == NAMES
    watch.look_at([str(directory)])
    if how == "renamed":
        (tmp_path / "former" / "new").touch()
        assert watch.take() == NOTHING
    write(directory / "file", "one")
    assert f"{directory}/file" in watch.take().written


def test_the_working_directory_has_no_name(
    tmp_path: Path, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    watch.look_at([""])
    write(Path("in.log"), "one")
    assert watch.take().written == {"in.log"}


class Full:
    """A kernel that has no watch left."""

    def add_watch(self, _path: str, _mask: int) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_where_there_are_no_watches_left_the_limit_is_named() -> None:
    with pytest.raises(UnwatchableError, match=r"logs: no more inotify watches .*max_user_watches"):
        Watch(Full()).look_at(["logs"])


def mounts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *lines: tuple[str, str]) -> None:
    text = "".join(f"36 35 0:1 / {where} rw shared:1 - {kind} x rw\n" for where, kind in lines)
    (tmp_path / "mounts").write_text(text)
    monkeypatch.setattr(module, "MOUNTS", str(tmp_path / "mounts"))


@pytest.mark.parametrize(
    ("kind", "remote"),
    [("ext4", False), ("tmpfs", False), ("nfs4", True), ("fuse.sshfs", True), ("cifs", True)],
)
def test_a_file_system_that_other_hosts_change_is_known_by_its_kind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, remote: bool
) -> None:
    mounts(tmp_path, monkeypatch, ("/", "ext4"), (str(tmp_path), kind), ("/else", "nfs"))
    assert is_remote(str(tmp_path)) is remote
    assert is_remote(f"{tmp_path}/deeper/still") is remote
    assert not is_remote(f"{tmp_path}-not")


def test_the_nearest_mount_point_and_of_two_the_last_one_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    within = f"{tmp_path}/with blank"
    lines = [("/", "nfs"), (str(tmp_path), "ext4"), (within.replace(" ", "\\040"), "nfs")]
    mounts(tmp_path, monkeypatch, *lines)
    assert is_remote("/elsewhere")
    assert not is_remote(str(tmp_path))
    assert is_remote(within)
    mounts(tmp_path, monkeypatch, *lines, (*lines[-1][:1], "tmpfs"))
    assert not is_remote(within)


def test_a_directory_that_other_hosts_change_is_not_watched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, watch: Watch
) -> None:
    mounts(tmp_path, monkeypatch, ("/", "nfs4"))
    with pytest.raises(UnwatchableError, match="other hosts"):
        watch.look_at([str(tmp_path)])


def test_no_instance_is_none(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    """As for a user that has all instances that `fs.inotify.max_user_instances` allows."""
    import inotify_simple  # noqa: PLC0415

    def refused(**_: Any) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(inotify_simple, "INotify", refused)
    assert open_watch() is None
    assert "Too many open files" in capsys.readouterr().out
