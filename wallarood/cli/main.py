"""The command `wallarood`: finds the subcommand, and turns errors into messages and exit codes."""

import argparse
import importlib
import os
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from wallarood import __version__
from wallarood.model.errors import OutputClosedError, UsageError, WallaroodError

COMMANDS = ("run", "dev", "demo", "check", "plan", "state", "keys", "help")
INTERRUPTED = 130


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(UsageError.exit_code, f"{self.prog}: error: {message}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    top = parser(_needed(given))
    given, behind = _split(given)
    chosen = top.parse_args(given)
    if behind:
        if not hasattr(chosen, "args"):
            top.error(f"{chosen.command} takes nothing behind --")
        chosen.args = [*chosen.args, *behind]
    command = importlib.import_module(f"wallarood.cli.{chosen.command}")
    return guarded("wallarood", lambda: command.run(chosen))


def parser(commands: Sequence[str] = COMMANDS) -> argparse.ArgumentParser:
    """The command line, with the modules of *commands* loaded."""
    top = _Parser(
        prog="wallarood",
        description="A stream processor that an operator installs like any other Debian service.",
        epilog="'wallarood demo' shows it at work; 'wallarood help' lists the pages of the manual.",
    )
    top.add_argument("--version", action="version", version=f"wallarood {__version__}")
    subparsers = top.add_subparsers(
        title="commands", dest="command", required=True, metavar="COMMAND", parser_class=_Parser
    )
    for name in commands:
        importlib.import_module(f"wallarood.cli.{name}").add_parser(subparsers)
    return top


def _split(given: list[str]) -> tuple[list[str], list[str]]:
    """What is for us, and what stands behind ``--`` for the application."""
    if "--" not in given:
        return given, []
    place = given.index("--")
    return given[:place], given[place + 1 :]


def _needed(given: list[str]) -> Sequence[str]:
    """The commands whose modules must be loaded: the one that was given, else all."""
    return (given[0],) if given and given[0] in COMMANDS else COMMANDS


def guarded(program: str, run: Callable[[], int]) -> int:
    """Call *run*; what goes wrong becomes a line on stderr and an exit code."""
    try:
        code = run()
        sys.stdout.flush()
    except (BrokenPipeError, OutputClosedError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except WallaroodError as error:
        print(f"{program}: error: {error.message}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    return code
