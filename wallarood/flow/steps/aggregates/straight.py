"""Rows of plain cells brought forward in one loop, written for just these cells."""
# Theory of operation
# ===================
# Where the rows are at hand in one table, and nothing else asks what has changed, a cell at a time
# is a detour. So for counts, sums, least and greatest values a loop is written out as an author
# would, as text, and compiled: it takes a row apart, and puts the next one in its place. A row is
# put last, so whatever raises has changed nothing, and how far the loop has come says which record
# it was.

from collections import _count_elements  # type: ignore[attr-defined] # what Counter counts with
from collections.abc import Callable, Sequence
from operator import length_hint
from typing import Any, Final, TypeAlias

from wallarood.flow.steps.aggregates.cells import Cell, Count, Greatest, Least, Sum

Loop: TypeAlias = Callable[[dict[Any, Any], list[Any], Sequence[list[Any]]], int]
"""Adds records to rows, and says to how many: fewer than there are if the next one raised."""
Stepping: TypeAlias = Callable[[Sequence[list[Any]]], Callable[[Any, int], Any]]
"""From columns to what brings a row forward, None for none, by the record at a place."""

_NEXT: Final[dict[type, tuple[str, str]]] = {
    Count: ("1", "{cell} + 1"),
    Sum: ("0 + {value}", "{cell} + {value}"),
    Least: ("{value}", "{value} if {value} < {cell} else {cell}"),
    Greatest: ("{value}", "{value} if {value} > {cell} else {cell}"),
}
"""A cell after the first record, and after another."""

_PUT: Final = """
            row = get(key)
            if row is None:
                rows[key] = {first}
            else:
                {cells} = row
                rows[key] = {following}
"""
_PUT_BARE: Final = """
            rows[key] = get(key, 0) + {value}
"""
"""The same for the only cell of a row, if it adds: 0 is its empty one."""
_LOOP: Final = """
def loop(rows, held, columns):
    places = iter(held)
    get = rows.get
    try:
        for key,{drawn} in zip(places{columns}):{put}
    except Exception:
        return len(held) - length_hint(places) - 1
    return len(held)

def stepping(columns):
    {names} = columns[:{count}]
    def step(row, place):
        {values}
        if row is None:
            return {first}
        {cells} = row
        return {following}
    return step
"""


def written_for(cells: Sequence[Cell]) -> tuple[Loop, Stepping] | None:
    """The loop for rows of *cells*, and the same for one record; None if some are not plain.

    Whether values fit (see `Cell.fits`) is for the caller to know.
    """
    if not all(type(cell) in _NEXT for cell in cells):
        return None
    if len(cells) == 1 and type(cells[0]) is Count:
        return _count, _stepping_of_count
    first, following = [], []
    for place, cell in enumerate(cells):
        names = {"cell": f"c{place}", "value": f"v{getattr(cell, 'column', 0)}"}
        one, other = _NEXT[type(cell)]
        first.append(one.format(**names))
        following.append(other.format(**names))
    used = sorted({cell.column for cell in cells if isinstance(cell, Sum | Least | Greatest)})
    count = 1 + max(used, default=-1)
    parts = {
        "first": _tuple(first),
        "following": _tuple(following),
        "cells": _tuple([f"c{place}" for place in range(len(cells))]),
    }
    bare = len(cells) == 1 and type(cells[0]) is Sum
    put = _PUT_BARE.format(value=f"v{used[0]}") if bare else _PUT.format(**parts)
    text = _LOOP.format(
        put=put.rstrip(),
        drawn="".join(f" v{column}," for column in used),
        columns="".join(f", columns[{column}]" for column in used),
        names="".join(f"x{column}, " for column in range(count)) or "*_,",
        count=count,
        values="; ".join(f"v{column} = x{column}[place]" for column in used) or "pass",
        **parts,
    )
    made: dict[str, Any] = {"length_hint": length_hint}
    exec(text, made)
    return made["loop"], made["stepping"]


def _count(rows: dict[Any, Any], held: list[Any], columns: Sequence[list[Any]]) -> int:  # noqa: ARG001
    _count_elements(rows, held)
    return len(held)


def _stepping_of_count(columns: Sequence[list[Any]]) -> Callable[[Any, int], Any]:  # noqa: ARG001
    return lambda row, place: 1 if row is None else row + 1  # noqa: ARG005


def _tuple(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"({', '.join(parts)})"
