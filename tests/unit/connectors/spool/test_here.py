"""A server without a marker: what it has taken is noted in the state directory."""

from pathlib import Path
from typing import Any

import attrs
import pytest

from wallarood.app.connector import SinkContext
from wallarood.connectors.spool.here import FILE, NotedHere
from wallarood.connectors.spool.sink import SpooledSink
from wallarood.connectors.spool.target import Marker
from wallarood.connectors.spool.writer import SpooledWriter
from wallarood.model.errors import DamagedStateError, PeersGoneError


@attrs.define
class Printer:
    """Takes records; `fails` is after how many calls it does not answer."""

    printed: list[tuple[Any, Marker]] = attrs.field(factory=list)
    fails: int = -1

    def encode(self, records: list[Any]) -> list[Any]:
        return records

    async def give(self, records: list[Any], last: Marker) -> None:
        self.printed.append((list(records), last))
        self.fails -= 1
        if self.fails == 0:
            raise PeersGoneError("no answer")

    async def check(self) -> None:
        return

    async def aclose(self) -> None:
        return


async def opened(printer: Printer, directory: Path, state: Any = None) -> SpooledWriter:
    sink = SpooledSink(lambda _: NotedHere(printer, directory), server="a printer")
    return await sink.open(SinkContext("a", "a-12345678", "alpha", "out", 0, str(directory)), state)


async def test_records_are_given_once_and_that_is_noted(tmp_path: Path) -> None:
    printer = Printer()
    writer = await opened(printer, tmp_path)
    await writer.write(["a", "b"])
    first = await writer.prepare()
    state = writer.state
    await writer.commit(first)
    await writer.aclose()
    assert printer.printed == [(["a", "b"], Marker(0, 2))]
    again = await opened(printer, tmp_path, state)
    await again.commit(first)
    await again.write(["c"])
    await again.commit(await again.prepare())
    await again.aclose()
    assert printer.printed[1:] == [(["c"], Marker(0, 3))]


async def test_what_was_not_answered_is_given_again_with_the_same_numbers(tmp_path: Path) -> None:
    printer = Printer(fails=1)
    writer = await opened(printer, tmp_path)
    await writer.write(["a", "b"])
    prepared = await writer.prepare()
    with pytest.raises(PeersGoneError, match="a printer: no answer"):
        await writer.commit(prepared)
    await writer.commit(prepared)
    await writer.aclose()
    assert printer.printed == [(["a", "b"], Marker(0, 2))] * 2


async def test_a_writer_that_moves_to_another_directory_goes_on(tmp_path: Path) -> None:
    """Nothing is noted there: what is committed and was not published is what it has to give."""
    printer = Printer()
    state = {"line": 0, "next": 8, "after": [0, 0]}
    writer = await opened(printer, tmp_path, state)
    await writer.write(["h"])
    await writer.commit(await writer.prepare())
    await writer.aclose()
    assert printer.printed == [(["h"], Marker(0, 8))]


async def test_a_file_that_is_gone_before_it_was_given_is_found_out(tmp_path: Path) -> None:
    writer = await opened(Printer(), tmp_path)
    await writer.write(["a"])
    prepared = await writer.prepare()
    await writer.aclose()
    writer = await opened(Printer(), tmp_path, writer.state)
    (tmp_path / prepared["file"]).unlink()
    with pytest.raises(DamagedStateError, match="is missing"):
        await writer.commit(prepared)
    await writer.aclose()


async def test_a_note_that_is_damaged_is_said(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("{")
    with pytest.raises(DamagedStateError, match=r"taken\.json is damaged"):
        await NotedHere(Printer(), tmp_path).marker()
