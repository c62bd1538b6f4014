"""What the cases of event time make of their streams: windows, joins, timers, as lines."""

from collections.abc import Callable
from typing import Any

import wallarood as w
from support.released import Row

SECOND = 1_000_000
Streams = dict[str, Any]


def key_of(row: Row) -> str:
    """The key of a record."""
    return row[0]


def number_of(row: Row) -> int:
    """The value of a record as a number."""
    return int(row[2] or 0)


def shown(seconds: float) -> str:
    """A time without zeros that say nothing."""
    return f"{seconds:.6f}".rstrip("0").rstrip(".")


def line_of(window: w.Windowed[str, Any]) -> str | None:
    """A result of key a as a line."""
    if window.key != "a":
        return None
    start, end = (shown(each / SECOND) for each in (window.start, window.end))
    replaced = "".join(f" for {shown(s / SECOND)}-{shown(e / SECOND)}" for s, e in window.replaces)
    return f"{start}-{end} {window.value} {window.pane}{replaced}"


def value_line(window: w.Windowed[str, Any]) -> str | None:
    """The value of a result of key a as a line."""
    return f"{window.value} {window.pane}" if window.key == "a" else None


def late_line(row: Row) -> str:
    """A record that was late as a line."""
    return f"late {shown(row[1])}"


def windows(
    kind: w.Windows, of: Any = None, *, line: Callable[[Any], Any] = line_of, **options: Any
) -> Callable[[Streams, str], Any]:
    """Windows, their results and what was late."""

    def made(streams: Streams, name: str) -> Any:
        windowed = streams["in"].window(kind, **options)
        results = windowed.aggregate(of or w.sum(of=number_of), name=name)
        return results.map(line).merge(windowed.late.map(late_line))

    return made


def counted(streams: Streams, name: str) -> Any:
    """Windows of three records, in the order of arrival: nothing is late."""
    windowed = streams["in"].window(w.count_window(3, ttl=w.forever))
    return windowed.aggregate(w.sum(of=number_of), name=name).map(value_line)


def day_line(window: w.Windowed[str, Any]) -> str | None:
    """The bounds of a window."""
    return f"{window.opened:%dT%H}-{window.closed:%dT%H}" if window.key == "a" else None


def pair_line(pair: tuple[Row | None, Row | None]) -> str | None:
    """A pair as a line."""
    one, other = pair
    if "-" in {each[0] for each in pair if each is not None}:
        return None
    return f"{one[2] if one else None}-{other[2] if other else None}"


def joined(lo: str, hi: str, how: Any = "inner") -> Callable[[Streams, str], Any]:
    """A join."""
    return lambda streams, name: (
        streams["left"].join(streams["right"], within=(lo, hi), how=how, name=name).map(pair_line)
    )


def as_of(streams: Streams, name: str) -> Any:
    """A join as of a time."""
    return streams["left"].join_asof(streams["right"], within="1min", name=name).map(pair_line)


def enriched(streams: Streams, name: str) -> Any:
    """A join with a table that is read first."""
    table = w.table(streams["right"], ttl="1h", deleted=lambda row: row[2] == "delete")
    return streams["left"].enrich(table, name=name).map(pair_line)


class Seen:
    """What is kept of a key."""

    count = 0


def fired(name: str, seen: Seen, timers: w.Timers) -> str:
    """A timer's name as a line."""
    return name


def timed(streams: Streams, name: str) -> Any:
    """A record sets the timer that its value names."""

    @w.state_computation_timed(state=Seen, on_timer=fired, ttl=w.forever, name=name)
    def start(record: Row, seen: Seen, timers: w.Timers) -> None:
        if record[2]:
            which, seconds = record[2].split("@")
            timers.at(int(seconds) * SECOND, which)

    return streams["in"].to(start)


def repeated(streams: Streams, name: str) -> Any:
    """A timer that sets itself again."""

    def again(which: str, seen: Seen, timers: w.Timers) -> str:
        timers.after("1s")
        return "fired"

    @w.state_computation_timed(state=Seen, on_timer=again, ttl=w.forever, name=name)
    def start(record: Row, seen: Seen, timers: w.Timers) -> None:
        timers.after("10s")

    return streams["in"].to(start)


def expiring(streams: Streams, name: str) -> Any:
    """Counts the records of a key, which is forgotten, and its timer with it."""

    @w.state_computation_timed(state=Seen, on_timer=fired, ttl="10s", name=name)
    def count(record: Row, seen: Seen, timers: w.Timers) -> str | None:
        seen.count += 1
        if record[2]:
            timers.at(20 * SECOND, record[2])
        return None if record[0] == "-" else f"{seen.count}"

    return streams["in"].to(count)


def distinct(streams: Streams, name: str) -> Any:
    """The first of each day."""
    return streams["in"].distinct(key_of, within="24h", name=name).map(lambda row: shown(row[1]))
