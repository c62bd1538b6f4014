"""Copies of files stay where they belong, and grow without a gap."""

from pathlib import Path

import pytest

from wallarood.model.errors import CannotCreateError, RemoteProtocolError
from wallarood.model.messages.replicas import FileGone, FilePiece
from wallarood.storage.copies.copied_files import CopiedFiles


@pytest.mark.parametrize(
    "path",
    [
        "record.json",
        "/etc/passwd",
        "sources",
        "../sources/in",
        "sources/../record.json",
        "other/in/file",
        "sources/in\0put",
        "",
    ],
)
def test_a_path_that_leads_elsewhere_is_refused(tmp_path: Path, path: str) -> None:
    copied = CopiedFiles(tmp_path / "replicas" / "alpha")
    for change in (FilePiece(path, 0, b"x"), FileGone(path)):
        with pytest.raises(RemoteProtocolError, match="is no file of a source or sink"):
            copied.write([change])
    assert list(tmp_path.iterdir()) == []


def test_a_piece_says_where_the_file_ends_by_now(tmp_path: Path) -> None:
    copied = CopiedFiles(tmp_path / "replicas" / "alpha")
    copied.write([FilePiece("sinks/out/1", 0, b"records"), FilePiece("sinks/out/1", 3, b"ipe")])
    copied.settle()
    assert (copied.root / "sinks" / "out" / "1").read_bytes() == b"recipe"
    with pytest.raises(RemoteProtocolError, match="leaves a gap"):
        copied.write([FilePiece("sinks/out/1", 9, b"x")])
    copied.write([FileGone("sinks/out/1"), FileGone("sinks/out/2")])
    copied.settle()
    assert copied.states() == ()


def test_a_disk_that_refuses_is_named(tmp_path: Path) -> None:
    (tmp_path / "replicas").write_text("in the way")
    copied = CopiedFiles(tmp_path / "replicas" / "alpha")
    with pytest.raises(CannotCreateError, match="replicas/alpha/sinks/out/1: "):
        copied.write([FilePiece("sinks/out/1", 0, b"x")])


def test_whoever_settles_copies_notes_the_epoch_in_which_they_are_whole(tmp_path: Path) -> None:
    """Also where there are none. In the first epoch nobody had an older one."""
    for epoch, noted in ((1, 0), (2, 2), (3, 3)):
        copied = CopiedFiles(tmp_path / "replicas" / "alpha", epoch)
        assert copied.settled is (epoch == 1)
        copied.settle()
        assert copied.settled
        assert CopiedFiles(copied.root).kept_since == noted
        assert copied.states() == ()


def test_what_an_earlier_try_has_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    own = CopiedFiles(tmp_path)
    own.clear()
    own.write([FilePiece("sinks/out/1", 0, b"x"), FilePiece("heirs/1-beta/sinks/2", 0, b"y")])
    (tmp_path / "checkpoints.db").write_text("rows")
    own.clear()
    assert [each.name for each in tmp_path.iterdir()] == ["checkpoints.db"]
    (tmp_path / "sources").write_text("in the way")
    with pytest.raises(CannotCreateError, match="Not a directory"):
        own.clear()
