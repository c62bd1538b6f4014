"""Windows as values: which there are, what is gathered in them, and what comes out of them."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any, Final, Generic, Literal, TypeAlias

import attrs
import msgspec
import typing_extensions

from wallarood.model.pipeline import ErrorPolicy
from wallarood.model.spans import show_span

K = typing_extensions.TypeVar("K", default=Any)
A = typing_extensions.TypeVar("A", default=Any)

Pane: TypeAlias = Literal["early", "on_time", "late", "partial"]
"""When a result came about: before its window closed, as it closed, after a late record, or at the
end of a stream of records that are counted."""
Extent: TypeAlias = tuple[int, int]
"""A window: from its start to before its end."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Windowed(msgspec.Struct, Generic[K, A], frozen=True, array_like=True):
    """What was gathered of a key in a window.

    `start` and `end` are in microseconds since 1970 UTC, the end is not part of the window; for
    windows that count records they are the numbers of records of the key, from 0. `pane` is
    "on_time" for the result of a window that has closed, "early" for one before, "late" for a
    correction after, "partial" for what was left at the end. A later result of the same key and
    start takes the place of an earlier one; `replaces` has the windows of a session that this one
    takes the place of, besides.

    >>> import wallarood as w
    >>> w.Windowed("ada", 0, 60_000_000, 3).closed.isoformat()
    '1970-01-01T00:01:00+00:00'
    """

    key: K
    start: int
    end: int
    value: A
    pane: Pane = "on_time"
    replaces: tuple[tuple[int, int], ...] = ()

    @property
    def opened(self) -> datetime:
        """The start of the window; of no use where records are counted."""
        return _EPOCH + timedelta(microseconds=self.start)

    @property
    def closed(self) -> datetime:
        """The end of the window, which is not part of it."""
        return _EPOCH + timedelta(microseconds=self.end)


class WindowKind(Enum):
    """Which window a record is in."""

    TUMBLING = "tumbling"
    HOPPING = "hopping"
    CALENDAR = "calendar"
    SESSION = "session"
    ROLLING = "rolling"
    COUNT = "count"


class Gathers(Enum):
    """What is made of the records of a window."""

    AGGREGATE = "aggregate"
    FOLD = "fold"
    COLLECT = "collect"


class Emit(Enum):
    """When a window says what it holds, besides when it closes."""

    CLOSED = "closed"
    """Only then."""
    UPDATES = "updates"
    """After each batch that has changed it."""
    EVERY = "every"
    """As time passes on the wall, if it has changed."""


@attrs.frozen
class Windows:
    """Which windows there are; made by `tumbling`, `hopping`, `session` and so on.

    Spans are in microseconds: `size` of a window (the gap of a session), `every` from one to the
    next, `offset` from 1970 UTC, `longest` of a session. `count` and `count_every` are numbers of
    records. `shown` is how an author wrote it.
    """

    kind: WindowKind
    shown: str
    size: int = 0
    every: int = 0
    offset: int = 0
    longest: int | None = None
    unit: str = ""
    zone: str = ""
    count: int = 0
    count_every: int = 0
    ttl: int | None = None

    @property
    def fingerprint(self) -> str:
        """What lays out the state. Not `ttl`, which may change."""
        facts = [self.kind.value]
        for name in ("size", "every", "offset", "longest", "unit", "zone", "count", "count_every"):
            if value := getattr(self, name):
                facts.append(f"{name} {value}")
        return " ".join(facts)


@attrs.frozen
class WindowSpec:
    """What a step with windows does. Spans are in microseconds.

    `grace` is for how long after its end a window takes late records, `on_late` what becomes of
    those that come later still. `emit_every` is the span of Emit.EVERY. `make`, `step` and `merge`
    are those of a fold. `stamped`: the records have times, which windows that count may lack.
    """

    windows: Windows
    gathers: Gathers
    grace: int = 0
    on_late: ErrorPolicy = ErrorPolicy.SKIP
    emit: Emit = Emit.CLOSED
    emit_every: int = 0
    make: Callable[[], Any] | None = None
    step: Callable[[Any, Any], Any] | None = None
    merge: Callable[[Any, Any], Any] | None = None
    stamped: bool = True

    @property
    def keeps(self) -> str:
        """What it keeps, and until when, in words."""
        windows, gathered = self.windows, self.gathers.value
        until = f" and {show_span(self.grace)} of grace" if self.grace else ""
        match windows.kind:
            case WindowKind.SESSION:
                return f"{gathered} of each key and open {windows.shown}, until its end{until}"
            case WindowKind.ROLLING:
                span = show_span(windows.size + self.grace)
                return f"the records of each key in {windows.shown}, until {span} after the last"
            case WindowKind.COUNT:
                end = "without end" if windows.ttl is None else f"for {show_span(windows.ttl)}"
                return f"{gathered} of each key in {windows.shown}, {end} after its last record"
            case _:
                return f"{gathered} of each key and {windows.shown}, until its end{until}"

    @property
    def corrects(self) -> bool:
        """Whether it may emit more than one result of a window."""
        return self.grace > 0 or self.emit is not Emit.CLOSED

    @property
    def fingerprint(self) -> str:
        """What lays out the state. Not `grace` and `emit`, which may change."""
        return f"{self.gathers.value} in windows, {self.windows.fingerprint}"
