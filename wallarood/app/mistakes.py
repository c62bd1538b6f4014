"""Naming the line of the application, so that every mistake in a pipeline points at its place."""

import functools
import inspect
import re
import sys
from collections.abc import Callable
from typing import Any

from wallarood.model.errors import PipelineError
from wallarood.model.pipeline import Where

NAME_CHARACTERS_MAX = 100

_HERE = __file__.rpartition("/")[0] + "/"
_NAME = re.compile(r"\w[\w .-]*")


def place_of_caller() -> Where:
    """The line of the application that called into this package."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_HERE):
        frame = frame.f_back
    return Where(frame.f_code.co_filename, frame.f_lineno)


def place_of(function: Callable[..., Any]) -> Where | None:
    """The line where *function* is defined; None if it is not written in Python."""
    while isinstance(function, functools.partial):
        function = function.func
    function = inspect.unwrap(function)
    if not hasattr(function, "__code__"):
        function = type(function).__call__
    code = getattr(function, "__code__", None)
    return Where(code.co_filename, code.co_firstlineno) if code else None


def mistake(message: str) -> PipelineError:
    """An error that names the line of the application that is being executed."""
    return mistake_at(place_of_caller(), message)


def mistake_at(where: Where, message: str) -> PipelineError:
    """An error that names the line *where*."""
    return PipelineError(f"{where}: {message}")


def is_step_name(name: str) -> bool:
    """Whether *name* can name a step, its state and the files of its sink."""
    return len(name) <= NAME_CHARACTERS_MAX and _NAME.fullmatch(name) is not None


def check_name(what: str, name: Any) -> str:
    """Return *name*. Raises PipelineError: it cannot name *what*."""
    if isinstance(name, str) and is_step_name(name):
        return name
    raise mistake(
        f"{what} name {name!r:.120}: expected a text of 1 to {NAME_CHARACTERS_MAX} letters, "
        "digits, '_', '-', '.' or spaces, beginning with a letter, digit or '_'"
    )
