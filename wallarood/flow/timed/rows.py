"""What a timed computation keeps for a key: its state, its timers, when it was last seen."""

from collections.abc import Callable
from typing import Any, Final

from wallarood.flow.state.keyed import KeyedState
from wallarood.flow.stored.versions import Versions
from wallarood.model.pipeline import Step

UNMADE: Final[Any] = ...
"""In the place of a state that was never asked for."""
_ITSELF: Final[Any] = ...
"""In the place of a key that is its own stand-in."""
NEVER: Final = -(1 << 62)


class Row:
    """The row of a key.

    `timers` has the time of each timer by its name, `wall` that of those on the wall clock; None is
    for none. `seen` is the generation of its last record (see `generations`), `waiting` the
    records that wait for their turn, with their times; `key` is the key where its stand-in does not
    tell it.
    """

    __slots__ = ("key", "seen", "state", "timers", "waiting", "wall")

    def __init__(self) -> None:
        self.state: Any = UNMADE
        self.timers: dict[str, int] | None = None
        self.wall: dict[str, int] | None = None
        self.seen = NEVER
        self.waiting: list[tuple[int, Any]] | None = None
        self.key: Any = _ITSELF

    def key_of(self, held: Any) -> Any:
        """The key of which *held* is the stand-in."""
        return held if self.key is _ITSELF else self.key

    def remember(self, key: Any, held: Any) -> None:
        """Keep *key* if its stand-in *held* does not tell it."""
        if key is not held:
            self.key = key

    def forget(self) -> None:
        """All but the records that wait: the key begins again with a new state."""
        self.state, self.timers, self.wall, self.seen = UNMADE, None, None, NEVER


def rows_of(step: Step) -> KeyedState:
    """The state of a timed computation: a row for each key."""
    assert step.computation is not None
    return KeyedState(step.name, Row, Versions.of(step.computation, inner="state"))


def state_in(row: Row, make: Callable[[], Any]) -> Any:
    """The user's state object in *row*, made now if it never was. Raises what *make* raises."""
    state = row.state
    if state is UNMADE:
        state = row.state = make()
    return state
