"""File sources as a whole: splits, wide characters, files that come later, faults."""

import gzip
from pathlib import Path
from typing import Any

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

import wallarood as w
from wallarood.app.connector import SourceContext, SourceLimits, Unreadable
from wallarood.connectors.file import listing as file_listing
from wallarood.connectors.file import reader as file_reader
from wallarood.model.errors import CannotCreateError

Read = tuple[list[Any], Any, tuple[Unreadable, ...]]


async def read(
    source: w.FileSource, partition: str, position: Any = None, **options: Any
) -> list[Read]:
    context = SourceContext(limits=SourceLimits(batch_records_max=3), **options)
    reader = await source.open(partition, position, context)
    found = []
    while (batch := await reader.read()) is not None:
        found.append((batch.records, batch.position, batch.unreadable))
    await reader.aclose()
    return found


def records_of(found: list[Read]) -> list[Any]:
    return [each for some, _, _ in found for each in some]


@settings(deadline=None)
@given(
    st.lists(st.text("aé", max_size=30), max_size=30),
    st.booleans(),
    st.integers(1, 40),
    st.integers(1, 30),
)
def test_splits_together_have_every_line_once_and_go_on_from_any_position(
    tmp_path_factory: pytest.TempPathFactory,
    lines: list[str],
    final: bool,
    split_bytes: int,
    chunk: int,
) -> None:
    path = tmp_path_factory.mktemp("split") / "f"
    text = "\n".join(lines) + ("\n" if final else "")
    path.write_text(text)
    expected = text.split("\n")[: None if text and not text.endswith("\n") else -1]

    async def check(patch: pytest.MonkeyPatch) -> None:
        patch.setattr(file_listing, "_UNITS", {"MiB": split_bytes})
        patch.setattr(file_reader, "CHUNK_BYTES", chunk)
        source = w.FileSource(path, split="1MiB")
        found: list[Any] = []
        for partition in source.partitions():
            batches = await read(source, partition)
            part = records_of(batches)
            found += part
            seen = 0
            for some, position, _ in batches:
                seen += len(some)
                assert records_of(await read(source, partition, position)) == part[seen:]
        assert found == expected

    with pytest.MonkeyPatch.context() as patch:
        trio.run(check, patch)


async def test_a_split_file_that_is_packed_is_read_as_one(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(gzip.compress(b"a\nb\n"))
    (partition,) = w.FileSource(path, split="1MiB").partitions()
    assert records_of(await read(w.FileSource(path, split="1MiB"), partition)) == ["a", "b"]


async def test_csv_without_quotes_in_splits_knows_its_columns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_listing, "_UNITS", {"MiB": 5})
    path = tmp_path / "f.csv"
    path.write_text("a,b\n" + "".join(f"{n},{n}\n" for n in range(9)))
    source = w.FileSource(path, format="csv", quotechar=None, split="1MiB")
    found = [r for part in source.partitions() for r in records_of(await read(source, part))]
    assert found == [{"a": str(n), "b": str(n)} for n in range(9)]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32", "cp1252", "utf-8"])
@pytest.mark.parametrize("form", ["lines", "csv", "json"])
async def test_every_encoding_from_any_position(tmp_path: Path, encoding: str, form: Any) -> None:
    path = tmp_path / "f"
    lines = [f'"é{n} {"x" * n}"' for n in range(20)]
    names = ["name"] if form == "csv" else []
    path.write_bytes("".join(line + "\r\n" for line in names + lines).encode(encoding))
    source = w.FileSource(path, format=form, encoding=encoding)
    batches = await read(source, str(path))
    values = [line.strip('"') for line in lines]
    expected = {"lines": lines, "json": values, "csv": [{"name": each} for each in values]}[form]
    assert records_of(batches) == expected
    seen = 0
    for some, position, _ in batches:
        seen += len(some)
        assert records_of(await read(source, str(path), position)) == expected[seen:]


