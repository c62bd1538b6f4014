"""The states of keys of which nothing has to be noted when they get another record."""
# Theory of operation
# ===================
# A record makes its key changed, which a capture is to know, and seen, which its expiry is to know.
# Both need to be noted once only between two captures, and in a generation of the expiry. So the
# state objects of keys for which that was done are in a table of their own: whose key is in it
# costs a look-up. It is emptied when a capture begins, or the latest generation is another.

from collections.abc import Iterator, Sequence
from typing import Any

from wallarood.flow.state.keyed import KeyedState
from wallarood.flow.timed.calls import Calls
from wallarood.flow.timed.expiry import Expiry
from wallarood.flow.timed.rows import NEVER, Row, state_in


class Fresh(dict[Any, Any]):
    """Key → the user's state, of rows that are marked as changed and were seen lately."""

    def __init__(self, state: KeyedState, expiry: Expiry | None, calls: Calls) -> None:
        super().__init__()
        self._state = state
        self._expiry = expiry
        self._calls = calls
        self._latest = NEVER
        self._captures = 0
        self._keys: Sequence[Any] = ()
        self._results: Sequence[Any] = ()

    def draw(
        self, held: list[Any], keys: list[Any], latest: int, *, results: Sequence[Any]
    ) -> Iterator[Any]:
        """The states of records, each drawn when there are *results* of those before.

        *held* are the stand-ins of their *keys*; *latest* is what `Expiry.enter` gave for them.
        """
        state = self._state
        state.touch(held)
        if latest > self._latest or state.captures != self._captures:
            self.clear()
            self._latest, self._captures = max(latest, self._latest), state.captures
        self._keys, self._results = keys, results
        return map(self.__getitem__, held)

    def __missing__(self, held: Any) -> Any:
        """The state of the next record. Raises what making it raises."""
        row: Row = self._state.of(held)
        row.remember(self._keys[len(self._results)], held)
        if self._expiry is not None and row.seen < self._latest:
            self._expiry.see(row)
        try:
            state = state_in(row, self._calls.make)
        except StopIteration as error:  # it would end the loop that draws
            raise RuntimeError("StopIteration was raised while a state was made") from error
        if self._expiry is None or row.seen >= self._latest:
            self[held] = state
        return state
