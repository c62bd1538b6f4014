"""Followed files: whatever happens to names and contents, each line is read once."""

import contextlib
import gzip
import os
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import trio
from support.patience import patiently

import wallarood as w
from wallarood.app.connector import SourceContext
from wallarood.connectors.file.following import reader as module
from wallarood.connectors.file.following import waking


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waking, "SCAN_S", 0.01)
    monkeypatch.setattr(module, "LEFT_S", 0.15)
    monkeypatch.setattr(module, "SETTLED_S", 0.0)


class Tail:
    """A source that is read, and what it has given."""

    def __init__(self, source: w.FileSource) -> None:
        self.source = source
        self.records: list[Any] = []
        self.position: Any = None

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[None]:
        (partition,) = self.source.partitions()
        reader = await self.source.open(partition, self.position, SourceContext())

        async def read() -> None:
            while (batch := await reader.read()) is not None:
                self.records += batch.records
                self.position = batch.position

        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(read)
                yield
                nursery.cancel_scope.cancel()
        finally:
            await reader.aclose()

    async def come(self, count: int) -> None:
        """Until so many records are there, or it takes too long."""
        with contextlib.suppress(trio.TooSlowError), patiently(10):
            while len(self.records) < count:  # noqa: ASYNC110
                await trio.sleep(0.01)

    async def wait_for(self, *records: Any) -> None:
        """Until these are there, and a while longer, for what should not come."""
        await self.come(len(records))
        await trio.sleep(0.25)
        assert sorted(self.records) == sorted(records)


OLD = [f"old line number {number}" for number in range(5)]


def write(path: Path, *lines: str) -> None:
    with path.open("a") as file:
        file.writelines(line + "\n" for line in lines)


def renamed(log: Path) -> None:
    log.rename(log.with_suffix(".log.1"))
    write(log, "new")


def copied_and_cut(log: Path) -> None:
    log.with_suffix(".copy").write_bytes(log.read_bytes())
    os.truncate(log, 0)
    write(log, "new")


def cut_and_longer(log: Path) -> None:
    os.truncate(log, 0)
    write(log, "new", *(f"more {number:050}" for number in range(20)))


def same_size(log: Path) -> None:
    text = log.read_text().replace("old", "new")
    before = log.stat()
    with log.open("r+") as file:
        file.write(text)
    os.utime(log, ns=(before.st_atime_ns, before.st_mtime_ns + 1))


def sparse(log: Path) -> None:
    with log.open("r+b") as file:
        file.seek(0, os.SEEK_END)
        os.truncate(log, 0)
        file.write(b"new\n")


def replaced(log: Path) -> None:
    log.with_suffix(".tmp").write_text("new\n")
    log.with_suffix(".tmp").replace(log)


def removed(log: Path) -> None:
    log.unlink()


ROTATIONS: dict[Callable[[Path], None], list[str]] = {
    renamed: ["new"],
    copied_and_cut: ["new"],
    cut_and_longer: ["new", *(f"more {number:050}" for number in range(20))],
    same_size: [line.replace("old", "new") for line in OLD],
    sparse: ["new"],
    replaced: ["new"],
    removed: [],
}


