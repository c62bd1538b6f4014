"""The journal of a source: what was appended is there after any crash, in order, once."""

import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from wallarood.connectors.journal import files as module
from wallarood.connectors.journal.blocks import Block, Entry
from wallarood.connectors.journal.files import Journal, check_journal, open_journal
from wallarood.model.errors import CannotCreateError, DamagedStateError

SIZE = 1 << 20


def entries(rng: random.Random, highest: dict[str, int], count: int) -> list[Entry]:
    made = []
    for _ in range(count):
        client = rng.choice(["a", "b", ""])
        if client:
            highest[client] = highest.get(client, 0) + 1
        payload = rng.randbytes(rng.choice([0, 1, 50, 2000]))
        made.append((client, highest.get(client, 0), payload))
    return made


def payloads(journal: Journal, start: int) -> list[bytes]:
    found = list(journal.read(start))
    assert [number for number, _ in found] == list(range(start, start + len(found)))
    return [payload for _, payload in found]


@pytest.mark.parametrize("seed", range(20))
def test_it_gives_back_what_was_appended_however_it_was_cut_and_opened(
    tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SEGMENT_BYTES", 4000)
    rng = random.Random(seed)
    highest: dict[str, int] = {}
    everything: list[bytes] = []
    least = 0
    journal = open_journal(tmp_path / "j", SIZE)
    for _ in range(60):
        match rng.randrange(4):
            case 0 | 1:
                some = entries(rng, highest, rng.randrange(1, 6))
                journal.append(some)
                everything += [payload for _, _, payload in some]
            case 2:
                least = rng.randrange(least, len(everything) + 1)
                journal.cut(least)
            case _:
                journal.close()
                journal = open_journal(tmp_path / "j", SIZE)
        assert journal.next == len(everything)
        assert journal.first <= least
        assert journal.highest == highest
        start = rng.randrange(least, len(everything) + 1)
        assert payloads(journal, start) == everything[start:]
    assert journal.size_bytes == sum(each.stat().st_size for each in (tmp_path / "j").iterdir())
    journal.close()


def test_a_crash_at_every_byte_of_an_append_leaves_old_or_new(tmp_path: Path) -> None:
    journal = open_journal(tmp_path / "j", SIZE)
    journal.append([("a", 1, b"one"), ("", 0, b"two")])
    (file,) = (tmp_path / "j").iterdir()
    old = file.stat().st_size
    journal.append([("a", 2, b"three" * 20)])
    journal.close()
    data = file.read_bytes()
    for size in range(old, len(data) + 1):
        for tail in (b"", bytes(len(data) - size)):
            shutil.rmtree(tmp_path / "c", ignore_errors=True)
            (tmp_path / "c").mkdir()
            (tmp_path / "c" / file.name).write_bytes(data[:size] + tail)
            again = open_journal(tmp_path / "c", SIZE)
            whole = data[:size] + tail == data
            assert payloads(again, 0) == [b"one", b"two", *([b"three" * 20] if whole else [])]
            assert again.highest == {"a": 2 if whole else 1}
            again.append([("a", again.highest["a"] + 1, b"more")])
            again.close()
            assert payloads(open_journal(tmp_path / "c", SIZE), 0)[-1] == b"more"


def test_a_crash_while_a_file_is_begun_leaves_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SEGMENT_BYTES", 10)
    journal = open_journal(tmp_path / "j", SIZE)
    journal.append([("a", 1, b"one")])
    journal.append([("a", 2, b"two")])
    journal.close()
    last = sorted((tmp_path / "j").iterdir())[-1]
    data = last.read_bytes()
    for size in range(len(data)):
        last.write_bytes(data[:size])
        again = open_journal(tmp_path / "j", SIZE)
        assert (payloads(again, 0), again.highest) == ([b"one"], {"a": 1})


def test_every_flipped_bit_is_found_or_cuts_only_the_end(tmp_path: Path) -> None:
    journal = open_journal(tmp_path / "j", SIZE)
    for number in range(5):
        journal.append([("a", number + 1, b"payload")])
    journal.close()
    (file,) = (tmp_path / "j").iterdir()
    data = file.read_bytes()
    last = data.rfind(b"payload") - 40
    for place in range(len(data) * 8):
        damaged = bytearray(data)
        damaged[place // 8] ^= 1 << place % 8
        file.write_bytes(damaged)
        said = ""
        try:
            again = open_journal(tmp_path / "j", SIZE)
        except DamagedStateError as error:
            said = error.message
        if said:
            assert str(file) in said
            assert "byte" in said
            continue
        assert place // 8 > last, f"bit {place} was not found"
        assert payloads(again, 0) == [b"payload"] * 4


def test_a_missing_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SEGMENT_BYTES", 10)
    journal = open_journal(tmp_path / "j", SIZE)
    for number in range(3):
        journal.append([("a", number + 1, b"x")])
    journal.close()
    sorted((tmp_path / "j").iterdir())[1].unlink()
    with pytest.raises(DamagedStateError, match="entries 1 to 2 are missing"):
        open_journal(tmp_path / "j", SIZE)


def test_a_checkpoint_that_needs_what_is_not_there_is_told_so(tmp_path: Path) -> None:
    journal = open_journal(tmp_path / "j", SIZE)
    journal.append([("a", 1, b"x")])
    with pytest.raises(
        DamagedStateError, match="entries 0 to 1, but the checkpoint continues from"
    ):
        list(journal.read(7))
    journal.close()


def test_it_says_when_it_is_full_and_cutting_makes_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SEGMENT_BYTES", 1000)
    journal = open_journal(tmp_path / "j", 5000)
    number = 0
    while not journal.full:
        number += 1
        journal.append([("a", number, bytes(500))])
    assert journal.size_bytes >= 5000
    journal.cut(journal.next)
    assert not journal.full
    assert journal.highest == {"a": number}
    journal.close()


def test_a_disk_that_refuses_changes_nothing(tmp_path: Path) -> None:
    journal = open_journal(tmp_path / "j", SIZE)
    journal.append([("a", 1, b"one")])
    journal.close()
    journal._file = 10_000  # no such descriptor: every write fails
    with pytest.raises(CannotCreateError, match=r"\.journal: Bad file descriptor"):
        journal.append([("a", 2, b"two")])
    assert journal.next == 1
    assert journal.highest == {"a": 1}


def test_a_journal_smaller_than_a_file_is_cut_too(tmp_path: Path) -> None:
    journal = open_journal(tmp_path / "j", 5000)
    for turn in range(3):
        while not journal.full:
            journal.append([("a", journal.next + 1, bytes(500))])
        journal.cut(journal.next)
        assert not journal.full, turn
        assert (journal.first, journal.highest) == (journal.next, {"a": journal.next})
    journal.close()
    again = open_journal(tmp_path / "j", 5000)
    assert (again.next, again.highest) == (journal.next, journal.highest)


def test_a_file_that_was_only_begun_is_gone_on_with_and_never_emptied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be the only one that knows the highest sequence numbers."""
    journal = open_journal(tmp_path / "j", 10)
    journal.append([("a", 1, b"one")])
    journal.cut(1)  # it is full: another file is begun
    journal.close()
    (file,) = (tmp_path / "j").iterdir()
    before = file.read_bytes()
    again = open_journal(tmp_path / "j", SIZE)
    again.append([("a", 2, b"two")])
    again.close()
    (same,) = (tmp_path / "j").iterdir()
    assert same == file
    assert same.read_bytes().startswith(before)
    assert payloads(open_journal(tmp_path / "j", SIZE), 1) == [b"two"]


def test_a_damaged_end_in_front_of_another_file_is_named_and_left_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SEGMENT_BYTES", 10)
    journal = open_journal(tmp_path / "j", SIZE)
    for number in range(2):
        journal.append([("a", number + 1, b"payload")])
    journal.close()
    file = min((tmp_path / "j").iterdir())
    damaged = file.read_bytes()[:-1] + b"!"
    file.write_bytes(damaged)
    for _ in range(2):
        with pytest.raises(DamagedStateError, match=r"byte .* wrong checksum") as caught:
            open_journal(tmp_path / "j", SIZE)
        assert str(file) in caught.value.message
        assert file.read_bytes() == damaged


def test_many_small_blocks_are_opened_in_time_that_grows_with_their_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bytes looked at are counted, not the seconds."""
    monkeypatch.setattr(module.os, "fdatasync", lambda _: None)
    journal = open_journal(tmp_path / "j", SIZE)
    for number in range(2000):
        journal.append([("a", number + 1, b"x")])
    journal.close()
    (file,) = (tmp_path / "j").iterdir()
    looked_at = 0

    class Counting(bytes):
        def __getitem__(self, key: Any) -> Any:
            nonlocal looked_at
            part = super().__getitem__(key)
            looked_at += len(part) if isinstance(key, slice) else 1
            return part

    data = Counting(file.read_bytes())
    monkeypatch.setattr(Path, "read_bytes", lambda _: data)
    assert open_journal(tmp_path / "j", SIZE).next == 2000
    assert looked_at <= 3 * len(data)


def test_a_journal_that_is_smaller_than_what_it_knows_of_clients_is_not_full_when_empty(
    tmp_path: Path,
) -> None:
    journal = open_journal(tmp_path / "j", 1)
    for number in range(3):
        assert not journal.full
        journal.append([(f"client {number}" * 10, 1, b"x")])
        assert journal.full
        journal.cut(journal.next)
    journal.close()


def test_a_cut_off_end_is_no_damage_when_it_is_verified_and_is_left_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SEGMENT_BYTES", 10)
    journal = open_journal(tmp_path / "j", SIZE)
    journal.append([("a", 1, b"one")])
    journal.append([("a", 2, b"two")])
    journal.close()
    last = max((tmp_path / "j").iterdir())
    whole = last.read_bytes()
    for size in range(len(whole)):
        last.write_bytes(whole[:size])
        assert check_journal(tmp_path / "j") == []
        assert last.read_bytes() == whole[:size]


def test_a_file_that_ends_too_early_in_front_of_another_is_damage_when_it_is_verified(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SEGMENT_BYTES", 10)
    journal = open_journal(tmp_path / "j", SIZE)
    journal.append([("a", 1, b"one")])
    journal.append([("a", 2, b"two")])
    journal.close()
    first, last = sorted((tmp_path / "j").iterdir())
    first.write_bytes(first.read_bytes()[:-1])
    assert check_journal(tmp_path / "j") == [f"{last}: entries 0 to 1 are missing"]


@pytest.mark.parametrize("gone", [1, 2, 3])
def test_files_that_a_running_worker_removes_meanwhile_are_no_damage_when_it_is_verified(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gone: int
) -> None:
    """A checkpoint is committed after the files were listed and before they are read."""
    monkeypatch.setattr(module, "SEGMENT_BYTES", 10)
    journal = open_journal(tmp_path / "j", SIZE)
    for number in range(4):
        journal.append([("a", number + 1, b"payload")])
    read = module.blocks

    def blocks_of_a_running_worker(path: Path) -> Iterator[tuple[Block, int]]:
        journal.cut(gone)
        return read(path)

    monkeypatch.setattr(module, "blocks", blocks_of_a_running_worker)
    assert check_journal(tmp_path / "j") == []
    assert len(list((tmp_path / "j").iterdir())) == 4 - gone


def test_what_is_found_at_a_start_is_copied_before_anybody_is_told_of_it(tmp_path: Path) -> None:
    """A life may have ended between the fsync and the copy, and a greeting acknowledges it."""
    copied: list[tuple[str, int]] = []

    def note(path: str, size: int) -> None:
        copied.append((path, size))

    open_journal(tmp_path, SIZE, note).close()
    assert not copied
    journal = open_journal(tmp_path, SIZE)
    journal.append([("c", 1, b"one")])
    journal.close()
    open_journal(tmp_path, SIZE, note).close()
    (file,) = tmp_path.glob("*.journal")
    assert copied == [(str(file), file.stat().st_size)]
