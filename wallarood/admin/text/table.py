"""How a table for people is laid out, and a length of time in words."""

from collections.abc import Sequence
from enum import Enum


class Align(Enum):
    """To which side the cells of a column go."""

    LEFT = "<"
    RIGHT = ">"


def table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Lay out *rows* under *heads*; a column of numbers only goes to the right."""
    texts = [[_cell(cell) for cell in row] for row in rows]
    sides = [_side([row[n] for row in rows]) for n in range(len(heads))]
    widths = [max(map(len, column)) for column in zip(heads, *texts, strict=True)]
    lines = [
        "  ".join(
            f"{text:{side.value}{width}}"
            for text, side, width in zip(row, sides, widths, strict=True)
        ).rstrip()
        for row in [list(heads), *texts]
    ]
    return "\n".join(lines)


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:,.1f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _side(column: list[object]) -> Align:
    numbers = [isinstance(cell, int | float) for cell in column if cell is not None]
    return Align.RIGHT if numbers and all(numbers) else Align.LEFT


def duration(seconds: float) -> str:
    """A length of time in the two largest units that fit.

    >>> duration(3.2), duration(125), duration(90061)
    ('3 s', '2 min 5 s', '1 d 1 h')
    """
    left = int(seconds)
    parts = []
    for name, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        amount, left = divmod(left, size)
        if amount:
            parts.append(f"{amount} {name}")
    return " ".join(parts[:2]) or "0 s"
