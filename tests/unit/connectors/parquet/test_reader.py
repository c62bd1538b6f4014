"""One Parquet file from a row on: what is read again after a stop, and what is wrong."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

import wallarood as w
from wallarood.app.connector import SourceLimits
from wallarood.connectors.parquet.reader import ParquetReader
from wallarood.connectors.parquet.rows import Rows
from wallarood.connectors.parse.options import FILES, format_of

ROWS = 25


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """25 rows in row groups of 10."""
    return made(tmp_path / "in.parquet", ROWS)


def made(path: Path, rows: int, **columns: Any) -> Path:
    table = pyarrow.table({"n": list(range(rows)), "s": [f"s{n}" for n in range(rows)], **columns})
    pyarrow.parquet.write_table(table, path, row_group_size=10)
    return path


def reader(path: Path, *, repeat: int = 1, stops: object = True, **options: Any) -> ParquetReader:
    form = format_of("FileSource", {"format": "parquet", **options}, known=FILES)  # type: ignore[typeddict-item]
    limits = SourceLimits(batch_records_max=7)
    return ParquetReader(str(path), Rows.of(form, stops=stops), limits, repeat)


def flat(batches: list[tuple[Any, list[Any]]]) -> list[Any]:
    return [each for _, records in batches for each in records]


async def read(of: ParquetReader, position: Any = None) -> list[tuple[Any, list[Any]]]:
    """Each batch, and the position after it."""
    of.begin(position)
    found = []
    while (batch := await of.read()) is not None:
        found.append((batch.position, batch.records))
        is_last = batch.position["pass"] == of.repeat - 1
        assert of.ended == (is_last and "end" in batch.position)
    await of.aclose()
    return found


async def test_from_each_position_the_rest_is_read(path: Path) -> None:
    batches = await read(reader(path, columns=["n"]))
    assert flat(batches) == [{"n": n} for n in range(ROWS)]
    for position, _ in batches:
        rest = flat(await read(reader(path), position))
        assert [each["n"] for each in rest] == list(range(position["row"], ROWS))
    assert "end" not in batches[-2][0]
    assert batches[-1][0]["end"] == os.stat(path).st_size == batches[-1][0]["bytes"]


async def test_a_file_may_be_read_several_times(path: Path) -> None:
    batches = await read(reader(path, repeat=2))
    assert [each["n"] for each in flat(batches)] == [*range(ROWS)] * 2
    position = batches[5][0]
    rest = await read(reader(path, repeat=2), position)
    assert flat(rest) == flat(batches[6:])


async def test_batches_of_wide_rows_are_small(tmp_path: Path) -> None:
    path = made(tmp_path / "wide", 10, blob=[b"x" * 1000] * 10)
    wide = reader(path)
    wide.limits = SourceLimits(batch_records_max=100, batch_bytes_max=3000)
    assert [len(records) for _, records in await read(wide)] == [2] * 5


async def test_a_file_without_rows_is_read(tmp_path: Path) -> None:
    assert await read(reader(made(tmp_path / "none", 0))) == []


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-10],
        lambda data: data[:100],
        lambda _: b"",
        lambda _: b"not Parquet, but long enough to be some of it",
    ],
)
def test_what_is_no_whole_file_is_named(damage: Callable[[bytes], bytes], path: Path) -> None:
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(w.ApplicationError, match=rf"input file {path} is no whole Parquet file: "):
        reader(path).begin(None)


async def test_damage_in_the_middle_is_named(tmp_path: Path) -> None:
    path = tmp_path / "in.parquet"
    table = pyarrow.table({"s": [f"text {n}" * 10 for n in range(100)]})
    pyarrow.parquet.write_table(table, path, compression="gzip", use_dictionary=False)
    data = bytearray(path.read_bytes())
    data[60:200] = b"\xff" * 140
    path.write_bytes(data)
    with pytest.raises(w.ApplicationError, match=rf"input file {path} is damaged after row 0: "):
        await read(reader(path))


async def test_another_file_of_the_name_is_found_out(path: Path) -> None:
    batches = await read(reader(path))
    made(path, ROWS + 1)
    with pytest.raises(w.ApplicationError, match="is not the one of which 7 rows were read before"):
        reader(path).begin(batches[0][0])
    assert await read(reader(path), batches[-1][0]) == [], "it had been read to its end"
    path.unlink()
    assert await read(reader(path), batches[-1][0]) == []
    with pytest.raises(w.WallaroodError, match=r"No such file.*this worker is to read it"):
        reader(path).begin(batches[0][0])


async def test_a_column_that_is_not_there_is_named(path: Path) -> None:
    with pytest.raises(w.ApplicationError, match="has no column 'x'; it has n, s"):
        await read(reader(path, columns=["n", "x"]))
