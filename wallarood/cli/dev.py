"""`wallarood dev APP --workers N`: a whole cluster on this machine, in one command."""

import argparse
import random
import tempfile
from collections.abc import Callable
from pathlib import Path

import trio

from wallarood.devcluster.chaos import Chaos
from wallarood.devcluster.cluster import View, run_cluster
from wallarood.devcluster.local import WORKERS_MAX, LocalCluster, free_port, worker_names
from wallarood.devcluster.outcome import Outcome
from wallarood.devcluster.screen import Screen, make_screen, to_stderr
from wallarood.loader import load_application

PAGE_PORT = 7780
PORT_MAX = 65535
LEVELS = ("debug", "info", "warning", "error")


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "dev",
        help="run an application on a cluster of local workers",
        description="Run an application on a cluster of workers on this machine, until its input "
        "ends or Ctrl-C. Their state is in a temporary directory. With --chaos they are killed and "
        "started again meanwhile; the output is the same.",
    )
    parser.add_argument("app", metavar="APP", help="module:name or path/to/file.py[:name]")
    add_flags(parser, log_level="info")
    parser.set_defaults(hints=True)


def add_flags(parser: argparse.ArgumentParser, *, log_level: str) -> None:
    """The flags that dev and demo share."""
    parser.add_argument(
        "--workers", type=_count, default=3, metavar="N", help="how many workers (default 3)"
    )
    parser.add_argument(
        "--log-level",
        choices=LEVELS,
        help=f"what the workers' logs show (default {log_level}, with --chaos error)",
    )
    parser.add_argument(
        "--config",
        action="append",
        type=Path,
        default=[],
        metavar="PATH",
        help="TOML file or directory for all workers, may be repeated; checkpoint.interval is 1s "
        "unless it says otherwise",
    )
    parser.add_argument(
        "--profile",
        type=Path,
        metavar="FILE",
        help="write where the time of each worker goes, as run does, with its name before the "
        "extension of FILE",
    )
    parser.add_argument(
        "--chaos",
        action="store_true",
        help="kill workers with SIGKILL at random and start them again while the job runs",
    )
    parser.add_argument("--seed", type=int, metavar="N", help="seed of the kills (default: random)")
    parser.add_argument(
        "--page",
        type=_port,
        nargs="?",
        const=PAGE_PORT,
        metavar="PORT",
        help=f"serve a page that shows the cluster, on 127.0.0.1:PORT ({PAGE_PORT})",
    )
    parser.set_defaults(default_log_level=log_level, hints=False)
    parser.add_argument("args", nargs="*", metavar="ARGS", help="after --: for the application")


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= PORT_MAX:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no port (1 to {PORT_MAX}): write --page after what is to run, or "
            f"--page={PAGE_PORT} before it"
        )
    return int(text)


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= WORKERS_MAX:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a number from 1 to {WORKERS_MAX}")
    return int(text)


def run(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    outcome, _ = run_local(arguments.app, tuple(arguments.args), arguments)
    return report(outcome)


def run_local(
    application: str, args: tuple[str, ...], flags: argparse.Namespace
) -> tuple[Outcome, View]:
    """Run *application* on a cluster with a screen; returns how it ended and the last view.

    *flags* are those of `add_flags`.

    Raises ApplicationError: it cannot be loaded.
    """
    load_application(application, args)  # a mistake is said once, before anything is started
    names = worker_names(flags.workers)
    screen = make_screen(names)
    chaos = None
    if flags.chaos:
        seed = random.SystemRandom().randrange(1000) if flags.seed is None else flags.seed
        chaos = Chaos(seed, names, screen.say)
    log_level = flags.log_level or ("error" if flags.chaos else flags.default_log_level)
    last = View()

    def look(view: View) -> None:
        nonlocal last
        last = view
        screen.view(view)

    with tempfile.TemporaryDirectory(prefix="wallarood-") as directory:
        cluster = LocalCluster(
            application,
            args,
            names,
            Path(directory),
            free_port(),
            log_level,
            chaos,
            config=tuple(flags.config),
            profile=flags.profile,
            page_port=flags.page,
        )
        cluster.write_config()
        for hint in cluster.hints if flags.hints or flags.page is not None else ():
            screen.say(hint)
        outcome = _run(cluster, screen, look)
    screen.clear()
    if chaos is not None:
        to_stderr(chaos.summary)
    return outcome, last


def _run(cluster: LocalCluster, screen: Screen, look: Callable[[View], None]) -> Outcome:
    async def main() -> Outcome:
        return await run_cluster(cluster, on_line=screen.line, on_view=look)

    return trio.run(main)


def report(outcome: Outcome) -> int:
    """Say how it ended; returns the exit code."""
    if outcome.exit_code:
        to_stderr(f"wallarood: error: worker {outcome.worker}: {outcome.message}")
    elif outcome.interrupted:
        to_stderr("all workers ended")
    else:
        to_stderr(f"completed in {outcome.duration_s:,.1f} s")
    return outcome.exit_code
