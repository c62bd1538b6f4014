"""Records that go the same way, as columns."""

from collections.abc import Callable, Sequence
from itertools import compress
from typing import Any, TypeAlias

from wallarood.model.batch import all_but

Choose: TypeAlias = Callable[[list[Any]], list[Any]]
"""From a column to a part of it."""


class Part:
    """Keys as they are held, and beside them records, times and what is looked at.

    `columns` are the values that aggregations look at. The records and their times, which nobody
    may ask for, are cut out of the whole only when they are asked for.
    """

    __slots__ = ("_choose", "_whole", "columns", "held", "times", "values")
    values: list[Any]
    times: list[int] | None
    _whole: "Part"
    _choose: Choose

    def __init__(
        self,
        held: list[Any],
        values: list[Any],
        times: list[int] | None,
        columns: Sequence[list[Any]] = (),
    ) -> None:
        self.held, self.columns = held, columns
        self.values, self.times = values, times

    def __len__(self) -> int:
        return len(self.held)

    def __getattr__(self, name: str) -> Any:
        # Of a part of another; only until it is there.
        if name not in ("values", "times"):
            raise AttributeError(name)
        column = getattr(self._whole, name)
        found = None if column is None else self._choose(column)
        setattr(self, name, found)
        return found

    def sift(self, flags: bytes) -> "Part":
        """Those records where *flags* are true."""
        return self._by(lambda column: list(compress(column, flags)))

    def without(self, places: list[int]) -> "Part":
        """All but the records at these places, which are in order and few."""
        return self._by(lambda column: all_but(column, places))

    def pick(self, places: list[int]) -> "Part":
        """The records at these places."""
        return self._by(lambda column: list(map(column.__getitem__, places)))

    def _by(self, choose: Choose) -> "Part":
        # Several columns may be one and the same list.
        done = {id(self.held): choose(self.held)}
        for column in self.columns:
            if id(column) not in done:
                done[id(column)] = choose(column)
        part: Part = Part.__new__(Part)
        part.held = done[id(self.held)]
        part.columns = [done[id(column)] for column in self.columns]
        part._whole, part._choose = self, choose
        return part
