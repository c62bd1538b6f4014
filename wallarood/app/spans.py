"""Spans and stamps as an application writes them."""

from datetime import datetime, timedelta
from typing import Any, TypeAlias

from wallarood.app.mistakes import mistake
from wallarood.model.spans import parse_span, show_span

Span: TypeAlias = str | timedelta
"""How long something takes: ``"5s"``, ``"1h30min"``, ``"7d"``, or a timedelta."""
Stamp: TypeAlias = datetime | int
"""When something happened: a datetime with a time zone, or microseconds since 1970 UTC."""


def span_us(span: Any, what: str, *, least: int = 1) -> int:
    """The microseconds of *span*, which is the argument *what*.

    Raises PipelineError: it is no span, or shorter than *least*.
    """
    try:
        found = parse_span(span)
    except ValueError as error:
        raise mistake(f"{what}={span!r:.100}: {error}") from None
    if found < least:
        more = "more than 0s" if least == 1 else f"at least {show_span(least)}"
        raise mistake(f"{what}={span!r:.100}: expected {more}")
    return found
