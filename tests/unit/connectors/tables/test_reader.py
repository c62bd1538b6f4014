"""Rows as records, of any database that has numbers for them."""

from pathlib import Path
from typing import Any

import attrs
import pytest
import trio
from support.patience import patiently

import wallarood as w
from wallarood.connectors.tables.reader import RowReader


@attrs.define
class Counted:
    """A table of the numbers below `count`; the third is wrong."""

    count: int
    looks: int = 0

    def connect(self) -> None:
        pass

    def behind(self, position: Any) -> list[tuple[Any, ...]]:
        self.looks += 1
        first = 0 if position is None else position["at"]
        return [(number, number) for number in range(first, min(first + 2, self.count))]

    def position_of(self, rows: list[tuple[Any, ...]]) -> Any:
        return {"at": rows[-1][0] + 1}

    def wrong_in(self, row: tuple[Any, ...]) -> str:
        return "it is wrong" if row[0] == 2 else ""

    def close(self) -> None:
        pass


@attrs.define
class Told:
    """A source."""

    follow: bool = False
    on_error: Any = "skip"
    path: Path = Path("file")
    table: str = "t"
    columns: tuple[str, ...] = ("n",)
    record: Any = dict[str, Any]


async def test_rows_are_records_and_what_is_wrong_is_handed_on() -> None:
    reader: RowReader[Any] = RowReader(Told(), Counted(5), None)
    batches = [await reader.read() for _ in range(4)]
    assert [batch.records if batch else None for batch in batches] == [
        [{"n": 0}, {"n": 1}],
        [{"n": 3}],
        [{"n": 4}],
        None,
    ]
    assert batches[1] is not None
    assert [each.error for each in batches[1].unreadable] == ["it is wrong"]
    assert batches[1].unreadable[0].place == "file: table 't', rowid 2"
    await reader.aclose()


async def test_what_is_wrong_may_stop() -> None:
    reader: RowReader[Any] = RowReader(Told(on_error="stop"), Counted(5), {"at": 2})
    with pytest.raises(w.ApplicationError, match="rowid 2: it is wrong; the row is"):
        await reader.read()


async def test_new_rows_are_waited_for() -> None:
    rows = Counted(1)
    reader: RowReader[Any] = RowReader(Told(follow=True), rows, {"at": 1})
    with patiently(30):
        async with trio.open_nursery() as nursery:

            async def add() -> None:
                while not reader.caught_up or rows.looks < 2:  # noqa: ASYNC110
                    await trio.sleep(0.01)
                rows.count = 2

            nursery.start_soon(add)
            batch = await reader.read()
    assert batch is not None
    assert batch.records == [{"n": 1}]
    assert not reader.caught_up
