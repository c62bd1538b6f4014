"""Types of records, read from the hints of user functions."""

import inspect
import types
import typing
from collections.abc import Callable, Iterable
from typing import Any, Union, get_args, get_origin

from wallarood.model.pipeline import Shape


def function_hints(function: Callable[..., Any]) -> tuple[Any, Any]:
    """The type of the first parameter and of the result; Any where no hint says.

    A hint that cannot be resolved counts as none: hints help, they are not required.
    """
    try:
        hints = typing.get_type_hints(function)
    except Exception:
        return Any, Any
    try:
        names = list(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        names = []
    first = hints.get(names[0], Any) if names else Any
    return first, hints.get("return", Any)


def record_types(function: Callable[..., Any], shape: Shape) -> tuple[Any, Any]:
    """The types of a record before and after a computation of *shape*."""
    before, after = function_hints(function)
    match shape:
        case Shape.ONE:
            return before, _without_none(after)
        case Shape.MANY:
            return before, _element(after)
        case Shape.BATCH:
            return _element(before), _element(after)
        case Shape.PREDICATE | Shape.INSPECT:
            return before, before


def _without_none(hint: Any) -> Any:
    if get_origin(hint) in (Union, types.UnionType):
        rest = tuple(each for each in get_args(hint) if each is not type(None))
        return Union[rest]  # noqa: UP007 - built from a tuple
    return Any if hint is None or hint is type(None) else hint


def _element(hint: Any) -> Any:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is tuple and len(arguments) == 2 and arguments[1] is Ellipsis:
        return arguments[0]
    if isinstance(origin, type) and issubclass(origin, Iterable) and origin is not tuple:
        return arguments[0] if arguments else Any
    return Any


def can_flow(output: Any, wanted: Any) -> bool:
    """Whether a record of type *output* may go where *wanted* is expected. In doubt, it may."""
    if output is wanted or Any in (output, wanted) or object in (output, wanted):
        return True
    if get_origin(output) in (Union, types.UnionType):
        return any(can_flow(each, wanted) for each in get_args(output))
    if get_origin(wanted) in (Union, types.UnionType):
        return any(can_flow(output, each) for each in get_args(wanted))
    have, want = get_origin(output) or output, get_origin(wanted) or wanted
    if not (isinstance(have, type) and isinstance(want, type)):
        return True
    if want is float and have is int:
        return True
    try:
        if not issubclass(have, want):
            return False
    except TypeError:
        return True
    mine, theirs = get_args(output), get_args(wanted)
    if have is tuple and want is tuple and mine and theirs:
        return _tuples_can_flow(mine, theirs)
    if have is want and mine and theirs and len(mine) == len(theirs):
        return all(can_flow(a, b) for a, b in zip(mine, theirs, strict=True))
    return True


def _tuples_can_flow(mine: tuple[Any, ...], theirs: tuple[Any, ...]) -> bool:
    if Ellipsis in mine or Ellipsis in theirs:
        return True
    return len(mine) == len(theirs) and all(
        can_flow(a, b) for a, b in zip(mine, theirs, strict=True)
    )


def show(hint: Any) -> str:
    """A type as an author would write it."""
    return hint.__qualname__ if isinstance(hint, type) and not get_args(hint) else str(hint)
