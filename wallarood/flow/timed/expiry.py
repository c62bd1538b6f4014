"""Which keys are to be forgotten when: generations of a part of `ttl`."""
# Theory of operation
# ===================
# The row of a key says of which generation its last record is. A generation is forgotten when the
# clock is `ttl` above its end, so a key goes up to a generation late, never early. A key changes
# its place only with the first record of a generation, and to forget costs what is forgotten.

from typing import Any, Final

from wallarood.flow.timed.agenda import Reminders
from wallarood.flow.timed.rows import NEVER, Row

GENERATIONS: Final = 64


class Expiry:
    """The generations of rows that are forgotten after *ttl* microseconds."""

    def __init__(self, ttl: int) -> None:
        self._ttl = ttl
        self._step = max(1, ttl // GENERATIONS)
        self._going: Reminders[Any] = Reminders()

    @property
    def next(self) -> int | None:
        """When keys may be due; None if there are none."""
        return self._going.next

    def generation(self, time: int) -> int:
        """That of a record of *time*."""
        return time // self._step

    def due(self, row: Row) -> int:
        """When the key of *row* is to be forgotten, as things stand."""
        return (row.seen + 1) * self._step + self._ttl

    def seen(self, rows: list[Row], held: list[Any], times: list[int]) -> int:
        """These rows have a record at these times, or all of them at the only one.

        If all are of one generation, that is returned, and `put` does it for each row that is of an
        earlier one; else it is done, and NEVER returned.
        """
        first, last = self.generation(min(times)), self.generation(max(times))
        if first == last:
            return first
        step = self._step
        for row, each, time in zip(rows, held, times, strict=True):
            if row.seen < time // step:
                self.put(row, each, time // step)
        return NEVER

    def seen_once(self, row: Row, held: Any, time: int) -> None:
        """This row has a record at *time*."""
        if row.seen < (generation := self.generation(time)):
            self.put(row, held, generation)

    def put(self, row: Row, held: Any, generation: int) -> None:
        """The last record of this row is of *generation*, and it had none of a later."""
        new = row.seen == NEVER
        row.seen = generation
        if new:
            self.look_at(row, held)

    def look_at(self, row: Row, held: Any) -> None:
        """Look at the key when it is due, as things stand."""
        if row.seen != NEVER:
            self._going.put(self.due(row), held)

    def pop(self) -> tuple[int, list[Any]]:
        """The first time at which keys may be due, and these."""
        return self._going.pop()
