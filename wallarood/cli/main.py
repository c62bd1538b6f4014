"""The command `wallarood`: finds the subcommand, and turns errors into messages and exit codes."""

import argparse
import importlib
import os
import re
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn, TextIO

from wallarood import __version__
from wallarood.daemon.hash_seed import fix_hash_seed
from wallarood.model.errors import (
    CannotCreateError,
    OutputClosedError,
    UsageError,
    WallaroodError,
)
from wallarood.outlet import open_standard_streams, use_outlet

COMMANDS = ("run", "dev", "demo", "check", "plan", "state", "keys", "help")
INTERRUPTED = 130
_CHOICE = re.compile(
    r"argument (?P<argument>\S+): invalid choice: (?P<found>.*) \(choose from (?P<choices>.*)\)"
)


class _Aligned(argparse.HelpFormatter):
    """Commands are indented once more than options: argparse would put the longest on two lines."""

    def add_argument(self, action: argparse.Action) -> None:
        super().add_argument(action)
        if isinstance(action.choices, dict):
            self._action_max_length += self._indent_increment


class Parser(argparse.ArgumentParser):
    """A parser whose errors say what may have been meant."""

    def _get_formatter(self) -> argparse.HelpFormatter:
        return _Aligned(prog=self.prog)

    def error(self, message: str) -> NoReturn:
        """End the process with status 2, and a message that says what may have been meant."""
        choice = _CHOICE.fullmatch(message)
        if choice is not None:
            found, choices = choice["found"], re.findall(r"'?([^', ]+)'?", choice["choices"])
            what = choice["argument"].lower()
            message = f"unknown {what} {found}: {_meant(found.strip(chr(39)), choices)}"
        message = message.replace("are required: APP, ARGS", "are required: APP")
        self.exit(
            UsageError.exit_code,
            f"{self.prog}: error: {message}\nSee '{self.prog} --help'.\n",
        )


def _meant(found: str, known: Sequence[str]) -> str:
    import difflib

    near = difflib.get_close_matches(found, known, n=1)
    return f"did you mean {near[0]}?" if near else f"expected {', '.join(known)}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if arguments is None:
        if given[:1] == ["run"]:
            fix_hash_seed()  # it is, unless a program calls this function
        open_standard_streams()
        use_outlet()
    top = parser(_needed(given))
    given, after = _split(given)
    chosen = parsed(top, given)
    if after:
        if not hasattr(chosen, "args"):
            top.error(f"{chosen.command} takes no arguments after --")
        chosen.args = [*chosen.args, *after]
    command = importlib.import_module(f"wallarood.cli.{chosen.command}")
    return guarded("wallarood", lambda: command.run(chosen))


def parsed(top: argparse.ArgumentParser, given: Sequence[str]) -> argparse.Namespace:
    """The arguments *given* to a command. Ends the process if they are wrong, or ask for help."""
    if not given:
        top.print_help(sys.stderr)
        sys.exit(UsageError.exit_code)
    chosen, unknown = top.parse_known_args(given)
    if unknown:
        _refuse(top, chosen.command, unknown[0])
    return chosen


def _refuse(top: argparse.ArgumentParser, command: str, argument: str) -> NoReturn:
    """Say what an argument that *command* does not know may have been meant to be."""
    (subparsers,) = (a for a in top._actions if isinstance(a, argparse._SubParsersAction))
    chosen: argparse.ArgumentParser = subparsers.choices[command]
    if not argument.startswith("-"):
        chosen.error(f"unexpected argument {argument!r}")
    import difflib

    flags = [flag for action in chosen._actions for flag in action.option_strings]
    near = difflib.get_close_matches(argument.partition("=")[0], flags, n=1, cutoff=0.7)
    meant = f": did you mean {near[0]}?" if near else ""
    takes_more = any(action.dest == "args" for action in chosen._actions)
    after = "; flags of the application stand after --" if takes_more and not near else ""
    chosen.error(f"unknown flag {argument}{meant}{after}")


def parser(commands: Sequence[str] = COMMANDS) -> argparse.ArgumentParser:
    """The command line, with the modules of *commands* loaded."""
    top = Parser(
        prog="wallarood",
        description="A stream processor that an operator installs like any other Debian service.",
        epilog="'wallarood demo' shows it at work; 'wallarood help' lists the pages of the manual.",
    )
    top.add_argument("--version", action="version", version=f"wallarood {__version__}")
    subparsers = top.add_subparsers(
        title="commands", dest="command", required=True, metavar="COMMAND", parser_class=Parser
    )
    for name in commands:
        importlib.import_module(f"wallarood.cli.{name}").add_parser(subparsers)
    return top


def _split(given: list[str]) -> tuple[list[str], list[str]]:
    """What is for us, and what stands after ``--`` for the application."""
    if "--" not in given:
        return given, []
    place = given.index("--")
    return given[:place], given[place + 1 :]


def _needed(given: list[str]) -> Sequence[str]:
    """The commands whose modules must be loaded: the one that was given, else all."""
    if given == ["--version"]:
        return ()
    return (given[0],) if given and given[0] in COMMANDS else COMMANDS


def guarded(program: str, run: Callable[[], int]) -> int:
    """Call *run*; what goes wrong becomes a line on stderr and an exit code."""
    try:
        return _guarded(program, run)
    except BaseExceptionGroup as group:
        if group.split(BrokenPipeError)[1] is not None:
            raise
        _drop_output()  # as with `| head`
        return 0


def _guarded(program: str, run: Callable[[], int]) -> int:
    try:
        code = run()
        sys.stdout.flush()
    except (BrokenPipeError, OutputClosedError):
        _drop_output()
        return 0
    except WallaroodError as error:
        print(f"{program}: error: {error.message}", file=sys.stderr)
        return error.exit_code
    except OSError as error:
        if sys.stdout.closed or not _is_broken(sys.stdout):
            raise
        print(f"{program}: error: cannot write to standard output: {error}", file=sys.stderr)
        _drop_output()
        return CannotCreateError.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    return code


def _drop_output() -> None:
    """Let nothing more be written to where standard output led."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _is_broken(stream: TextIO) -> bool:
    """Whether *stream* does not take what waits for it."""
    try:
        stream.flush()
    except OSError:
        return True
    return False
