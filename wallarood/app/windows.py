"""Windows as an application writes them: `tumbling`, `hopping`, `session` and so on."""

from math import gcd
from typing import Any, Literal

import attrs

from wallarood.app.forever import Forever, bound_us
from wallarood.app.mistakes import mistake
from wallarood.app.spans import Span, span_us
from wallarood.model.spans import show_span
from wallarood.model.timing.windows import WindowKind, Windows

PANES_MAX = 120
"""How many panes a hopping window may be merged of."""
_UNITS = ("day", "week", "month")
_SHORTEST_DATE_US = 86_400_000_000


@attrs.frozen
class Every:
    """How often windows say what they hold; made by `every`.

    >>> import wallarood as w
    >>> isinstance(w.every("1s"), w.Every)
    True
    """

    span: int


def every(span: Span) -> Every:
    """For `emit` of `KeyedStream.window`: results of what has changed, each *span* of wall time.

    Raises PipelineError: *span* is none, or not more than 0s.

    >>> import wallarood as w
    >>> w.every("1s")
    Every(span=1000000)
    """
    return Every(span_us(span, "every"))


def tumbling(size: Span, *, offset: Span = "0s") -> Windows:
    """Windows of *size*, one after the other, aligned to 1970 UTC plus *offset*.

    Those of ``"7d"`` begin on Thursdays: for weeks see `calendar`.

    Raises PipelineError: *size* is not more than 0s.

    >>> import wallarood as w
    >>> by_minute = w.tumbling("1min")
    """
    us = span_us(size, "tumbling: size")
    shift = _offset(offset, "tumbling") % us
    return Windows(WindowKind.TUMBLING, f"tumbling({show_span(us)})", size=us, offset=shift)


def hopping(size: Span, *, every: Span, offset: Span = "0s") -> Windows:
    """Windows of *size* that begin each *every*, so that a record is in several of them.

    Records are kept by panes of the greatest span that divides both; a window has at most 120.

    Raises PipelineError: *size* or *every* is not more than 0s, *every* is more than *size*, or
    there would be too many panes.

    >>> import wallarood as w
    >>> last_hour_by_minute = w.hopping("1h", every="1min")
    """
    us, step = span_us(size, "hopping: size"), span_us(every, "hopping: every")
    if step > us:
        raise mistake(
            f"hopping: every={every!r} is more than size={size!r}: records between two windows "
            "would be in none; let every be at most size"
        )
    windows = Windows(
        WindowKind.HOPPING,
        f"hopping({show_span(us)}, every={show_span(step)})",
        size=us,
        every=step,
        offset=_offset(offset, "hopping") % step,
    )
    pane = gcd(us, step)
    if us // pane > PANES_MAX:
        raise mistake(
            f"hopping: a window of {show_span(us)} each {show_span(step)} has {us // pane:,} panes "
            f"of {show_span(pane)}, at most {PANES_MAX} are possible: let every be a greater part "
            "of size"
        )
    return windows


def session(gap: Span, *, max: Span | None = None) -> Windows:
    """Windows that last for as long as records of a key are less than *gap* apart.

    A session ends *gap* after its last record. With *max* it ends *max* after its first at the
    latest, and a record beyond begins another one; which one a record out of order is in may then
    depend on what came before it.

    Raises PipelineError: a span is not more than 0s, or *max* is less than *gap*.

    >>> import wallarood as w
    >>> visits = w.session("30min", max="12h")
    """
    us = span_us(gap, "session: gap")
    longest = None if max is None else span_us(max, "session: max")
    if longest is not None and longest < us:
        raise mistake(f"session: max={max!r} is less than gap={gap!r}: let it be more")
    shown = show_span(us) + ("" if longest is None else f", max={show_span(longest)}")
    return Windows(WindowKind.SESSION, f"session({shown})", size=us, longest=longest)


def rolling(size: Span) -> Windows:
    """For each record of a key what happened in the *size* before it, with it.

    There is a result for each stamp of a key, in their order, when time is above the stamp: of the
    records later than the stamp minus *size*, up to it. Emits when closed only.

    Raises PipelineError: *size* is not more than 0s.

    >>> import wallarood as w
    >>> last_ten_minutes = w.rolling("10min")
    """
    us = span_us(size, "rolling: size")
    return Windows(WindowKind.ROLLING, f"rolling({show_span(us)})", size=us)


def calendar(unit: Literal["day", "week", "month"], *, tz: str, offset: Span = "0s") -> Windows:
    """Days, weeks from Monday, or months, as clocks on the wall in the time zone *tz* show them.

    *offset* is how long after midnight a date begins, by these clocks, such as ``"6h"``. Where they
    are put forward or back a day has 23 or 25 hours, or what the zone has.

    Raises PipelineError: *unit* is none of these, *tz* is not known, or *offset* is a day or more.

    >>> import wallarood as w
    >>> days = w.calendar("day", tz="Europe/Berlin")
    """
    if unit not in _UNITS:
        raise mistake(f"calendar: unit={unit!r:.100}: expected 'day', 'week' or 'month'")
    from zoneinfo import ZoneInfo  # noqa: PLC0415 - few applications need it

    try:
        ZoneInfo(tz)
    except Exception as error:  # whatever the name makes of the path of a file
        raise mistake(
            f"calendar: tz={tz!r:.100}: no such time zone; expected a name such as "
            "'Europe/Berlin' of a zone that this host knows (package tzdata)"
        ) from error
    shift = span_us(offset, "calendar: offset", least=0)
    if shift >= _SHORTEST_DATE_US:
        raise mistake(f"calendar: offset={offset!r}: expected less than a day")
    shown = f"calendar({unit!r}, tz={tz!r})"
    return Windows(WindowKind.CALENDAR, shown, unit=unit, zone=tz, offset=shift)


def count_window(n: int, *, every: int | None = None, ttl: Span | Forever) -> Windows:
    """Windows of *n* records of a key, in the order in which they arrive.

    A window begins with each *every*-th record (default: *n*). `start` and `end` of a result are
    numbers of records, from 0. What is in no window yet at the end, or when the key has had no
    record for *ttl*, is a result too, of pane "partial". Needs no event time.

    Raises PipelineError: *n* or *every* is not a positive int, or *every* is more than *n*.

    >>> import wallarood as w
    >>> hundreds = w.count_window(100, ttl="1d")
    """
    step = n if every is None else every
    for name, value in (("n", n), ("every", step)):
        if type(value) is not int or value < 1:
            raise mistake(f"count_window: {name}={value!r:.100}: expected a positive int")
    if step > n:
        raise mistake(f"count_window: every={every} is more than n={n}: let it be at most n")
    if n // gcd(n, step) > PANES_MAX:
        raise mistake(
            f"count_window: n={n}, every={step}: a window would have {n // gcd(n, step):,} "
            f"panes, at most {PANES_MAX} are possible: let every be a greater part of n"
        )
    return Windows(
        WindowKind.COUNT,
        f"count_window({n}{'' if every is None else f', every={every}'})",
        count=n,
        count_every=step,
        ttl=bound_us(ttl, "count_window: ttl"),
    )


def _offset(offset: Any, what: str) -> int:
    return span_us(offset, f"{what}: offset", least=-(1 << 62))
