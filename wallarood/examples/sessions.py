"""Visits of a site: the clicks of each user, until a break of half an hour.

    wallarood demo sessions --workers 3 -- --output visits

Reads lines of user, page and ISO time; without --input it makes some. For each visit there is a
line with the user, when it began and ended, how many clicks it had, and its first and last page.
"""

import argparse
from datetime import datetime
from pathlib import Path

import attrs

import wallarood as w
from wallarood.examples.samples import clicks_file


@attrs.frozen
class Click:
    """A user has looked at a page."""

    user: str
    page: str
    at: datetime


Visit = tuple[int, str, str]
"""How many clicks, the first page, the last page."""


def parse(line: str) -> Click:
    """A click of its line: user, page and ISO time with an offset, parted by spaces."""
    user, page, at = line.split()
    return Click(user, page, datetime.fromisoformat(at))


def as_line(visit: w.Windowed[str, Visit]) -> str:
    """One line for each visit; it ends half an hour after its last click."""
    count, first, last = visit.value
    return f"{visit.key} {visit.opened:%FT%T} {visit.closed:%FT%T} {count} {first} {last}"


def app(args: list[str]) -> w.Application:
    """The application: lines → clicks → a session window for each user → files."""
    parser = argparse.ArgumentParser("sessions", description="visits of a site, from its clicks")
    parser.add_argument("--input", nargs="+", metavar="FILE", default=[])
    parser.add_argument("--output", default="visits", metavar="DIR")
    chosen = parser.parse_args(args)
    files = chosen.input or [str(clicks_file(Path(chosen.output)))]
    clicks = w.source(
        "clicks",
        w.FileSource(*files),
        parse=parse,
        time=w.event_time(lambda click: click.at, out_of_order="1min"),
    )
    visits = (
        clicks.key_by(lambda click: click.user, name="by-user")
        .window(w.session("30min"))
        .aggregate(
            w.count(),
            w.first(of=lambda click: click.page),
            w.last(of=lambda click: click.page),
            name="visits",
        )
    )
    sink = w.FileSink(chosen.output, format="lines", if_exists="replace")
    return w.application("sessions", visits.map(as_line).to_sink(sink, name="lines"))
