"""Naming the line of the application, so that every mistake in a pipeline points at its place."""

import functools
import inspect
import re
import sys
import typing
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from wallarood.app.hints import can_flow, function_hints
from wallarood.model.errors import PipelineError
from wallarood.model.pipeline import Where

NAME_CHARACTERS_MAX = 100

_UNCHANGING = (int, float, complex, str, bytes, tuple, frozenset, type(None))
"""States of these classes keep nothing."""
_HERE = __file__.rpartition("/")[0] + "/"
P = ParamSpec("P")
R = TypeVar("R")

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
        f"{what} name {name!r:.120}: expected a string of 1 to {NAME_CHARACTERS_MAX} letters, "
        "digits, '_', '-', '.' or spaces, beginning with a letter, digit or '_'"
    )


def needs_state(decorator: Callable[P, R]) -> Callable[P, R]:
    """A *decorator* that says how it is written when it is used as a plain ``@decorator``."""

    @functools.wraps(decorator)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        if args or "state" not in kwargs:
            raise mistake(
                f"{decorator.__name__} needs a state: write "
                f"@w.{decorator.__name__}(state=CLASS), CLASS being a class or a function that "
                "makes a new state"
            )
        return decorator(*args, **kwargs)

    return checked


def check_state(shown: str, function: Callable[..., Any], state: Any) -> None:
    """Raises PipelineError: *state* cannot keep anything, or is not what *function* takes."""
    if isinstance(state, type) and issubclass(state, _UNCHANGING):
        raise mistake(
            f"{shown}: state={state.__name__}: its values never change, so each call would begin "
            "with a new one; use a class whose fields change (class Total: count = 0), or "
            ".aggregate(w.count())"
        )
    made = function_hints(state)[1]
    taken = _state_hint(function)
    if not can_flow(made, taken):
        raise mistake(
            f"{shown}: its state is hinted {_called(taken)}, but state={_called(state)} makes "
            f"{_called(made)}"
        )


def check_results(shown: str, function: Callable[..., Any]) -> None:
    """Raises PipelineError: each character of a result would be a record."""
    result = function_hints(function)[1]
    if result in (str, bytes):
        parts = "character" if result is str else "byte"
        raise mistake(
            f"{shown} is hinted to return one {_called(result)}, of which each {parts} would be a "
            f"record: return a list[{_called(result)}], or use w.computation (.map) for one result"
        )


def _state_hint(function: Callable[..., Any]) -> Any:
    """The hint of the second parameter; Any where there is none."""
    try:
        names = list(inspect.signature(function).parameters)
        hinted = function if inspect.isroutine(function) else type(function).__call__
        return typing.get_type_hints(hinted).get(names[1], Any)
    except Exception:  # names that are not there yet, builtins without signature, odd objects
        return Any


def _called(hint: Any) -> str:
    return hint.__name__ if isinstance(hint, type) else getattr(hint, "__name__", str(hint))
