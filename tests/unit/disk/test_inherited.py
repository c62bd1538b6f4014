"""What a lost worker has kept is moved out of the way of another that comes by its name."""

from pathlib import Path

from wallarood.disk.inherited import InheritedFiles


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
