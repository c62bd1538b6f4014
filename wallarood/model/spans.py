"""Spans of time as people write them, ``"90s"`` or ``"1h30min"``, in microseconds."""

import re
from datetime import timedelta
from functools import lru_cache
from typing import Final

UNITS: Final = {
    "us": 1,
    "ms": 1_000,
    "s": 1_000_000,
    "min": 60_000_000,
    "h": 3_600_000_000,
    "d": 86_400_000_000,
}
SPAN_US_MAX: Final = 1 << 60
_PART: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(us|ms|s|min|h|d)(?![a-z])\s*")


def parse_span(span: str | timedelta) -> int:
    """The microseconds of *span*. Raises ValueError: it is none; the message says what is."""
    if isinstance(span, timedelta):
        found: int | None = span // timedelta(microseconds=1)
    else:
        found = _parse(span) if type(span) is str else None
    if found is None or abs(found) > SPAN_US_MAX:
        raise ValueError(
            f"found {span!r:.100}, expected a span such as '5s', '1h30min' or '7d' (units "
            f"{', '.join(UNITS)}), or a timedelta"
        )
    return found


@lru_cache(1024)
def _parse(text: str) -> int | None:
    sign, rest = (-1, text[1:]) if text.startswith("-") else (1, text)
    rest = rest.strip()
    total, at = 0.0, 0
    while at < len(rest) or not at:
        match = _PART.match(rest, at)
        if match is None:
            return None
        total += float(match[1]) * UNITS[match[2]]
        at = match.end()
    return sign * round(total)


def show_span(us: int) -> str:
    """*us* microseconds as they are shortest written."""
    if us < 0:
        return f"-{show_span(-us)}"
    parts = []
    for unit, size in reversed(UNITS.items()):
        count, us = divmod(us, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"
