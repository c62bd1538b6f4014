"""The command line of `wallarooctl`: finds the command, and what it answers goes to the output."""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import attrs

import wallarood
from wallarood.cli.ctl import changing, orders, peeking, upgrading, views, watching
from wallarood.cli.ctl.sockets import find_socket
from wallarood.cli.main import Parser, parsed
from wallarood.model.errors import PeersGoneError, WallaroodError
from wallarood.outlet import open_standard_streams, use_outlet

CLEAR = "\x1b[H\x1b[2J"
LEAST_S = 0.2


def _no_flags(_: argparse.ArgumentParser) -> None:
    """Most commands take those that all take."""


def _any_flags(_: argparse.Namespace) -> None:
    """Most commands take them in any combination."""


@attrs.frozen
class Command:
    """What a command does, its line of help, and what adds its own flags.

    `answer` takes the admin socket and the arguments; it returns the value that ``--json`` prints,
    and the same as text. `check` raises UsageError: the arguments do not go together. `clear` is
    what a terminal is told before it is shown again.
    """

    answer: Callable[[Path, argparse.Namespace], tuple[Any, str]]
    help: str
    add_flags: Callable[[argparse.ArgumentParser], None] = _no_flags
    check: Callable[[argparse.Namespace], None] = _any_flags
    clear: str = CLEAR


COMMANDS = {
    "status": Command(
        views.status,
        "show the state of a worker and what the cluster has read",
        watching.watch_flag,
    ),
    "topology": Command(
        views.topology, "show the stages of the cluster and where they run", watching.watch_flag
    ),
    "workers": Command(
        views.workers,
        "show the members of the cluster, as one of them sees them",
        watching.watch_flag,
    ),
    "watermarks": Command(
        views.watermarks,
        "show how far event time has come, and who holds it",
        watching.watch_flag,
    ),
    "why": Command(
        watching.why,
        "say in a sentence why the cluster is slow",
        watching.watch_flag,
    ),
    "top": Command(
        watching.top, "show all stages and workers at a glance, live", watching.top_flags
    ),
    "lag": Command(
        watching.lag, "show what sources have not read yet, and for how long", watching.watch_flag
    ),
    "errors": Command(
        watching.errors, "show the last records that failed or were late", watching.watch_flag
    ),
    "tap": Command(
        peeking.tap, "show some of the records that come to a stage", peeking.tap_flags, clear=""
    ),
    "state": Command(
        peeking.state,
        "show the state of a key, the keys with the largest states, or keys by slots",
        peeking.state_flags,
        peeking.check_state,
    ),
    "checkpoint": Command(
        orders.checkpoint,
        "take a checkpoint now, keep one by name, or drop a kept one",
        orders.checkpoint_flags,
        orders.check_checkpoint,
    ),
    "reload": Command(orders.reload, "reload the configuration files"),
    "grow": Command(
        changing.grow,
        "say what would move if workers joined the cluster (they join by themselves)",
        changing.grow_flags,
    ),
    "shrink": Command(
        changing.shrink,
        "have workers leave the cluster, and others take over what they had",
        changing.shrink_flags,
        changing.check_shrink,
    ),
    "evict": Command(
        changing.evict,
        "continue without a lost worker: the others take over what it had, from copies",
        changing.evict_flags,
    ),
    "replace": Command(
        changing.replace,
        "fill an empty state directory in the place of a lost one, from copies",
        changing.replace_flags,
    ),
    "upgrade": Command(
        upgrading.upgrade,
        "have the cluster wait for a new version of its application",
        upgrading.upgrade_flags,
        upgrading.check_upgrade,
    ),
    "shutdown": Command(
        orders.shutdown,
        "take a checkpoint, then stop all workers of the cluster",
        orders.timeout_flag,
    ),
}


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = Parser(
        "wallarooctl",
        description="Inspect and control a worker, and through it its cluster.",
        epilog="Begin with 'why'. 'wallarood help wallarooctl' shows the manual.",
    )
    top.add_argument("--version", action="version", version=f"wallarooctl {wallarood.__version__}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, command in COMMANDS.items():
        text = command.help
        one = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        one.add_argument(
            "--socket",
            type=Path,
            metavar="PATH",
            help="the worker's admin socket (default: the one found here)",
        )
        one.add_argument(
            "--state-directory", type=Path, metavar="DIR", help="the worker's state directory"
        )
        one.add_argument(
            "--worker", metavar="NAME", help="which worker, if several run on this host"
        )
        one.add_argument("--json", action="store_true", help="print JSON, for programs")
        command.add_flags(one)
    return top


def _show(command: Command, path: Path, chosen: argparse.Namespace) -> None:
    """Print what a command answers; with ``--watch`` again and again, each time in its place.

    What is watched may start again meanwhile: that it does not answer is said, and asked again.
    """
    shown = False
    while True:
        try:
            value, text = command.answer(path, chosen)
            again_s: float | None = getattr(chosen, "watch", None)
            if again_s is None:
                print(json.dumps(value, indent=2) if chosen.json else text, flush=True)
                return
            clear = command.clear if sys.stdout.isatty() else ""
            print(json.dumps(value) if chosen.json else f"{clear}{text}", flush=True)
            shown = True
        except PeersGoneError as error:
            if not shown:
                raise
            print(f"wallarooctl: {error.message}", file=sys.stderr, flush=True)
        time.sleep(max(LEAST_S, chosen.watch))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    if arguments is None:
        open_standard_streams()
        use_outlet()
    try:
        chosen = parsed(parser(), sys.argv[1:] if arguments is None else arguments)
    except SystemExit as end:
        return 64 if end.code else 0
    command = COMMANDS[chosen.command]
    try:
        command.check(chosen)
        _show(command, find_socket(chosen), chosen)
    except WallaroodError as error:
        print(f"wallarooctl: error: {error.message}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        return 130
    return 0
