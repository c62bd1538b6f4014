"""Which keys are to be forgotten when: generations of a part of `ttl`."""
# Theory of operation
# ===================
# The row of a key says of which generation its last record is. A generation is forgotten when the
# clock is `ttl` above its end, so a key goes up to a generation late, never early. A key changes
# its place only with the first record of a generation, and to forget costs what is forgotten.
#
# Of a batch only the latest generation is found out, so whoever goes over its rows asks each once
# more only until its key has had a record of that one.

from collections.abc import Sequence
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
        self._held: Sequence[Any] = ()
        self._times: Sequence[int] = ()
        self._results: Sequence[Any] = ()

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

    def enter(self, held: Sequence[Any], times: Sequence[int], results: Sequence[Any]) -> int:
        """Records of these keys at these times follow, each adding to *results*.

        The latest generation of them: `see` is to be told of rows that were seen before it.
        """
        self._held, self._times, self._results = held, times, results
        return self.generation(max(times))

    def see(self, row: Row) -> None:
        """The row of the record that adds the next result."""
        place = len(self._results)
        self.seen_once(row, self._held[place], self._times[place])

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
