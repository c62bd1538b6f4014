"""File source and sink: any cut, any resume position, any damage."""

import csv
import gzip
import io
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.patience import patiently

import wallarood as w
from wallarood.app.connector import SinkContext, SourceContext, SourceLimits
from wallarood.connectors.file import reader as file_reader

text_lines = st.lists(st.text(st.characters(exclude_characters="\n\r", codec="utf-8")), max_size=30)


async def read_all(
    source: w.FileSource, *, limits: SourceLimits | None = None
) -> list[tuple[list[Any], Any]]:
    """Every batch of every partition, with its position."""
    batches = []
    for partition in source.partitions():
        context = SourceContext(
            limits=limits or SourceLimits(), partitions=tuple(source.partitions())
        )
        reader = await source.open(partition, None, context)
        try:
            while (batch := await reader.read()) is not None:
                batches.append((batch.records, batch.position))
        finally:
            await reader.aclose()
    return batches


def records(source: w.FileSource, **options: Any) -> list[Any]:
    async def run() -> list[Any]:
        return [each for some, _ in await read_all(source, **options) for each in some]

    return trio.run(run)


def lines_of(text: str) -> list[str]:
    """What a reader of lines should give, by another way: the file API of Python."""
    return [line.removesuffix("\n") for line in io.StringIO(text, newline="\n")]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(text_lines, st.booleans(), st.booleans(), st.integers(1, 40))
def test_lines_are_those_of_the_file_whatever_the_chunk(
    lines: list[str], final: bool, packed: bool, chunk: int
) -> None:
    text = "\n".join(lines) + ("\n" if final else "")
    with tempfile.TemporaryDirectory() as directory, pytest.MonkeyPatch.context() as patch:
        patch.setattr(file_reader, "CHUNK_BYTES", chunk)
        path = Path(directory) / ("text.gz" if packed else "text")
        data = text.encode()
        path.write_bytes(gzip.compress(data) if packed else data)
        limits = SourceLimits(batch_records_max=4)
        assert records(w.FileSource(path), limits=limits) == lines_of(text)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(text_lines, st.sampled_from(["lines", "json", "csv"]), st.booleans(), st.integers(1, 3))
def test_any_position_gives_the_records_behind_it(
    lines: list[str], file_format: Any, packed: bool, repeat: int
) -> None:
    match file_format:
        case "lines":
            text = "".join(line + "\n" for line in lines)
        case "json":
            text = "".join(json.dumps(line) + "\n" for line in lines)
        case _:
            out = io.StringIO()
            rows = [[str(number), line.replace("\0", "")] for number, line in enumerate(lines)]
            csv.writer(out, lineterminator="\n").writerows([["number", "line"], *rows])
            text = out.getvalue()

    async def check(path: Path) -> None:
        source = w.FileSource(path, format=file_format, repeat=repeat)
        limits = SourceLimits(batch_records_max=3)
        batches = await read_all(source, limits=limits)
        everything = [each for some, _ in batches for each in some]
        seen = 0
        for some, position in batches:
            seen += len(some)
            reader = await source.open(str(path), position, SourceContext(limits=limits))
            behind: list[Any] = []
            while (batch := await reader.read()) is not None:
                behind += batch.records
            await reader.aclose()
            assert behind == everything[seen:]
        assert len(everything) == len(lines) * repeat

    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / ("input.gz" if packed else "input")
        path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
        trio.run(check, path)


def test_windows_line_ends_and_a_last_line_without_one(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"a\r\nb\r\n\r\nlast")
    assert records(w.FileSource(tmp_path / "f")) == ["a", "b", "", "last"]


def test_directories_patterns_and_repetition(tmp_path: Path) -> None:
    for name in ("b.txt", "a.txt", ".hidden"):
        (tmp_path / name).write_text(name + "\n")
    assert records(w.FileSource(tmp_path)) == ["a.txt", "b.txt"]
    assert records(w.FileSource(f"{tmp_path}/b*", tmp_path / "b.txt")) == ["b.txt"]
    (tmp_path / "hard.txt").hardlink_to(tmp_path / "a.txt")
    (tmp_path / "soft.txt").symlink_to(tmp_path / "b.txt")
    assert records(w.FileSource(tmp_path)) == ["a.txt", "b.txt"]
    assert records(w.FileSource(tmp_path / "a.txt", repeat=3)) == ["a.txt"] * 3


def test_json_of_a_type(tmp_path: Path) -> None:
    (tmp_path / "f").write_text('{"a": 1}\n\n{"a": 2}\n')
    source = w.FileSource(tmp_path / "f", format="json", record=dict[str, int])
    assert records(source) == [{"a": 1}, {"a": 2}]


@pytest.mark.parametrize(
    ("file_format", "data", "message"),
    [
        ("lines", b"good\n\xff\xfe\nmore\n", "the record at byte 5 cannot be read"),
        ("json", b"{}\n{broken\n", "the record at byte 3 cannot be read"),
        ("csv", b"a,b\n1,2\n3\n", "the record at byte 8 cannot be read: 1 fields"),
        ("lines", b"ok\n" + b"x" * 2000, "the record at byte 3 is longer than 1,000 bytes"),
        ("lines", b"ok\n" + b"x" * 2000 + b"\nend\n", "longer than 1,000 bytes"),
    ],
)
def test_damaged_input_is_named_by_file_and_byte(
    tmp_path: Path, file_format: Any, data: bytes, message: str
) -> None:
    path = tmp_path / "input"
    path.write_bytes(data)
    with pytest.raises(w.ApplicationError, match=message) as caught:
        records(w.FileSource(path, format=file_format), limits=SourceLimits(record_bytes_max=1000))
    assert str(path) in caught.value.message


