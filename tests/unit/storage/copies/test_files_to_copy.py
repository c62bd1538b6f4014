"""Files of sources and sinks: what is durable goes to the other disk, once, and stays the same."""

from pathlib import Path

import pytest

from wallarood.connectors.journal.files import Journal, open_journal
from wallarood.model.messages.replicas import FileGone, FilePiece
from wallarood.storage.copies.copied_files import CopiedFiles
from wallarood.storage.copies.files_to_copy import SMALL_BYTES, FilesToCopy


class Disks:
    """An owner's directory of a cluster, and the copies at its holder."""

    def __init__(self, root: Path) -> None:
        self.here, self.there = root / "cluster", root / "other" / "replicas" / "alpha"
        (root / "other").mkdir()
        self.sources, self.sinks = self.here / "sources" / "in", self.here / "sinks" / "out-0"
        for each in (self.sources, self.sinks):
            each.mkdir(parents=True)
        self.connect()

    def connect(self) -> None:
        self.to_copy, self.copied = FilesToCopy(self.here), CopiedFiles(self.there)
        self.to_copy.compare(self.copied.states())

    def copy(self) -> int:
        """Copy what is to be copied; returns how many bytes went."""
        changes = list(self.to_copy.changes())
        self.copied.write(changes)
        self.copied.settle()
        return sum(len(each.data) for each in changes if isinstance(each, FilePiece))

    def same(self) -> bool:
        def contents(root: Path) -> dict[str, bytes]:
            files = [path for path in root.rglob("*") if path.is_file()]
            return {str(path.relative_to(root)): path.read_bytes() for path in files}

        return contents(self.here) == contents(self.there)

    def journal(self) -> Journal:
        return open_journal(self.sources / "0", 1 << 20, self.to_copy.holds)


@pytest.fixture
def disks(tmp_path: Path) -> Disks:
    return Disks(tmp_path)


def test_what_was_appended_goes_and_nothing_twice(disks: Disks) -> None:
    spool = disks.sinks / "1-1.records"
    spool.write_bytes(b"one")
    assert disks.copy() == 3
    with spool.open("ab") as file:
        file.write(b"two")
    (disks.sinks / "1-7.records").write_bytes(b"")
    assert disks.copy() == 3
    assert disks.same()
    assert disks.copy() == 0
    disks.connect()
    assert disks.copy() == 0


def test_a_file_that_has_become_another_goes_whole(disks: Disks) -> None:
    spool, other = disks.sinks / "1-1.records", disks.sinks / ".1-1.records.new"
    spool.write_bytes(b"before")
    disks.copy()
    other.write_bytes(b"behind")
    assert disks.copy() == 0  # it is about to take the place of another
    other.rename(spool)
    assert disks.copy() == 6
    assert disks.same()
    spool.write_bytes(b"bef")
    assert disks.copy() == 3
    assert disks.same()


@pytest.mark.parametrize("then", ["behind", "behind what was"])
def test_another_file_with_the_inode_of_the_one_that_was_sent_goes_whole(
    disks: Disks, then: str
) -> None:
    noted = disks.sinks / "taken.json"
    noted.write_text("before")
    disks.copy()
    noted.write_text(then)  # as a file that takes its place may have, too
    assert disks.copy() == len(then)
    assert disks.same()


def test_a_file_of_the_name_and_inode_of_one_that_a_rollback_has_removed_goes_whole(
    disks: Disks,
) -> None:
    spool, size = disks.sinks / "1-1.records", 3 * SMALL_BYTES
    spool.write_bytes(b"a" * size)
    disks.copy()
    disks.connect()
    disks.copy()
    spool.write_bytes(b"a" * SMALL_BYTES + b"b" * 3 * SMALL_BYTES)
    assert disks.copy() == 4 * SMALL_BYTES
    with spool.open("ab") as file:
        file.write(b"more")
    assert disks.copy() == 4
    with spool.open("ab") as file:
        file.write(b"and more")
    assert disks.copy() == 8
    assert disks.same()


def test_a_new_connection_compares_what_is_there(disks: Disks) -> None:
    spool = disks.sinks / "1-1.records"
    spool.write_bytes(b"a" * 100)
    disks.copy()
    (disks.there / "sinks" / "out-0" / "1-1.records").write_bytes(b"b" * 100)
    disks.connect()
    assert disks.copy() == 100
    (disks.there / "sinks" / "out-0" / "1-1.records").write_bytes(b"a" * 40)
    disks.connect()
    assert disks.copy() == 60
    assert disks.same()


