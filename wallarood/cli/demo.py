"""`wallarood demo [NAME] --workers N`: a bundled example on real input, with its result."""

import argparse
import importlib
import itertools
import tempfile
from collections.abc import Sequence
from pathlib import Path

from wallarood.cli.dev import add_flags, report, run_local
from wallarood.devcluster.cluster import View
from wallarood.devcluster.screen import to_stderr, to_stdout
from wallarood.model.errors import ApplicationError

EXAMPLES = (
    "word_count",
    "running_totals",
    "access_log",
    "alerts",
    "enrich",
    "fraud",
    "orders",
    "sessions",
    "turnover",
    "web_log",
)
PREVIEW_LINES = 3
CHAOS_REPEAT = 12
"""How often chaos has the text counted, so that there is something to strike at."""


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "demo",
        help="run a bundled example on a cluster of local workers",
        description="Run a bundled example on a cluster of workers on this machine and show its "
        "result. word_count also counts the words by itself, and compares.",
    )
    parser.add_argument(
        "name",
        nargs="?",
        metavar="NAME",
        choices=EXAMPLES,
        default=EXAMPLES[0],
        help=f"{', '.join(EXAMPLES)} (default {EXAMPLES[0]})",
    )
    add_flags(parser, log_level="warning")


def run(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    with tempfile.TemporaryDirectory(prefix="wallarood-demo-") as directory:
        args = [*arguments.args]
        if not any(each == "--output" or each.startswith("--output=") for each in args):
            args += ["--output", directory]
        if arguments.chaos and arguments.name == EXAMPLES[0] and not arguments.args:
            args += ["--repeat", str(CHAOS_REPEAT)]
        to_stderr(f"demo {arguments.name}: a cluster of {arguments.workers}")
        outcome, view = run_local(
            f"wallarood.examples.{arguments.name}:app",
            tuple(args),
            arguments,
        )
        code = report(outcome)
        if code == 0 and not outcome.interrupted:
            for line in _result(arguments.name, args, view):
                to_stdout(line)
    return code


def _result(name: str, args: list[str], view: View) -> Sequence[str]:
    """What the example's own checker says, or else the beginning of what was written.

    Raises ApplicationError: the checker found the result to be wrong.
    """
    if not view.cluster_id:
        raise ApplicationError("the job ended before its cluster ID could be read")
    try:
        checker = importlib.import_module(f"wallarood.examples.{name}_check")
    except ModuleNotFoundError:
        return preview(args, view.cluster_id)
    lines: list[str] = checker.verify(args, view.cluster_id)
    return lines


def preview(args: list[str], cluster_id: str) -> list[str]:
    """The first lines of each file that the cluster wrote, and how many there are."""
    lines = []
    for path in sorted(output_directory(args).glob(f"*-{cluster_id[-8:]}.*")):
        with path.open(encoding="utf-8") as file:
            first = list(itertools.islice(file, PREVIEW_LINES))
            count = len(first) + sum(1 for _ in file)
        lines += [f"{path.name}: {count:,} records", *(f"  {line.rstrip()}" for line in first)]
    return lines or ["nothing was written"]


def output_directory(args: Sequence[str]) -> Path:
    """The directory that ``--output`` names, by the rule that every example shares."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--output", default=".")
    return Path(parser.parse_known_args(args)[0].output)
