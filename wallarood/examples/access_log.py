"""What a web server was asked for: hits, bytes and errors of each path and minute, and the top 10.

    wallarood demo access_log --workers 3 -- --output minutes

Reads logs in the combined format of Apache and nginx; without --input it makes one. Lines that
are none are left out.
"""

import argparse
import re
from datetime import datetime
from pathlib import Path

import attrs

import wallarood as w
from wallarood.examples.samples import combined_log_file

LINE = re.compile(
    r'(?P<host>\S+) \S+ \S+ \[(?P<at>[^]]+)\] "(?P<method>\S+) (?P<path>[^ ?"]+)[^"]*" '
    r"(?P<status>\d{3}) (?P<size>\d+|-)"
)


@attrs.frozen
class Hit:
    """One request."""

    path: str
    at: datetime
    status: int
    size: int


Sums = tuple[int, int, int]
"""How many hits, bytes, errors."""


@w.computation(on_error="skip")
def parse(line: str) -> Hit:
    """The request of a line of the log. Raises ValueError: it is none."""
    match = LINE.match(line)
    if match is None:
        raise ValueError("expected a line in the combined log format")
    at = datetime.strptime(match["at"], "%d/%b/%Y:%H:%M:%S %z")
    size = 0 if match["size"] == "-" else int(match["size"])
    return Hit(match["path"], at, int(match["status"]), size)


def is_error(hit: Hit) -> int:
    """1 for an answer that says something went wrong, else 0: their sum counts errors."""
    return int(hit.status >= 400)


def by_minute(result: w.Windowed[str, Sums]) -> str:
    """One line for each path and minute."""
    hits, size, errors = result.value
    return f"{result.opened:%FT%R} {result.key} {hits} {size} {errors}"


def hits_of(result: w.Windowed[str, Sums]) -> int:
    """What the top 10 goes by."""
    return result.value[0]


def top_ten(result: w.Windowed[str, list[w.Windowed[str, Sums]]]) -> str:
    """One line for each minute: the paths with the most hits."""
    ranks = " ".join(f"{each.key}={hits_of(each)}" for each in result.value)
    return f"{result.opened:%FT%R} {ranks}"


def app(args: list[str]) -> w.Application:
    """The application: lines → hits → a window for each path and minute → files; → the top 10."""
    parser = argparse.ArgumentParser("access_log", description="what a web server was asked for")
    parser.add_argument("--input", nargs="+", metavar="FILE", default=[])
    parser.add_argument("--output", default="minutes", metavar="DIR")
    chosen = parser.parse_args(args)
    files = chosen.input or [str(combined_log_file(Path(chosen.output)))]
    hits = w.source(
        "hits",
        w.FileSource(*files),
        parse=parse,
        time=w.event_time(lambda hit: hit.at),
    )
    minutes = (
        hits.key_by(lambda hit: hit.path, name="by-path")
        .window(w.tumbling("1min"))
        .aggregate(w.count(), w.sum(of=lambda hit: hit.size), w.sum(of=is_error), name="minutes")
    )
    top = (
        minutes.key_by(lambda _: "all", name="together")
        .window(w.tumbling("1min"))
        .aggregate(w.top(10, by=hits_of), name="top-ten")
    )
    lines = w.FileSink(chosen.output, format="lines", if_exists="replace")
    tops = w.FileSink(f"{chosen.output}-top", format="lines", if_exists="replace")
    return w.application(
        "access log",
        minutes.map(by_minute).to_sink(lines, name="lines"),
        top.map(top_ten).to_sink(tops, name="top"),
    )