def test_a_file_that_is_gone_goes(disks: Disks) -> None:
    (disks.sinks / "1-1.records").write_bytes(b"published")
    disks.copy()
    (disks.sinks / "1-1.records").unlink()
    assert list(disks.to_copy.changes()) == [FileGone("sinks/out-0/1-1.records")]
    disks.connect()
    disks.copy()
    assert disks.same()


def test_what_is_gone_goes_after_the_note_that_it_is_not_needed(disks: Disks) -> None:
    spool, noted = disks.sinks / "1-1.records", disks.sinks / "taken.json"
    spool.write_bytes(b"given")
    disks.copy()
    noted.write_bytes(b"1")
    spool.unlink()
    (disks.sinks / "1-2.records").write_bytes(b"another")
    changes = list(disks.to_copy.changes())
    assert changes[-1] == FileGone("sinks/out-0/1-1.records")
    assert FilePiece("sinks/out-0/taken.json", 0, b"1") in changes


def test_a_file_that_goes_while_files_are_looked_for_is_passed_over(disks: Disks) -> None:
    (disks.sinks / "1-1.records").write_bytes(b"here")
    (disks.sinks / "taken.json.part").symlink_to("gone")  # has a name and no file
    assert disks.copy() == 4


def test_a_note_that_becomes_longer_while_files_are_looked_for_is_copied_whole(
    disks: Disks,
) -> None:
    noted, before = disks.sinks / "taken.json", disks.sinks / "0-1.records"
    before.write_bytes(b"first")
    noted.write_bytes(b"[0, 9]")
    changes = []
    for change in disks.to_copy.changes():
        if not changes:
            (disks.sinks / "new").write_bytes(b"[0, 10]")
            (disks.sinks / "new").rename(noted)
        changes.append(change)
    disks.copied.write(changes)
    assert disks.same()


def test_a_journal_is_copied_as_far_as_it_is_durable(disks: Disks) -> None:
    journal = disks.journal()
    journal.append([("client", 1, b"first")])
    disks.copy()
    (path,) = (disks.sources / "0").iterdir()
    with path.open("ab") as file:
        file.write(b"a write that fails later")
    assert disks.copy() == 0
    journal._undo(journal._sizes[0])
    journal.append([("client", 2, b"second")])
    disks.copy()
    assert disks.same()
    journal.close()
    again = open_journal(disks.there / "sources" / "in" / "0", 1 << 20)
    assert [payload for _, payload in again.read(0)] == [b"first", b"second"]
    assert again.highest == {"client": 2}


def test_a_torn_end_that_was_copied_before_it_was_cut_off_is_mended(disks: Disks) -> None:
    journal = disks.journal()
    journal.append([("client", 1, b"first")])
    journal.close()
    (path,) = (disks.sources / "0").iterdir()
    with path.open("ab") as file:
        file.write(b"x" * 10)
    disks.connect()  # as after a restart: no journal has been opened yet
    disks.copy()
    assert disks.same()
    journal = disks.journal()
    journal.append([("client", 2, b"second")])
    disks.copy()
    assert disks.same()


def test_what_clients_were_answered_is_not_taken_from_the_copy_in_a_new_round(
    disks: Disks,
) -> None:
    journal = disks.journal()
    journal.append([("client", 1, b"first")])
    disks.copy()
    journal.close()
    disks.connect()
    journal = disks.journal()
    before = journal.size_bytes
    journal.append([("client", 2, b"second")])
    changes = [each for each in disks.to_copy.changes() if isinstance(each, FilePiece)]
    assert [each.offset for each in changes] == [before]
    disks.copied.write(changes)
    assert disks.same()


def test_segments_before_the_one_that_grows_go_too_and_one_just_begun_does_not(
    disks: Disks,
) -> None:
    folder = disks.sources / "0"
    folder.mkdir()
    for name in ("01.journal", "02.journal", "03.journal"):
        (folder / name).write_bytes(b"segment")
    disks.to_copy.holds(str(folder / "02.journal"), 3)
    changes = [each for each in disks.to_copy.changes() if isinstance(each, FilePiece)]
    sent = {each.path: len(each.data) for each in changes}
    assert sent == {"sources/in/0/01.journal": 7, "sources/in/0/02.journal": 3}
