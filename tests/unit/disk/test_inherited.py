"""What a lost worker has kept is moved out of the way of another that comes by its name."""

from pathlib import Path

import pytest

from wallarood.disk.inherited import InheritedFiles, note_epoch, noted_epoch
from wallarood.model.errors import CannotCreateError


def test_copies_are_taken_once_with_those_of_whom_the_lost_one_was_the_heir(tmp_path: Path) -> None:
    files, copies = InheritedFiles(tmp_path), tmp_path / "replicas" / "gamma" / "sinks"
    files.take("gamma", 3)  # nothing is there
    copies.mkdir(parents=True)
    (copies / "one").write_text("1")
    (copies.parent / "heirs" / "2-delta" / "sinks").mkdir(parents=True)
    for _ in range(2):
        files.take("gamma", 3)
    assert (files.of("gamma", 3) / "sinks" / "one").read_text() == "1"
    assert (files.of("delta", 2) / "sinks").exists()
    copies.mkdir(parents=True)
    files.take("gamma", 3)
    assert copies.exists(), "they are of another who has come by that name"
    for _ in range(2):
        files.forget()
    assert not files.of("gamma", 3).exists()
    assert copies.exists()


@pytest.mark.parametrize("renames", [0, 1])
def test_what_ends_in_the_middle_is_brought_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, renames: int
) -> None:
    files, copies = InheritedFiles(tmp_path), tmp_path / "replicas" / "gamma"
    (copies / "sinks").mkdir(parents=True)
    (copies / "heirs" / "2-delta" / "sinks").mkdir(parents=True)
    rename, left = Path.rename, [None] * renames

    def fail(path: Path, target: Path) -> Path:
        if not left:
            raise OSError(5, "the power went")
        left.pop()
        return rename(path, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", fail)
        with pytest.raises(CannotCreateError, match="the power went"):
            files.take("gamma", 3)
    files.take("gamma", 3)
    assert (files.of("gamma", 3) / "sinks").exists()
    assert (files.of("delta", 2) / "sinks").exists()


def test_a_later_copy_takes_the_place_of_the_one_that_is_here(tmp_path: Path) -> None:
    files, later = InheritedFiles(tmp_path), tmp_path / "incoming" / "3" / "lost" / "gamma"
    for where, text in ((tmp_path / "replicas" / "gamma", "old"), (later, "new")):
        (where / "sinks").mkdir(parents=True)
        (where / "sinks" / "one").write_text(text)
    note_epoch(later, 2)
    for _ in range(2):  # who dies in between does it once more
        files.take("gamma", 1, later=later)
    assert (files.of("gamma", 1) / "sinks" / "one").read_text() == "new"
    assert noted_epoch(files.of("gamma", 1)) == 2
    assert noted_epoch(tmp_path / "replicas" / "gamma") == 0
