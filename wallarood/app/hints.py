"""Types of records, read from the hints of user functions.

Hints help, they are not required: whatever cannot be read counts as Any, and only what cannot
possibly fit is refused.
"""

import inspect
import re
import types
import typing
from abc import ABCMeta
from collections.abc import Callable, Iterable
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import attrs

from wallarood.model.pipeline import FunctionShape

_UNIONS = (Union, types.UnionType)
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


def function_hints(function: Callable[..., Any]) -> tuple[Any, Any]:
    """The type of the first parameter and of the result; Any where no hint says.

    A class used as a function takes what its ``__init__`` does and returns itself.
    """
    hinted = _hinted(function)
    try:
        hints = typing.get_type_hints(hinted)
        names = list(inspect.signature(function).parameters)
    except Exception:  # names that are not there yet, builtins without signature, odd objects
        hints, names = {}, []
    first = hints.get(names[0], Any) if names else Any
    result = function if isinstance(function, type) else hints.get("return", Any)
    return _known(first), _known(result)


def asks_for_key(function: Callable[..., Any]) -> bool:
    """Whether *function* has a keyword-only parameter `key`."""
    try:
        parameter = inspect.signature(function).parameters.get("key")
    except (TypeError, ValueError):
        return False
    return parameter is not None and parameter.kind is parameter.KEYWORD_ONLY


def key_hint(function: Callable[..., Any]) -> Any:
    """The type of the parameter `key`; Any where no hint says."""
    try:
        hint = typing.get_type_hints(_hinted(function)).get("key", Any)
    except Exception:  # names that are not there yet
        return Any
    return _known(hint)


def _hinted(function: Callable[..., Any]) -> Any:
    if isinstance(function, type):
        return function.__init__  # type: ignore[misc]
    if inspect.isroutine(function):
        return function
    return type(function).__call__


def _known(hint: Any) -> Any:
    return Any if _has_variable(hint) else hint


def _has_variable(hint: Any) -> bool:
    return isinstance(hint, TypeVar) or any(_has_variable(each) for each in get_args(hint))


def record_types(function: Callable[..., Any], shape: FunctionShape) -> tuple[Any, Any]:
    """The types of a record before and after a computation of *shape*."""
    before, after = function_hints(function)
    match shape:
        case FunctionShape.ONE | FunctionShape.TIMED:
            return before, _without_none(after)
        case FunctionShape.MANY:
            return before, _element(_without_none(after))
        case FunctionShape.BATCH:
            return _element(before), _element(after)
        case FunctionShape.ARROW:
            return Any, dict[str, Any]
        case FunctionShape.PREDICATE | FunctionShape.INSPECT | FunctionShape.STAMP:
            return before, before
        case _:
            return Any, after


def _without_none(hint: Any) -> Any:
    if get_origin(hint) in _UNIONS:
        rest = tuple(each for each in get_args(hint) if each is not type(None))
        return Union[rest]  # noqa: UP007 - built from a tuple
    return Any if hint is None or hint is type(None) else hint


def _element(hint: Any) -> Any:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is tuple:
        return arguments[0] if len(arguments) == 2 and arguments[1] is Ellipsis else Any
    if hint is str:
        return str
    if isinstance(origin, type) and issubclass(origin, Iterable) and arguments:
        return arguments[0]
    return Any


def can_flow(output: Any, wanted: Any) -> bool:
    """Whether a record of type *output* may go where *wanted* is expected. In doubt, it may."""
    output, wanted = _bare(output), _bare(wanted)
    if output is wanted or Any in (output, wanted) or object in (output, wanted):
        return True
    if get_origin(output) in _UNIONS:
        return any(can_flow(each, wanted) for each in get_args(output))
    if get_origin(wanted) in _UNIONS:
        return any(can_flow(output, each) for each in get_args(wanted))
    have, want = get_origin(output) or output, get_origin(wanted) or wanted
    if not (isinstance(have, type) and isinstance(want, type)):
        return True
    if (have, want) in ((int, float), (int, complex), (float, complex)):
        return True
    try:
        if not _may_share_an_object(have, want):
            return False
    except TypeError:  # protocols and typed dicts cannot be asked
        return True
    mine, theirs = get_args(output), get_args(wanted)
    if have is tuple and want is tuple and mine and theirs:
        return _tuples_can_flow(mine, theirs)
    if have is want and len(mine) == len(theirs):
        return all(can_flow(a, b) for a, b in zip(mine, theirs, strict=True))
    return True


def _bare(hint: Any) -> Any:
    return get_args(hint)[0] if get_origin(hint) is Annotated else hint


def _may_share_an_object(have: type, want: type) -> bool:
    """Subclasses either way may; what is below an abstract class is unknown."""
    return issubclass(have, want) or issubclass(want, have) or isinstance(have, ABCMeta)


def _tuples_can_flow(mine: tuple[Any, ...], theirs: tuple[Any, ...]) -> bool:
    if Ellipsis in mine or Ellipsis in theirs:
        return True
    return len(mine) == len(theirs) and all(
        can_flow(a, b) for a, b in zip(mine, theirs, strict=True)
    )


_NO_KEYS = (float, complex, list, dict, set, frozenset, bytearray, type(None))


def can_be_key(hint: Any) -> bool:
    """Whether a value of this type can be a key: not if it is a float, or mutable, or holds one."""
    hint = _bare(hint)
    if get_origin(hint) in _UNIONS:
        return any(can_be_key(each) for each in get_args(hint))
    kind = get_origin(hint) or hint
    if kind is Literal or not isinstance(kind, type):
        return True
    if issubclass(kind, _NO_KEYS):
        return False
    if kind is tuple:
        return all(can_be_key(each) for each in get_args(hint) if each is not Ellipsis)
    if attrs.has(kind):
        return kind.__delattr__ is not object.__delattr__
    parameters = getattr(kind, "__dataclass_params__", None)
    return parameters is None or bool(parameters.frozen)


def show(hint: Any) -> str:
    """A type as an author would write it, the same in every process."""
    hint = _bare(hint)
    if hint is type(None):
        return "None"
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in _UNIONS:
        return " | ".join(show(each) for each in arguments)
    if isinstance(origin, type) and arguments:
        return f"{origin.__qualname__}[{', '.join(show(each) for each in arguments)}]"
    if isinstance(hint, type):
        return hint.__qualname__
    if hint is Ellipsis:
        return "..."
    return _ADDRESS.sub("", str(hint).removeprefix("typing."))
