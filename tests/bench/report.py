"""Tables for a terminal or as Markdown, and results as JSON."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, style: str = "text") -> str:
    """The table in `style` "text" or "markdown"; the first column to the left, the rest right."""
    lines = [list(head), *(list(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]

    def line_of(line: Sequence[str]) -> str:
        cells = [
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        return "| " + " | ".join(cells) + " |" if style == "markdown" else "  ".join(cells)

    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    middle = ["| " + " | ".join(rule) + " |"] if style == "markdown" else []
    return "\n".join([line_of(lines[0]), *middle, *map(line_of, lines[1:])])


def progress(text: str) -> None:
    """Say on stderr what is being done."""
    print(text, file=sys.stderr, flush=True)


class Results:
    """What one call measures, as JSON values: in a file as soon as it is there.

    A benchmark takes long; one that is stopped half-way leaves what it has measured.
    """

    def __init__(self, file: Path | None, command: str) -> None:
        self.values: dict[str, Any] = {}
        self._file = file
        self._command = command

    def keep(self) -> None:
        """Write the values to the file, beside what is there from other calls."""
        if self._file is None:
            return
        whole = json.loads(self._file.read_text()) if self._file.exists() else {}
        whole[self._command] = self.values
        new = self._file.with_name(self._file.name + ".new")
        new.write_text(json.dumps(whole, indent=1) + "\n")
        new.replace(self._file)
