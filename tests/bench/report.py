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


def save(file: Path, key: str, value: Any) -> None:
    """Put *value* under *key* into the JSON file, beside what is there from other calls."""
    whole = json.loads(file.read_text()) if file.exists() else {}
    whole[key] = value
    file.write_text(json.dumps(whole, indent=1) + "\n")
