"""Records that say where they were read: the same from any position, and checked by their type."""

import gzip
import os
from pathlib import Path
from typing import Any

import pytest
import trio

import wallarood as w
from wallarood.app.connector import SourceContext, SourceLimits
from wallarood.connectors.file import listing as file_listing

LINES = [f"line {'x' * number}" for number in range(20)]
TEXT = "".join(line + "\n" for line in LINES)


async def _read(source: w.FileSource, partition: str, position: Any) -> list[tuple[list[Any], Any]]:
    context = SourceContext(limits=SourceLimits(batch_records_max=3))
    reader = await source.open(partition, position, context)
    found = []
    while (batch := await reader.read()) is not None:
        found.append((batch.records, batch.position))
    await reader.aclose()
    return found


@pytest.mark.parametrize("packed", [False, True])
def test_places_are_the_same_from_any_position(tmp_path: Path, packed: bool) -> None:
    path = tmp_path / "f"
    path.write_bytes(gzip.compress(TEXT.encode()) if packed else TEXT.encode())
    source = w.FileSource(path, located=True)
    [partition] = source.partitions()
    whole = trio.run(_read, source, partition, None)
    records = [each for some, _ in whole for each in some]
    assert [each.record for each in records] == LINES
    assert [each.line for each in records] == list(range(1, 21))
    assert {each.file for each in records} == {str(path)}
    assert all(TEXT[each.byte :].startswith(each.record + "\n") for each in records)
    done = 0
    for some, position in whole:
        done += len(some)
        again = trio.run(_read, source, partition, position)
        assert [each for part, _ in again for each in part] == records[done:]


def test_a_part_of_a_split_file_knows_bytes_and_no_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "f"
    path.write_text(TEXT)
    monkeypatch.setattr(file_listing, "_UNITS", {"MiB": 100})
    source = w.FileSource(path, located=True, split="1MiB")
    first, *others = source.partitions()
    records = [each for some, _ in trio.run(_read, source, first, None) for each in some]
    assert [each.line for each in records] == list(range(1, len(records) + 1))
    for partition in others:
        some = [each for part, _ in trio.run(_read, source, partition, None) for each in part]
        assert {each.line for each in some} <= {None}
        records += some
    assert [each.record for each in records] == LINES
    assert all(TEXT[each.byte :].startswith(each.record + "\n") for each in records)


def test_a_function_that_takes_the_record_alone_is_refused(tmp_path: Path) -> None:
    def parse(line: str) -> str:
        return line

    def parse_located(line: w.Located[str]) -> str:
        return line.record

    def parse_bytes(line: w.Located[bytes]) -> bytes:
        return line.record

    stream = w.source("lines", w.FileSource(tmp_path, located=True))
    stream.map(parse_located)
    for wrong in (parse, parse_bytes):
        with pytest.raises(w.PipelineError, match="Located"):
            stream.map(wrong)


def test_a_pipe_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "p")
    with pytest.raises(w.ApplicationError, match="this is a pipe: leave it out"):
        w.FileSource(tmp_path / "p", located=True).partitions()


def test_an_option_that_is_no_bool_is_refused(tmp_path: Path) -> None:
    with pytest.raises(w.ApplicationError, match="expected True or False"):
        w.FileSource(tmp_path, located="yes")  # type: ignore[arg-type]