@pytest.fixture(params=["told", "polled"])
def _how(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the kernel tells of changes, and where it does not."""
    if request.param == "polled":
        monkeypatch.setattr(module, "open_watch", lambda: None)


@pytest.mark.usefixtures("_how")
@pytest.mark.parametrize("rotate", ROTATIONS, ids=lambda each: each.__name__)
@pytest.mark.parametrize("when", ["running", "stopped"])
async def test_a_rotated_file_is_read_to_its_end_and_gone_on_with(
    tmp_path: Path, rotate: Callable[[Path], None], when: str
) -> None:
    log = tmp_path / "in.log"
    write(log, *OLD)
    tail = Tail(w.FileSource(log, follow=True))
    async with tail.reading():
        await tail.wait_for(*OLD)
        if when == "running":
            rotate(log)
            await tail.wait_for(*OLD, *ROTATIONS[rotate])
    if when == "stopped":
        rotate(log)
    for _ in range(2):
        async with tail.reading():
            await tail.wait_for(*OLD, *ROTATIONS[rotate])


@pytest.mark.parametrize("when", ["running", "stopped"])
async def test_what_was_added_just_before_the_rotation_is_read(tmp_path: Path, when: str) -> None:
    log = tmp_path / "in.log"
    write(log, *OLD)
    tail = Tail(w.FileSource(log, follow=True))

    def rotate() -> None:
        write(log, "last", "without its end")
        os.truncate(log, log.stat().st_size - 1)
        renamed(log)

    expected = [*OLD, "last", "without its end", "new"]
    async with tail.reading():
        await tail.wait_for(*OLD)
        if when == "running":
            rotate()
            await tail.wait_for(*expected)
    if when == "stopped":
        rotate()
    async with tail.reading():
        await tail.wait_for(*expected)


@pytest.mark.usefixtures("_how")
async def test_a_writer_that_keeps_the_renamed_file_is_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s = 0.0  # by a clock of its own: the writer may be held up
    clock = SimpleNamespace(monotonic=lambda: now_s, thread_time=time.thread_time)
    monkeypatch.setattr(module, "time", clock)
    log = tmp_path / "in.log"
    write(log, "one")
    tail = Tail(w.FileSource(log, follow=True))
    async with tail.reading():
        await tail.wait_for("one")
        with log.open("a") as file:
            renamed(log)
            await tail.come(2)
            for number in range(6):
                now_s += 0.6 * module.LEFT_S
                file.write(f"late {number}\n")
                file.flush()
                await tail.come(number + 3)
        await tail.wait_for("one", "new", *(f"late {number}" for number in range(6)))


@pytest.mark.usefixtures("_how")
async def test_files_of_a_pattern_come_are_renamed_and_go(tmp_path: Path) -> None:
    tail = Tail(w.FileSource(f"{tmp_path}/*.log*", follow=True))
    async with tail.reading():
        write(tmp_path / "a.log", "a1")
        await tail.wait_for("a1")
        (tmp_path / "a.log").rename(tmp_path / "a.log.1")
        write(tmp_path / "a.log", "a2")
        write(tmp_path / "b.log", "b1")
        await tail.wait_for("a1", "a2", "b1")
        (tmp_path / "hard.log").hardlink_to(tmp_path / "b.log")
        (tmp_path / "soft.log").symlink_to("a.log")
        (tmp_path / "b.log").unlink()
        write(tmp_path / "hard.log", "b2")
        await tail.wait_for("a1", "a2", "b1", "b2")
    (tmp_path / "a.log.1").rename(tmp_path / "a.log.2")
    (tmp_path / "a.log").rename(tmp_path / "a.log.1")
    write(tmp_path / "a.log", "a3")
    async with tail.reading():
        await tail.wait_for("a1", "a2", "b1", "b2", "a3")


async def test_a_copy_that_the_pattern_meets_is_not_read_again(tmp_path: Path) -> None:
    lines = [f"line {number} {'x' * 50}" for number in range(50)]
    log = tmp_path / "in.log"
    write(log, *lines)
    tail = Tail(w.FileSource(tmp_path, follow=True))
    async with tail.reading():
        await tail.wait_for(*lines)
        write(log, "just before")
        (tmp_path / "in.log.1").write_bytes(log.read_bytes())
        await tail.wait_for(*lines, "just before")
        write(log, "between copy and cut")
        await tail.wait_for(*lines, "just before", "between copy and cut")
        os.truncate(log, 0)
        write(log, "new")
        await tail.wait_for(*lines, "just before", "between copy and cut", "new")


@pytest.mark.parametrize("when", ["running", "stopped"])
async def test_what_was_not_read_of_a_cut_file_is_read_from_its_copy(
    tmp_path: Path, when: str
) -> None:
    lines = [f"line {number} {'x' * 50}" for number in range(50)]
    log = tmp_path / "in.log"
    write(log, *lines)
    tail = Tail(w.FileSource(tmp_path, follow=True))

    def rotate() -> None:
        write(log, "just before")
        (tmp_path / "in.log.1").write_bytes(log.read_bytes())
        os.truncate(log, 0)
        write(log, "new")

    async with tail.reading():
        await tail.wait_for(*lines)
        if when == "running":
            rotate()
            await tail.wait_for(*lines, "just before", "new")
    if when == "stopped":
        rotate()
    async with tail.reading():
        await tail.wait_for(*lines, "just before", "new")


@pytest.mark.usefixtures("_how")
async def test_a_switched_symlink_is_followed_to_where_it_leads(tmp_path: Path) -> None:
    write(tmp_path / "day1", "one")
    write(tmp_path / "day2", "two")
    (tmp_path / "now").symlink_to("day1")
    tail = Tail(w.FileSource(tmp_path / "now", follow=True))
    async with tail.reading():
        await tail.wait_for("one")
        (tmp_path / "next").symlink_to("day2")
        (tmp_path / "next").replace(tmp_path / "now")
        await tail.wait_for("one", "two")


@pytest.mark.usefixtures("_how")
async def test_nothing_is_there_at_first(tmp_path: Path) -> None:
    tail = Tail(w.FileSource(tmp_path / "d" / "in.log", follow=True))
    async with tail.reading():
        await trio.sleep(0.05)
        (tmp_path / "d").mkdir()
        write(tmp_path / "d" / "in.log", "first")
        await tail.wait_for("first")


async def test_csv_in_pieces_with_a_stop_between(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    data = b'\nid,note\r\n1,"a\nb"\n2,c\xc3\xb6\n'
    tail = Tail(w.FileSource(path, format="csv", follow=True))
    for byte in (data[start : start + 5] for start in range(0, len(data), 5)):
        with path.open("ab") as file:
            file.write(byte)
        async with tail.reading():
            await trio.sleep(0.1)
    expected = [{"id": "1", "note": "a\nb"}, {"id": "2", "note": "cö"}]
    async with tail.reading():
        await tail.come(len(expected))
    assert tail.records == expected


async def test_a_gz_that_grows_in_the_middle_of_a_member(tmp_path: Path) -> None:
    rng = random.Random(1)
    lines = [f"line {number} {rng.random()}" for number in range(3000)]
    half = len(lines) // 2
    data = b"".join(
        gzip.compress("".join(line + "\n" for line in some).encode())
        for some in (lines[:half], lines[half:])
    )
    path = tmp_path / "in.gz"
    tail = Tail(w.FileSource(path, follow=True))
    cuts = sorted(rng.randrange(len(data)) for _ in range(5))
    for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
        with path.open("ab") as file:
            file.write(data[start:end])
        async with tail.reading():
            await trio.sleep(0.1)
    async with tail.reading():
        await tail.come(len(lines))
    assert tail.records == lines


async def test_many_files_need_few_descriptors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "OPEN_MAX", 3)
    for number in range(40):
        write(tmp_path / f"{number}.log", f"{number} first")
    tail = Tail(w.FileSource(tmp_path, follow=True))
    expected = [f"{number} first" for number in range(40)]
    async with tail.reading():
        await tail.wait_for(*expected)
        assert len([each for each in os.listdir("/proc/self/fd") if is_below(each, tmp_path)]) <= 4
        for number in range(40):
            write(tmp_path / f"{number}.log", f"{number} second")
        await tail.wait_for(*expected, *(f"{number} second" for number in range(40)))


async def share_of_a_processor(of_s: float) -> float:
    began, spent = trio.current_time(), time.process_time()
    await trio.sleep(of_s)
    return (time.process_time() - spent) / (trio.current_time() - began)


@pytest.mark.parametrize(("how", "share_max"), [("told", 0.003), ("polled", 0.02)])
async def test_a_thousand_idle_files_cost_little_and_what_comes_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str, share_max: float
) -> None:
    if how == "polled":
        monkeypatch.setattr(module, "open_watch", lambda: None)
    for number in range(1000):
        (tmp_path / f"{number}.log").touch()
    tail = Tail(w.FileSource(tmp_path, follow=True))
    async with tail.reading():
        for _ in range(10):  # at first there is more to do
            share = await share_of_a_processor(2)
            if share < share_max:
                break
        assert share < share_max
        for name in ("500.log", "new.log"):
            write(tmp_path / name, name)
            with patiently(10):  # some 0.05 or 0.5 s where nothing else runs
                while name not in tail.records:  # noqa: ASYNC110
                    await trio.sleep(0.01)
    assert tail.records == ["500.log", "new.log"]


async def test_one_busy_file_among_a_thousand_costs_no_look_at_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(100):
        (tmp_path / f"{number}.log").touch()
    tail = Tail(w.FileSource(tmp_path, follow=True))
    async with tail.reading():
        write(tmp_path / "7.log", "first")
        await tail.wait_for("first")
        scans: list[tuple[str, ...]] = []
        monkeypatch.setattr(module, "candidates", lambda paths: scans.append(paths) or ())
        for number in range(5):
            write(tmp_path / "7.log", str(number))
            await tail.wait_for("first", *map(str, range(number + 1)))
    assert scans == []


async def test_files_that_are_written_again_and_again_stay_few_that_are_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "OPEN_MAX", 3)
    names = [f"{number}.log" for number in range(40)]
    for name in names:
        (tmp_path / name).touch()
    tail = Tail(w.FileSource(tmp_path, follow=True))
    async with tail.reading():
        await tail.wait_for()
        for name in names:
            write(tmp_path / name, name)
            with patiently(10):
                while name not in tail.records:  # noqa: ASYNC110
                    await trio.sleep(0.01)
        write(tmp_path / names[0], "last")
        await tail.wait_for(*names, "last")
        followed = [each for each in os.listdir("/proc/self/fd") if is_below(each, tmp_path)]
        assert len(followed) <= 4


def is_below(descriptor: str, directory: Path) -> bool:
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}").startswith(str(directory))
    except OSError:
        return False


async def test_changes_that_the_kernel_does_not_tell_of_are_found_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file with another name in a directory that is not watched is written by that name."""
    monkeypatch.setattr(waking, "IDLE_S", 0.5)
    (tmp_path / "watched").mkdir()
    (tmp_path / "elsewhere").touch()
    (tmp_path / "watched" / "in.log").hardlink_to(tmp_path / "elsewhere")
    tail = Tail(w.FileSource(tmp_path / "watched", follow=True))
    async with tail.reading():
        for number in range(3):
            write(tmp_path / "elsewhere", str(number))
            await tail.wait_for(*map(str, range(number + 1)))


async def test_a_position_of_an_earlier_version_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "in.log"
    write(path, "one", "two")
    tail = Tail(w.FileSource(path, follow=True))
    tail.position = {"pass": 0, "bytes": 4}
    async with tail.reading():
        await tail.wait_for("two")
