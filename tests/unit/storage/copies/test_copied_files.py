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
