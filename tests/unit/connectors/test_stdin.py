"""The source of standard input: one partition, read once, another one in another process."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.patience import patiently

import wallarood as w
from wallarood.app.connector import SourceContext
from wallarood.connectors.file import stream
from wallarood.connectors.file.stream import STDIN
from wallarood.model.errors import ApplicationError


@pytest.fixture
def stdin() -> Iterator[int]:
    """What is written to it is standard input; it is closed at the end."""
    stream.forget_pipes()
    before, (ours, theirs) = os.dup(0), os.pipe()
    os.dup2(ours, 0)
    os.close(ours)
    yield theirs
    stream.forget_pipes()
    os.dup2(before, 0)
    os.close(before)


async def records_of(source: w.StdinSource[str], directory: Path) -> list[str]:
    reader = await source.open(STDIN, None, SourceContext(directory=str(directory)))
    records: list[str] = []
    with patiently(10):
        while (batch := await reader.read()) is not None:
            records += batch.records
    await reader.aclose()
    return records


async def test_it_is_read_to_its_end_and_a_last_line_needs_none(tmp_path: Path, stdin: int) -> None:
    source = w.StdinSource()
    assert source.partitions() == (STDIN,)
    assert source.bounded
    assert source.size_bytes(STDIN) is None
    os.write(stdin, b"one\ntwo")
    os.close(stdin)
    assert await records_of(source, tmp_path) == ["one", "two"]


async def test_what_was_read_is_there_again_and_is_not_taken_for_more(
    tmp_path: Path, stdin: int
) -> None:
    """As after a rollback: the same process has come to its end."""
    source = w.StdinSource()
    os.write(stdin, b"one\n")
    os.close(stdin)
    for _ in range(2):
        assert await records_of(source, tmp_path) == ["one"]
    assert source.resumable({STDIN: None}, SourceContext()) == set()


async def test_the_standard_input_of_another_process_may_have_more(
    tmp_path: Path, stdin: int
) -> None:
    source = w.StdinSource()
    os.close(stdin)
    assert await records_of(source, tmp_path) == []
    stream.forget_pipes()
    assert source.resumable({STDIN: None}, SourceContext()) == {STDIN}


def test_options_that_cannot_be_are_refused() -> None:
    with pytest.raises(ApplicationError, match="encoding='utf-16' is not read from a pipe"):
        w.StdinSource(encoding="utf-16")
    with pytest.raises(ApplicationError, match="journal_bytes_max=0: expected 1 or more"):
        w.StdinSource(journal_bytes_max=0)
