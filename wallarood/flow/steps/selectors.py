"""Functions that only select: they return their argument, or items or attributes of it.

Key functions are mostly of this kind, and to call one costs several times what it does. So they
are recognized by their bytecode, which must be that of the same expression compiled here and now,
and are done for a whole batch by a loop over this expression.
"""

import dis
import sys
from collections.abc import Callable
from types import FunctionType
from typing import Any, Final

import attrs

_ITEM_TYPES: Final = (int, str)


@attrs.frozen
class Selector:
    """What a function does that only selects.

    `all_of` goes from records to what the function returns for each, and raises what selecting
    from one raises. `item` is the number of the only item that is selected, None if it is anything
    else.
    """

    all_of: Callable[[list[Any]], list[Any]]
    item: int | None = None


def selector_of(function: Callable[..., Any]) -> Selector | None:
    """What selects as *function* does, as with ``lambda order: (order["shop"], order["user"])``.

    None if *function* does anything else, or a debugger or a measure of coverage looks on: it is to
    see every call.
    """
    if not isinstance(function, FunctionType) or sys.gettrace() is not None:
        return None
    steps = _steps_of(function)
    items = [value for name, value in steps if name == "LOAD_CONST"]
    attributes = [value for name, value in steps if name == "LOAD_ATTR"]
    if not all(type(item) in _ITEM_TYPES for item in items):
        return None
    parts = [f"[{item!r}]" for item in items] + [f".{name}" for name in attributes]
    if (items and attributes) or steps != _steps_selecting(parts):
        return None
    if not parts:
        return Selector(lambda records: records)
    item = items[0] if len(items) == 1 and isinstance(items[0], int) else None
    # Compiled for each selector anew: the interpreter adapts it to the records that come here.
    return Selector(eval(f"lambda records: [{_selecting(parts)} for record in records]"), item)


def _selecting(parts: list[str]) -> str:
    """What returns these *parts* of ``record``."""
    return f"({', '.join(f'record{part}' for part in parts) or 'record'})"


def _steps_selecting(parts: list[str]) -> list[tuple[str, Any]]:
    """The steps of a function that returns these *parts* of its argument."""
    template = eval(f"lambda record: {_selecting(parts)}")
    assert isinstance(template, FunctionType)
    return _steps_of(template)


def _steps_of(function: FunctionType) -> list[tuple[str, Any]]:
    """What *function* does, in which its argument has no name. Empty unless it takes one alone."""
    code = function.__code__
    takes = (code.co_argcount, code.co_kwonlyargcount, code.co_nlocals)
    if takes != (1, 0, 1) or code.co_freevars or code.co_cellvars:
        return []
    return [
        (step.opname, None if step.opname.startswith("LOAD_FAST") else step.argval)
        for step in dis.get_instructions(function)
    ]
