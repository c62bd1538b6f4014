"""Files of Parquet as partitions of a source: at the start, later, and followed."""

from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
from support.patience import patiently

import wallarood as w
from wallarood.app.connector import SourceContext, SourceLimits
from wallarood.connectors.file.files import FOLLOWED
from wallarood.connectors.file.later import LATER

LIMITS = SourceLimits(batch_records_max=2)


def write(path: Path, *numbers: int) -> str:
    pyarrow.parquet.write_table(pyarrow.table({"n": numbers}), path)
    return str(path)


async def read(source: w.FileSource, partition: str, position: Any = None, **at: Any) -> Any:
    """The numbers to the end of a partition, and the last position."""
    reader = await source.open(partition, position, SourceContext(limits=LIMITS, **at))
    found = []
    while (batch := await reader.read()) is not None:
        found += [each["n"] for each in batch.records]
        position = batch.position
    await reader.aclose()
    return found, position


async def test_each_file_is_a_partition_and_those_that_come_later_one_more(tmp_path: Path) -> None:
    first, second = write(tmp_path / "a", 1, 2, 3), write(tmp_path / "b", 4)
    (tmp_path / "_SUCCESS").touch()
    source = w.FileSource(tmp_path, format="parquet")
    partitions = tuple(source.partitions())
    assert partitions == (first, second, LATER)
    found, position = await read(source, first)
    assert found == [1, 2, 3]
    assert source.size_bytes(first) == position["bytes"] == Path(first).stat().st_size
    known: dict[str, Any] = {"partitions": partitions, "positions": {first: position}}
    assert await read(source, LATER, **known) == ([], None)
    Path(first).rename(tmp_path / "renamed")
    write(tmp_path / "c", 5, 6, 7)
    (tmp_path / "_metadata").touch()
    found, place = await read(source, LATER, **known)
    assert found == [5, 6, 7], "what was read under another name is not read again"
    assert await read(source, LATER, place, **known) == ([], place)
    assert source.resumable({LATER: place, first: position}, SourceContext(**known)) == set()
    write(tmp_path / "d", 8)
    assert source.resumable({LATER: place}, SourceContext(**known)) == {LATER}


async def test_new_files_are_found_while_they_are_followed(tmp_path: Path) -> None:
    write(tmp_path / "b", 1, 2, 3)
    source = w.FileSource(tmp_path, format="parquet", follow=True)
    assert source.partitions() == (FOLLOWED,)
    assert source.size_bytes(FOLLOWED) is None
    with patiently(20):
        reader = await source.open(FOLLOWED, None, SourceContext(limits=LIMITS))
        batches = [await reader.read() for _ in range(2)]
        (tmp_path / "a").write_bytes(b"PAR1 which is being written")
        write(tmp_path / "c", 4)
        batches.append(await reader.read())
        write(tmp_path / "a", 5)
        batches.append(await reader.read())
        await reader.aclose()
        found = [each["n"] for batch in batches if batch for each in batch.records]
        assert found == [1, 2, 3, 4, 5]
        assert batches[0] is not None
        reader = await source.open(FOLLOWED, batches[0].position, SourceContext(limits=LIMITS))
        again = [await reader.read() for _ in range(3)]
        await reader.aclose()
    assert [each["n"] for batch in again if batch for each in batch.records] == [3, 5, 4]


def test_a_pipe_is_no_parquet() -> None:
    with pytest.raises(w.ApplicationError, match='format="parquet" is for files, and this is a'):
        w.FileSource("/dev/stdin" if Path("/dev/stdin").is_fifo() else "/dev/null",
                     format="parquet").partitions()  # fmt: skip


async def test_what_a_sink_has_written_is_read(tmp_path: Path) -> None:
    from wallarood.app.connector import SinkContext  # noqa: PLC0415

    context = SinkContext("app", "wc-12345678", "alpha", "out", 0, str(tmp_path / "state"))
    sink = w.FileSink(tmp_path / "out", format="parquet")
    writer = await sink.open(context, None)
    state: Any = None
    for number in range(3):
        await writer.write([{"n": 2 * number}, {"n": 2 * number + 1}])
        prepared = await writer.prepare()
        state = writer.state
        if number < 2:
            await writer.commit(prepared)
    await writer.aclose()
    writer = await sink.open(context, state)  # the last one was committed, and not published
    await writer.commit(prepared)
    assert await writer.prepare() is None
    with pytest.raises(w.ApplicationError, match="column 'n'"):
        await writer.write([{"n": "x"}])
    await writer.aclose()
    source = w.FileSource(tmp_path / "out", format="parquet")
    found = [(await read(source, name))[0] for name in source.partitions()[:-1]]
    assert found == [[0, 1], [2, 3], [4, 5]]
