"""Pipes: what was journalled is read again from any position; the pipe goes on with who reads."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trio
from support.patience import patiently

import wallarood as w
from wallarood.app.connector import SourceContext, SourceLimits
from wallarood.connectors.file import stream


@pytest.fixture(autouse=True)
def _new_process() -> Iterator[None]:
    stream.forget_pipes()
    yield
    stream.forget_pipes()


def context(tmp_path: Path) -> SourceContext:
    return SourceContext(
        directory=str(tmp_path / "state"), limits=SourceLimits(batch_records_max=2)
    )


async def drain(reader: Any) -> tuple[list[Any], list[Any]]:
    records: list[Any] = []
    positions: list[Any] = []
    while (batch := await reader.read()) is not None:
        records += batch.records
        positions.append((len(records), batch.position))
    return records, positions


@pytest.mark.parametrize("header", [True, ["id", "note"]])
async def test_any_position_gives_what_follows_it(tmp_path: Path, header: Any) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    names = "id,note\n" if header is True else ""
    data = names + "".join(f'{number},"a\nb{number}"\n' for number in range(7))
    source = w.FileSource(pipe, format="csv", header=header)
    (partition,) = source.partitions()
    reader = await source.open(partition, None, context(tmp_path))
    command = [sys.executable, "-c", WRITE, str(pipe), data, "5"]
    writer = subprocess.Popen(command)  # noqa: ASYNC220
    with patiently(20):
        records, positions = await drain(reader)
    assert writer.wait() == 0
    await reader.aclose()
    assert records == [{"id": str(number), "note": f"a\nb{number}"} for number in range(7)]
    for seen, position in positions:
        again = await source.open(partition, position, context(tmp_path))
        assert (await drain(again))[0] == records[seen:]
        await again.aclose()
    await again.committed(positions[-1][1])


WRITE = """
import sys, time
with open(sys.argv[1], "wb", buffering=0) as pipe:
    data, size = sys.argv[2].encode(), int(sys.argv[3])
    for start in range(0, len(data), size):
        pipe.write(data[start:start + size])
        time.sleep(0.001)
"""


async def test_a_line_that_another_process_left_ends_where_it_was_left(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    source = w.FileSource(pipe, follow=True)
    (partition,) = source.partitions()
    reader = await source.open(partition, None, context(tmp_path))
    with pipe.open("w") as file:
        file.write("one\nhalf of")
    with patiently(10):
        batch = await reader.read()
        assert batch is not None
        assert batch.records == ["one"]
        with trio.move_on_after(0.2):
            await reader.read()
    await reader.aclose()
    stream.forget_pipes()
    again = await source.open(partition, batch.position, context(tmp_path))
    with pipe.open("w") as file:
        file.write("another\n")
    with patiently(10):
        found: list[str] = []
        while len(found) < 2:
            batch = await again.read()
            assert batch is not None
            found += batch.records
    assert found == ["half of", "another"]
    await again.aclose()


@pytest.mark.parametrize("torn", [1, 15])
async def test_a_journal_whose_last_entry_was_cut_off_is_read_up_to_it(
    tmp_path: Path, torn: int
) -> None:
    """A crash in the middle of a write: nothing was done with these bytes."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    source = w.FileSource(pipe, follow=True)
    (partition,) = source.partitions()
    reader = await source.open(partition, None, context(tmp_path))
    found = []
    for line in ("one", "two", "three"):
        with pipe.open("w") as file:
            file.write(line + "\n")
        with patiently(10):
            batch = await reader.read()
        found.append((batch.records, batch.position))
    await reader.aclose()
    stream.forget_pipes()
    (journal,) = (tmp_path / "state").glob("*/*.journal")
    os.truncate(journal, journal.stat().st_size - torn)
    again = await source.open(partition, found[0][1], context(tmp_path))
    with pipe.open("w") as file:
        file.write("four\n")
    lines: list[str] = []
    with patiently(10):
        while len(lines) < 2:
            batch = await again.read()
            assert batch is not None
            lines += batch.records
    assert lines == ["two", "four"]
    await again.aclose()


async def test_another_process_has_columns_of_its_own_and_a_replay_knows_it(
    tmp_path: Path,
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    source = w.FileSource(pipe, format="csv", follow=True)
    (partition,) = source.partitions()
    position = None
    found: list[Any] = []
    positions: list[tuple[int, Any]] = []
    for data, count in (("a,b\n1,2\n3,4", 1), ("\ufeffb,a\n5,6\n7,8\n", 4)):
        reader = await source.open(partition, position, context(tmp_path))
        with pipe.open("w") as file:
            file.write(data)
        with patiently(10):
            while len(found) < count:
                batch = await reader.read()
                assert batch is not None
                found += batch.records
                positions.append((len(found), batch.position))
            with trio.move_on_after(0.2):
                await reader.read()
        position = positions[-1][1]
        await reader.aclose()
        stream.forget_pipes()
    assert found == [{"a": a, "b": b} for a, b in (("1", "2"), ("3", "4"), ("6", "5"), ("8", "7"))]
    for seen, place in [(0, None), *positions]:
        again = await source.open(partition, place, context(tmp_path))
        behind: list[Any] = []
        with patiently(10):
            while len(behind) < len(found) - seen:
                batch = await again.read()
                assert batch is not None
                behind += batch.records
        with trio.move_on_after(0.1):  # there is no more
            behind += (await again.read()).records
        assert behind == found[seen:]
        await again.aclose()
        stream.forget_pipes()


async def test_waiting_for_a_writer_can_be_cancelled(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = await w.FileSource(pipe).open(str(pipe), None, context(tmp_path))
    with patiently(5), trio.move_on_after(0.1) as scope:
        await reader.read()
    assert scope.cancelled_caught
    await reader.aclose()


STDIN = """
import sys, trio
import wallarood as w
from wallarood.app.connector import SourceContext

async def main():
    source = w.StdinSource(format="json", on_error="skip")
    (partition,) = source.partitions()
    reader = await source.open(partition, None, SourceContext(directory=sys.argv[1]))
    while (batch := await reader.read()) is not None:
        print(batch.records, [each.line for each in batch.unreadable])

trio.run(main)
"""


@pytest.mark.parametrize("how", ["pipe", "file", "null"])
def test_standard_input(tmp_path: Path, how: str) -> None:
    data = b"1\nx\n2"
    (tmp_path / "file").write_bytes(data)
    with (tmp_path / "file").open("rb") as file:
        stdin = {"pipe": {"input": data}, "file": {"stdin": file}}.get(
            how, {"stdin": subprocess.DEVNULL}
        )
        done = subprocess.run(
            [sys.executable, "-c", STDIN, str(tmp_path / "state")],
            capture_output=True,
            check=True,
            timeout=30,
            **stdin,  # type: ignore[call-overload]
        )
    assert done.stdout == (b"" if how == "null" else b"[1] [2]\n[2] []\n")


def test_wide_characters_are_refused() -> None:
    with pytest.raises(w.ApplicationError, match="iconv"):
        w.StdinSource(encoding="utf-16")
