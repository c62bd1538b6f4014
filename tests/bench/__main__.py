"""The command: `cd tests && python -m bench WHAT [flags]`; `make bench` calls it."""

import argparse
import shlex
import signal
import sys
from pathlib import Path

from bench import (
    brokers,
    changes,
    checkpoints,
    copies,
    counting,
    crossing,
    data,
    filedata,
    growth,
    idle,
    joining,
    latency,
    report,
    tables,
    throughput,
    timedata,
    watching,
    wholefiles,
    windowing,
)
from bench.venvs import NotInstalledError


def parser() -> argparse.ArgumentParser:
    """All commands and flags."""
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--runs", type=int, default=5, help="of each contestant (default 5)")
    common.add_argument("--seed", type=int, default=1, help="of the input (default 1)")
    common.add_argument("--output", type=Path, help="add the results to this JSON file")
    common.add_argument(
        "--python", default=sys.executable, help="the interpreter of all environments"
    )
    common.add_argument(
        "--markdown",
        dest="style",
        action="store_const",
        const="markdown",
        default="text",
        help="print tables as Markdown",
    )
    whole = argparse.ArgumentParser(prog="bench", description=__doc__)
    commands = whole.add_subparsers(dest="what", required=True)
    rates = commands.add_parser("throughput", parents=[common], help="W1 to W3, T1 to T4")
    rates.add_argument(
        "--workloads", nargs="+", choices=[*data.SIZES, *timedata.SIZES], default=list(data.SIZES)
    )
    rates.add_argument("--workers", type=int, default=1, help="processes of each (default 1)")
    rates.add_argument("--scale", type=float, default=1.0, help="of the input (default 1.0)")
    rates.add_argument(
        "--contestants",
        nargs="+",
        choices=("ours", "aggregated", "loop", "bytewax", "pathway", "quix"),
        default=["ours", "loop", "bytewax"],
        help="the first is compared with each of the others; 'aggregated' is ours with the "
        "built-in aggregations, which tell of each key once in a batch",
    )
    rates.set_defaults(run=throughput.run)
    _add_files(commands, common)
    across = commands.add_parser("crossing", parents=[common], help="cost of the data channel")
    across.add_argument("--scale", type=float, default=1.0, help="of the input (default 1.0)")
    across.set_defaults(run=crossing.run)
    delays = commands.add_parser("latency", parents=[common], help="W4: how late records are")
    delays.add_argument("--rates", type=float, nargs="+", default=[1000.0, 10_000.0])
    delays.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    delays.add_argument("--seconds", type=float, default=3.0, help="of each run (default 3)")
    delays.add_argument(
        "--at-once", action="store_true", help="both at the same time, a core for each"
    )
    delays.set_defaults(run=latency.run)
    costs = commands.add_parser("checkpoints", parents=[common], help="W5, W6: what they cost")
    costs.add_argument("--keys", type=int, nargs="+", default=[10_000, 1_000_000])
    costs.add_argument("--workers", type=int, default=1)
    costs.add_argument("--seconds", type=float, default=10.0, help="of each run (default 10)")
    costs.add_argument("--all", action="store_true", help="all keys change, not 5 %%")
    costs.set_defaults(run=checkpoints.run)
    _add_copies(commands, common)
    curves = commands.add_parser("growth", parents=[common], help="W7: how cost grows")
    curves.add_argument(
        "--curves", nargs="+", choices=growth.CURVES, default=list(growth.CURVES), help="of these"
    )
    curves.add_argument("--points", type=int, nargs="+", help="other points, of one curve")
    curves.set_defaults(run=growth.run)
    timed = commands.add_parser("joining", parents=[common], help="joins, distinct records, ttl")
    timed.set_defaults(run=joining.run)
    windowed = commands.add_parser("windowing", parents=[common], help="windows, by hand and ours")
    windowed.set_defaults(run=windowing.run)
    _add_brokers(commands, common)
    resting = commands.add_parser("idle", parents=[common], help="W8: idle, READY, formation")
    resting.add_argument("--seconds", type=float, default=20.0, help="of rest (default 20)")
    resting.add_argument("--workers", type=int, nargs="+", default=[8], help="that form a cluster")
    resting.set_defaults(run=idle.run)
    _add_watching(commands, common)
    return whole


def _add_watching(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", common: argparse.ArgumentParser
) -> None:
    counts = commands.add_parser("counting", parents=[common], help="what the numbers cost")
    counts.add_argument("--seconds", type=float, default=60.0, help="of each job (default 60)")
    counts.set_defaults(run=counting.run)
    watched = commands.add_parser("watching", parents=[common], help="scrapers, and an open page")
    watched.add_argument("--scrapers", type=float, default=50.0, help="scrapes a second")
    watched.add_argument("--seconds", type=float, default=20.0, help="of each turn (default 20)")
    watched.add_argument("--minutes", type=int, default=0, help="that a page is open (default 0)")
    watched.set_defaults(run=watching.run)


def _add_copies(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", common: argparse.ArgumentParser
) -> None:
    twice = commands.add_parser("copies", parents=[common], help="what copies of checkpoints cost")
    twice.add_argument("--keys", type=int, nargs="+", default=[10_000, 1_000_000])
    twice.add_argument("--workers", type=int, default=2)
    twice.add_argument("--seconds", type=float, default=10.0, help="of each run (default 10)")
    twice.set_defaults(run=copies.run, all=False)
    moved = commands.add_parser("changes", parents=[common], help="a worker joins, and leaves")
    moved.add_argument("--keys", type=int, default=1_000_000)
    moved.add_argument("--rate", type=float, default=50_000.0, help="of records (default 50,000)")
    moved.add_argument("--seconds", type=float, default=1.5, help="before each (default 1.5)")
    moved.add_argument(
        "--limit", type=float, default=340.0, help="seconds after which it ends (default 340)"
    )
    moved.add_argument("--logs", type=Path, help="put what the workers say into this directory")
    moved.set_defaults(run=changes.run)


def _add_brokers(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", common: argparse.ArgumentParser
) -> None:
    through = commands.add_parser("brokers", parents=[common], help="Kafka, keyed sum, Kafka")
    through.add_argument(
        "--peers", nargs="*", choices=brokers.PEERS, default=brokers.PEERS, help="beside the loop"
    )
    through.set_defaults(run=brokers.run)


def _add_files(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", common: argparse.ArgumentParser
) -> None:
    files = commands.add_parser("files", parents=[common], help="files in, files out")
    files.add_argument(
        "--workloads", nargs="+", choices=filedata.SIZES, default=list(filedata.SIZES)
    )
    files.add_argument("--scale", type=float, default=1.0, help="of the input (default 1.0)")
    files.add_argument(
        "--contestants",
        nargs="+",
        choices=("ours", "loop", "orjson-loop", "bytewax"),
        default=["ours", "loop", "orjson-loop", "bytewax"],
        help="the first is compared with each of the others; 'loop' parses JSON with the standard "
        "library",
    )
    files.set_defaults(run=wholefiles.run)
    rows = commands.add_parser("tables", parents=[common], help="rows into PostgreSQL, and COPY")
    rows.set_defaults(run=tables.run)


def end(number: int, _: object) -> None:
    """Unwind, so that whatever was started is ended; a second signal does not disturb that."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise SystemExit(128 + number)


def main() -> None:
    """Run the command."""
    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    chosen = parser().parse_args()
    try:
        chosen.run(chosen, report.Results(chosen.output, shlex.join(sys.argv[1:])))
    except NotInstalledError as error:
        raise SystemExit(str(error)) from error


if __name__ == "__main__":
    main()
