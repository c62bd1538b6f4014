"""Rows of a table in the order in which they were added, as records; new ones are waited for."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import attrs
import msgspec
import trio

from wallarood.app.connector import SourceBatch, Unreadable
from wallarood.app.functions.declared import OnError
from wallarood.app.functions.declaring import policy_of
from wallarood.model.errors import ApplicationError
from wallarood.model.pipeline import ErrorPolicy

T = TypeVar("T")

LOOK_FIRST_S = 0.05
LOOK_MAX_S = 1.0


class RowSource(Protocol):
    """What a source of rows was told."""

    @property
    def path(self) -> Path:
        """The file."""

    @property
    def table(self) -> str:
        """The table."""

    @property
    def columns(self) -> Sequence[str]:
        """The columns that are read."""

    @property
    def record(self) -> Any:
        """The type of the records."""

    @property
    def follow(self) -> bool:
        """Whether new rows are waited for."""

    @property
    def on_error(self) -> OnError:
        """What becomes of a row that does not fit."""


class Rows(Protocol):
    """The rows of a table, each with its number before the columns. All of it blocks."""

    def connect(self) -> None:
        """Open the file."""

    def behind(self, position: Any) -> list[tuple[Any, ...]]:
        """The next rows behind a position, or the first.

        Raises ServerAwayError; and ApplicationError: the table cannot be read.
        """

    def position_of(self, rows: list[tuple[Any, ...]]) -> Any:
        """The position behind *rows*, of which there is at least one."""

    def wrong_in(self, row: tuple[Any, ...]) -> str:
        """Why a row is no record; empty if it is one."""

    def close(self) -> None:
        """Close the file."""


@attrs.define(eq=False)
class RowReader(Generic[T]):
    """An open source of rows. What touches the file runs in a thread, one call at a time."""

    source: RowSource
    rows: Rows
    position: Any
    caught_up: bool = attrs.field(default=False, init=False)

    async def read(self) -> SourceBatch[T] | None:
        """See `SourceReader.read`."""
        look_s = LOOK_FIRST_S
        while True:
            rows = await trio.to_thread.run_sync(self.rows.behind, self.position)
            self.caught_up = not rows
            if rows:
                self.position = self.rows.position_of(rows)
                return self._batch(rows)
            if not self.source.follow:
                return None
            await trio.sleep(look_s)
            look_s = min(2 * look_s, LOOK_MAX_S)

    def _batch(self, rows: list[tuple[Any, ...]]) -> SourceBatch[T]:
        wrong = {row[0]: said for row in rows if (said := self.rows.wrong_in(row))}
        unreadable = [self._unreadable(row, wrong[row[0]]) for row in rows if row[0] in wrong]
        if wrong:
            rows = [row for row in rows if row[0] not in wrong]
        records: list[Any] = [dict(zip(self.source.columns, row[1:], strict=True)) for row in rows]
        if self.source.record == dict[str, Any]:
            return SourceBatch(records, self.position, tuple(unreadable))
        taken: list[T] = []
        for row, record in zip(rows, records, strict=True):
            try:
                taken.append(msgspec.convert(record, self.source.record, strict=False))
            except msgspec.ValidationError as error:
                unreadable.append(self._unreadable(row, str(error)))
        return SourceBatch(taken, self.position, tuple(unreadable))

    def _unreadable(self, row: tuple[Any, ...], error: str) -> Unreadable:
        place = f"{self.source.path}: table {self.source.table!r}, rowid {row[0]}"
        if policy_of(self.source.on_error) is ErrorPolicy.STOP:
            raise ApplicationError(f"{place}: {error}; the row is {row[1:]!r:.200}")
        return Unreadable(error, repr(row[1:]).encode(), place)

    async def committed(self, position: Any) -> None:
        """See `SourceReader.committed`: rows stay."""

    async def aclose(self) -> None:
        """See `SourceReader.aclose`."""
        await trio.to_thread.run_sync(self.rows.close)