async def test_faults_lie_between_the_records_and_are_passed_by_positions(tmp_path: Path) -> None:
    path = tmp_path / "f.jsonl"
    path.write_bytes(b"1\n2\nbad\n4\n5\nworse\n\xff\n8\n")
    source = w.FileSource(path, format="json", on_error="skip")
    batches = await read(source, str(path))
    faults = [(each.line, each.byte, each.raw) for _, _, some in batches for each in some]
    assert records_of(batches) == [1, 2, 4, 5, 8]
    assert faults == [(3, 4, b"bad"), (6, 12, b"worse"), (7, 18, b"\xff")]
    _, position, _ = batches[0]
    again = await read(source, str(path), position)
    assert [each.line for _, _, some in again for each in some] == [6, 7]
    with pytest.raises(w.ApplicationError, match="line 3, the record at byte 4 cannot be read"):
        await read(w.FileSource(path, format="json"), str(path))


async def test_what_was_added_to_a_file_that_was_read_is_read(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_text("a\nb")
    source = w.FileSource(path)
    batches = await read(source, str(path))
    assert records_of(batches) == ["a", "b"]
    position = batches[-1][1]
    assert source.resumable({str(path): position}, SourceContext()) == set()
    for added, expected in (("\nc\n", ["c"]), ("d\n", ["d"])):
        with path.open("a") as file:
            file.write(added)
        assert source.resumable({str(path): position}, SourceContext()) == {str(path)}
        ((records, position, _),) = await read(source, str(path), position)
        assert records == expected
    path.unlink()
    assert source.resumable({str(path): position}, SourceContext()) == set()
    assert await read(source, str(path), position) == []


async def test_a_file_that_is_gone_before_its_end_is_missed(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_text("".join(f"{n}\n" for n in range(9)))
    _, position, _ = (await read(w.FileSource(path), str(path)))[0]
    path.unlink()
    with pytest.raises(CannotCreateError, match=r"No such file.*start this worker again"):
        await read(w.FileSource(path), str(path), position)


async def test_what_the_system_does_not_let_this_worker_read_is_its_own_trouble(
    tmp_path: Path,
) -> None:
    path = tmp_path / "f"
    path.write_text("1\n")
    source = w.FileSource(path)
    path.unlink()
    path.mkdir()  # can be opened, and not be read
    with pytest.raises(CannotCreateError, match=r"Is a directory; this worker is to read it"):
        await read(source, str(path))


async def test_files_that_come_later_are_read_once_under_whatever_name(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_text(f"{name}1\n")
    source = w.FileSource(tmp_path)
    partitions = tuple(source.partitions())
    *files, later = partitions
    positions = {name: (await read(source, name))[-1][1] for name in files}
    options = {"partitions": partitions, "positions": positions}
    assert await read(source, later, **options) == []
    assert source.resumable({later: None}, SourceContext(**options)) == set()
    (tmp_path / "c").write_text("c1\nc2\nc3\nc4\n")
    (tmp_path / "d").write_text("d1\n")
    (tmp_path / "a").rename(tmp_path / "a.done")
    (tmp_path / "link").hardlink_to(tmp_path / "b")
    assert source.resumable({later: None}, SourceContext(**options)) == {later}
    batches = await read(source, later, **options)
    assert records_of(batches) == ["c1", "c2", "c3", "c4", "d1"]
    assert records_of(await read(source, later, batches[0][1], **options)) == ["c4", "d1"]
    (tmp_path / "d").rename(tmp_path / "d.done")
    assert source.resumable({later: batches[-1][1]}, SourceContext(**options)) == set()


def test_a_source_whose_files_may_all_come_later_still_says_what_is_missing(
    tmp_path: Path,
) -> None:
    with pytest.raises(w.ApplicationError, match="no file matches"):
        w.FileSource(f"{tmp_path}/*.txt").partitions()
    assert len(w.FileSource(f"{tmp_path}/*.txt", follow=True).partitions()) == 1
