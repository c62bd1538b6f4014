"""File source and sink: any cut, any resume position, any damage."""

import csv
import gzip
import io
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import wallarood as w
from wallarood.app.connector import SinkContext, SourceContext, SourceLimits
from wallarood.connectors.file import reader as file_reader

CONTEXT = SinkContext("app", "wc-0123456789", "alpha", "out", 0)

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
    with trio.fail_after(10):
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


async def test_a_file_appears_whole_when_it_is_committed(tmp_path: Path) -> None:
    writer = await w.FileSink(tmp_path / "new" / "out").open(CONTEXT, None)
    await writer.write([("a", 1), ("b", 2)])
    assert visible(tmp_path / "new" / "out") == {}
    prepared = await writer.prepare()
    assert visible(tmp_path / "new" / "out") == {}
    for _ in range(2):
        await writer.commit(prepared)
        assert visible(tmp_path / "new" / "out") == {
            "out@alpha-0-23456789.000000.tsv": "a\t1\nb\t2\n"
        }
    await writer.write([("c", 3)])
    await writer.prepare()
    assert await writer.prepare() is None
    await writer.aclose()
    assert len(list((tmp_path / "new" / "out").iterdir())) == 2


async def test_a_writer_goes_on_where_its_state_says_and_removes_what_came_behind(
    tmp_path: Path,
) -> None:
    sink = w.FileSink(tmp_path)
    writer = await sink.open(CONTEXT, None)
    other = await sink.open(attrs.evolve(CONTEXT, worker="beta"), None)
    for each in (writer, other):
        await each.write([("a", 1)])
        await each.commit(await each.prepare())
    state = writer.state
    await writer.write([("b", 2)])
    void = await writer.prepare()
    await writer.write([("c", 3)] * 100_000)
    await writer.aclose()
    again = await sink.open(CONTEXT, state)
    assert len(list(tmp_path.iterdir())) == 2
    await again.write([("d", 4)])
    prepared = await again.prepare()
    assert prepared == void
    await again.commit(prepared)
    found = sorted(text for name, text in visible(tmp_path).items() if "alpha" in name)
    assert found == ["a\t1\n", "d\t4\n"]


async def test_what_was_not_prepared_is_gone_when_the_sink_closes(tmp_path: Path) -> None:
    writer = await w.FileSink(tmp_path).open(CONTEXT, None)
    await writer.write([("x" * 1000, 1)] * 1000)
    await writer.aclose()
    assert list(tmp_path.iterdir()) == []


FORMATS: list[tuple[Any, list[Any], str]] = [
    ("lines", ["a", 1, "b\nc", "t\tt"], "a\n1\nb\\nc\nt\tt\n"),
    ("tsv", [("a\tb", "c\\d"), ("e", None), "f"], "a\\tb\tc\\\\d\ne\t\nf\n"),
    ("json", [{"a": [1]}, "ü"], '{"a":[1]}\n"ü"\n'),
    ("csv", [("a,b", 'c"d'), ("x", 2)], '"a,b","c""d"\r\nx,2\r\n'),
]


@pytest.mark.parametrize(("line_format", "rows", "expected"), FORMATS, ids=[f[0] for f in FORMATS])
async def test_a_line_is_one_record_in_every_format(
    tmp_path: Path, line_format: Any, rows: list[Any], expected: str
) -> None:
    writer = await w.FileSink(tmp_path, format=line_format).open(CONTEXT, None)
    await writer.write(rows)
    await writer.commit(await writer.prepare())
    (found,) = tmp_path.glob("[!.]*")
    assert found.read_bytes().decode() == expected


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


def test_a_wrong_format_is_a_clear_error() -> None:
    with pytest.raises(w.ApplicationError, match="expected one of lines, tsv, json, csv"):
        w.FileSink("out", format="xml")  # type: ignore[arg-type]


async def test_a_directory_that_cannot_be_made_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(w.WallaroodError, match="sink directory"):
        await w.FileSink(tmp_path / "file" / "out").open(CONTEXT, None)


FULL = """
import resource, signal, sys, trio
import wallarood as w
from wallarood.app.connector import SinkContext
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

async def main():
    writer = await w.FileSink(sys.argv[1]).open(SinkContext("a", "wc-1", "alpha", "out", 0), None)
    for _ in range(100):
        await writer.write([("x" * 100, 1)] * 100)
    await writer.prepare()

try:
    trio.run(main)
except w.WallaroodError as error:
    print(error.exit_code, error.message)
"""


def test_a_full_disk_is_a_clear_error(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("73 "), done
    assert "File too large" in done.stdout
    assert str(tmp_path) in done.stdout
    assert not list(tmp_path.glob("[!.]*"))


def test_the_size_of_a_file_is_known_for_progress(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_text("abc\n")
    assert w.FileSource(path, repeat=2).size_bytes(str(path)) == 8
    assert w.FileSource(path, follow=True).size_bytes(str(path)) is None
    os.unlink(path)
    assert w.FileSource(path).size_bytes(str(path)) is None


async def test_parts_of_another_cluster_are_refused_kept_or_removed(tmp_path: Path) -> None:
    async def write(sink: w.FileSink, cluster: str, *, state: int | None = None) -> None:
        writer = await sink.open(attrs.evolve(CONTEXT, cluster_id=f"wc-{cluster}"), state)
        await writer.write([("a", 1)])
        await writer.commit(await writer.prepare())
        await writer.aclose()

    def clusters() -> list[str]:
        return sorted(each.name.split(".")[0][-8:] for each in tmp_path.iterdir())

    (tmp_path / "notes.tsv").write_text("not a part")
    await write(w.FileSink(tmp_path), "11111111")
    await write(w.FileSink(tmp_path), "11111111", state=1)
    with pytest.raises(w.ApplicationError, match=r"holds parts of another.*\n?.*if_exists"):
        await write(w.FileSink(tmp_path), "22222222")
    await write(w.FileSink(tmp_path, if_exists="append"), "22222222")
    assert clusters() == ["11111111", "11111111", "22222222", "notes"]
    await write(w.FileSink(tmp_path), "11111111", state=2)
    await write(w.FileSink(tmp_path, if_exists="replace"), "33333333")
    assert clusters() == ["33333333", "notes"]
    with pytest.raises(w.ApplicationError, match="if_exists='keep': expected"):
        w.FileSink(tmp_path, if_exists="keep")  # type: ignore[arg-type]


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
