r"""Counts the answers of a web server by status, from its access log.

    wallarood demo web_log --workers 2
    wallarood run wallarood.examples.web_log -- --follow '/var/log/nginx/access.log'
    zcat access.log.*.gz | wallarood run wallarood.examples.web_log \
        --exit-on-completion -- --stdin

A followed log is read as it grows, and continued with when it is rotated, by a rename or by
copytruncate; a restart continues where the last checkpoint was. Standard input is read once,
through a journal in the state directory, so that what was read survives a crash. A line that is not
one of an access log is skipped, and the log of the worker says how many were.
"""

import argparse
import re
from pathlib import Path

import attrs

import wallarood as w
from wallarood.examples.samples import access_log_file

LINE = re.compile(r'(?P<host>\S+) \S+ \S+ \[[^]]*\] "[^"]*" (?P<status>\d{3}) (?P<size>\d+|-)')


@attrs.frozen
class Answer:
    """A line of the log: what the server has answered."""

    host: str
    status: int
    size_bytes: int


@w.computation(on_error="skip")
def parse(line: str) -> Answer:
    """Take a line in the common log format apart. Raises ValueError: it is not one."""
    found = LINE.match(line)
    if found is None:
        raise ValueError("this is no line of an access log")
    size = 0 if found["size"] == "-" else int(found["size"])
    return Answer(found["host"], int(found["status"]), size)


def app(args: list[str]) -> w.Application:
    """The application: lines → answers → by status → counts. Without input it is made up."""
    parser = argparse.ArgumentParser("web_log", description="count answers by status")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--follow", nargs="+", metavar="PATTERN", help="logs that grow")
    where.add_argument("--stdin", action="store_true", help="read standard input")
    where.add_argument("--input", nargs="+", metavar="FILE", default=[], help="whole logs")
    parser.add_argument("--output", default="answers", metavar="DIR")
    chosen = parser.parse_args(args)
    source: w.FileSource | w.StdinSource
    if chosen.follow:
        source = w.FileSource(*chosen.follow, follow=True)
    elif chosen.stdin:
        source = w.StdinSource()
    else:
        paths = chosen.input or [str(access_log_file(Path(chosen.output)))]
        source = w.FileSource(*paths)
    return w.application(
        "web log",
        w.source("lines", source)
        .to(parse)
        .key_by(lambda answer: answer.status, name="by-status")
        .aggregate(w.count(), w.sum(of=lambda answer: answer.size_bytes))
        .to_sink(w.FileSink(chosen.output, if_exists="replace"), name="counts"),
    )