@pytest.mark.parametrize("damage", ["truncated", "flipped", "behind"])
def test_a_damaged_gz_is_an_error_and_not_an_end(tmp_path: Path, damage: str) -> None:
    data = gzip.compress(b"".join(b"line %d\n" % n for n in range(50_000)))
    path = tmp_path / "f.gz"
    match damage:
        case "truncated":
            path.write_bytes(data[: len(data) // 2])
        case "flipped":
            middle = len(data) // 2
            path.write_bytes(data[:middle] + bytes([data[middle] ^ 0xFF]) + data[middle + 1 :])
        case _:
            path.write_bytes(data + b"plain text\n")
    with pytest.raises(w.ApplicationError, match=r"f\.gz"):
        records(w.FileSource(path))


def test_missing_and_shortened_files_are_clear_errors(tmp_path: Path) -> None:
    with pytest.raises(w.ApplicationError, match="does not exist"):
        w.FileSource(tmp_path / "none").partitions()
    with pytest.raises(w.ApplicationError, match="no file matches"):
        w.FileSource(f"{tmp_path}/*.none").partitions()
    path = tmp_path / "short"
    path.write_text("a\n")

    async def resume() -> None:
        await w.FileSource(path).open(str(path), {"pass": 0, "bytes": 99}, SourceContext())

    with pytest.raises(w.ApplicationError, match="was truncated or replaced"):
        trio.run(resume)


async def test_a_followed_file_gives_what_is_added(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("first\nhal")
    source = w.FileSource(path, follow=True)
    reader = await source.open(str(path), None, SourceContext())
    with patiently(10):
        first = await reader.read()
        assert first is not None
        assert first.records == ["first"]
        with path.open("a") as file:
            file.write("f\nthird\n")
        second = await reader.read()
    assert second is not None
    assert second.records == ["half", "third"]
    await reader.aclose()


# ---- the sink ------------------------------------------------------------------------------------


def visible(directory: Path) -> dict[str, str]:
    return {each.name: each.read_text() for each in directory.glob("[!.]*")}


def test_the_size_of_a_file_is_known_for_progress(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_text("abc\n")
    assert w.FileSource(path, repeat=2).size_bytes(str(path)) == 8
    assert w.FileSource(path, follow=True).size_bytes(str(path)) is None
    os.unlink(path)
    assert w.FileSource(path).size_bytes(str(path)) is None


# ---- files that change under the reader ----------------------------------------------------------


@pytest.mark.parametrize("name", ["in.txt", "in.txt.gz"])
def test_a_file_that_was_replaced_is_found_out_at_any_position(tmp_path: Path, name: str) -> None:
    opening = gzip.open if name.endswith(".gz") else open
    lines = [f"line {number} of the first\n" for number in range(300)]
    source = w.FileSource(tmp_path / name)
    context = SourceContext(limits=SourceLimits(batch_records_max=7))
    with opening(tmp_path / name, "wt") as file:
        file.writelines(lines)

    async def positions() -> list[Any]:
        reader = await source.open(str(tmp_path / name), None, context)
        found = []
        while (batch := await reader.read()) is not None:
            found.append(batch.position)
        await reader.aclose()
        return found

    said: list[str] = []

    async def goes_on(position: Any) -> bool:
        try:
            reader = await source.open(str(tmp_path / name), position, context)
        except w.ApplicationError as error:
            said.append(error.message)
            return False
        await reader.aclose()
        return True

    found = trio.run(positions)
    assert len(found) > 40
    with opening(tmp_path / name, "at") as file:
        file.write("appended\n")
    assert all(trio.run(goes_on, each) for each in found)
    with opening(tmp_path / name, "wt") as file:
        file.writelines(line.replace("first", "other") for line in lines)
    # What was read to its end is not asked for again, whatever takes its place.
    assert [trio.run(goes_on, each) for each in found] == [False] * (len(found) - 1) + [True]
    with opening(tmp_path / name, "wt") as file:
        file.writelines(lines[:3])
    assert [trio.run(goes_on, each) for each in found] == [False] * (len(found) - 1) + [True]
    assert all("rotated or replaced" in each or "truncated or replaced" in each for each in said)


CONTEXT = SinkContext("app", "wc-0123456789", "alpha", "out", 0)


async def test_every_part_begins_with_the_header(tmp_path: Path) -> None:
    writer = await w.FileSink(tmp_path, format="csv").open(CONTEXT, None)
    for rows in ([{"id": 1, "qty": 5}], [{"qty": 6, "id": 2}, {"id": 3}]):
        await writer.write(rows[:1])
        await writer.write(rows[1:])
        await writer.commit(await writer.prepare())
    parts = sorted(tmp_path.glob("[!.]*"))
    assert [part.read_bytes() for part in parts] == [
        b"id,qty\r\n1,5\r\n",
        b"id,qty\r\n2,6\r\n3,\r\n",
    ]
    source = w.FileSource(tmp_path, format="csv")
    assert [row for rows, _ in await read_all(source) for row in rows] == [
        {"id": "1", "qty": "5"},
        {"id": "2", "qty": "6"},
        {"id": "3", "qty": ""},
    ]
