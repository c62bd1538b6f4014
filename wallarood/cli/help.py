"""`wallarood help`: the man pages, also where man does not find them, as after ``pip install``."""

import argparse
import difflib
import shutil
import subprocess
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from wallarood.model.errors import UsageError

if TYPE_CHECKING:
    from wallarood.manual.pages import Page

COLUMNS_MAX = 100


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "help",
        help="show a page of the manual",
        description="Show a page of the manual, with man or mandoc if one of them is installed; "
        "without TOPIC list the pages.",
    )
    parser.add_argument("topic", nargs="?", metavar="TOPIC", help="such as app, or wallarooctl")
    parser.add_argument("--plain", action="store_true", help="plain text, without man and mandoc")


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    from wallarood.cli.main import COMMANDS, parser
    from wallarood.manual.pages import pages

    found = pages()
    if arguments.topic is None:
        _list(found)
        return 0
    for page in found:
        if page.is_called(arguments.topic):
            return _show(page) if not arguments.plain else _write(page)
    if arguments.topic in COMMANDS:
        parser((arguments.topic,)).parse_args([arguments.topic, "--help"])
    topics = [page.topic for page in found]
    near = difflib.get_close_matches(arguments.topic, topics, n=1)
    meant = f"did you mean {near[0]!r}?" if near else f"expected one of {', '.join(topics)}"
    raise UsageError(f"the manual has no page {arguments.topic!r}: {meant}")


def _list(pages: "Sequence[Page]") -> None:
    width = max(len(page.topic) for page in pages)
    for page in pages:
        print(f"{page.topic:<{width}}  {page.name}({page.section}): {page.about}")
    print(
        "\nwallarood help TOPIC shows one of them, wallarood COMMAND --help the flags of a command."
    )


def _show(page: "Page") -> int:
    path = str(page.path)
    if _has_man(path):
        return subprocess.call(["man", path])
    if shutil.which("mandoc"):
        return subprocess.call(["mandoc", *(["-a"] if sys.stdout.isatty() else []), path])
    return _write(page)


def _write(page: "Page") -> int:
    from wallarood.manual.roff import as_text

    width = min(shutil.get_terminal_size().columns, COLUMNS_MAX)
    sys.stdout.write(as_text(page.path.read_text(encoding="utf-8"), width))
    return 0


def _has_man(path: str) -> bool:
    """Whether man is there and finds the page: on small images it only says that it is not."""
    if shutil.which("man") is None:
        return False
    asked = subprocess.run(
        ["man", "-w", path], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    return asked.returncode == 0 and asked.stdout.strip() == path
