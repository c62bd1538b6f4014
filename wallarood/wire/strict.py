"""Strict structuring: JSON or TOML values to typed values, with nothing turned into anything else.

cattrs by itself turns "7" into 7, "false" into True and "123" into (1, 2, 3). Here every primitive
and every container has a hook that takes exactly its own type, unknown keys are refused, and all
problems are reported at once, each with its path.
"""

import base64
import binascii
import math
import types
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import attrs
import cattrs
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override

T = TypeVar("T")


class StructureError(ValueError):
    """A value is not of the type it should be. `problems` has a line for each place."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class _WrongError(ValueError):
    pass


def _wrong(value: object, expected: str) -> _WrongError:
    return _WrongError(f"found {_shown(value)}, expected {expected}")


def _shown(value: object) -> str:
    return f"{type(value).__name__} {value!r:.80}" if value is not None else "nothing"


_NAMES = {str: "a string", int: "an integer", bool: "true or false", float: "a number"}


def _primitive(value: Any, kind: type) -> Any:
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is kind and not (isinstance(value, float) and not math.isfinite(value)):
        return value
    raise _wrong(value, _NAMES.get(kind, kind.__name__))


def _bytes(value: Any, _: type) -> bytes:
    if type(value) is not str:
        raise _wrong(value, "base64 text")
    try:
        return base64.b64decode(value, validate=True)
    except binascii.Error as error:
        raise _WrongError(f"found {value!r:.80}, expected base64 text: {error}") from None


def _none(value: Any, _: type) -> None:
    if value is not None:
        raise _wrong(value, "nothing")


def _enum(value: Any, kind: type[Enum]) -> Enum:
    for member in kind:
        if type(value) is type(member.value) and value == member.value:
            return member
    raise _wrong(value, "one of " + ", ".join(repr(member.value) for member in kind))


def _literal(value: Any, kind: Any) -> Any:
    for each in get_args(kind):
        if type(value) is type(each) and value == each:
            return value
    raise _wrong(value, "one of " + ", ".join(map(repr, get_args(kind))))


class _Parts:
    """Structures the parts of a container and collects what is wrong with each of them."""

    def __init__(self, converter: cattrs.Converter) -> None:
        self._converter = converter
        self._errors: list[Exception] = []

    def take(self, value: Any, kind: Any, place: object) -> Any:
        try:
            return self._converter.structure(value, kind)
        except Exception as error:
            self._errors.append(_PlaceError(place, error))
            return None

    def done(self) -> None:
        if self._errors:
            raise _SeveralError(self._errors)


class _PlaceError(ValueError):
    def __init__(self, place: object, error: Exception) -> None:
        super().__init__(f"at {place}: {error}")
        self.place, self.error = place, error


class _SeveralError(ValueError):
    def __init__(self, errors: list[Exception]) -> None:
        super().__init__(f"{len(errors)} problems")
        self.errors = errors


def _sequence(converter: cattrs.Converter, kind: Any) -> Callable[[Any, Any], Any]:
    origin, arguments = get_origin(kind) or kind, get_args(kind)
    make = origin if origin in (list, set, frozenset, tuple) else list
    fixed = origin is tuple and not (len(arguments) == 2 and arguments[1] is Ellipsis)

    def structure(value: Any, _: Any) -> Any:
        if type(value) is not list and type(value) is not tuple:
            raise _wrong(value, "a list")
        if fixed and len(value) != len(arguments):
            raise _wrong(value, f"a list of {len(arguments)}")
        parts = _Parts(converter)
        each = arguments if fixed else [arguments[0] if arguments else Any] * len(value)
        made = [parts.take(v, k, n) for n, (v, k) in enumerate(zip(value, each, strict=True))]
        parts.done()
        return make(made)

    return structure


def _mapping(converter: cattrs.Converter, kind: Any) -> Callable[[Any, Any], Any]:
    key_kind, value_kind = get_args(kind) or (Any, Any)

    def structure(value: Any, _: Any) -> Any:
        if type(value) is not dict:
            raise _wrong(value, "a table")
        parts = _Parts(converter)
        made = {
            parts.take(k, key_kind, f"key {k!r}"): parts.take(v, value_kind, k)
            for k, v in value.items()
        }
        parts.done()
        return made

    return structure


def _optional(converter: cattrs.Converter, kind: Any) -> Callable[[Any, Any], Any]:
    members = get_args(kind)
    rest = [each for each in members if each is not type(None)]

    def structure(value: Any, _: Any) -> Any:
        if value is None and len(rest) < len(members):
            return None
        problems = []
        for each in rest:
            try:
                return converter.structure(value, each)
            except Exception as error:
                if len(rest) == 1:
                    raise
                problems.append(str(error))
        raise _WrongError("; or ".join(problems))

    return structure


def _attrs_class(converter: cattrs.Converter, kind: Any) -> Callable[[Any, Any], Any]:
    fields = {each.name: each for each in attrs.fields(kind)}
    hints = get_type_hints(kind)
    build = make_dict_structure_fn(kind, converter, _cattrs_forbid_extra_keys=True)

    def structure(value: Any, _: Any) -> Any:
        if not isinstance(value, Mapping):
            raise _wrong(value, f"the fields of {kind.__name__}")
        errors: list[Exception] = []
        known = {name: each for name, each in value.items() if name in fields}
        for name in value:
            if name not in fields:
                expected = ", ".join(fields)
                errors.append(
                    _PlaceError(name, _WrongError(f"unknown key, expected one of {expected}"))
                )
        for name, field in fields.items():
            if name not in value and field.default is attrs.NOTHING:
                errors.append(_PlaceError(name, _WrongError("it is missing")))
        if not errors:
            return build(value, kind)
        for name, each in known.items():
            try:
                converter.structure(each, hints[name])
            except Exception as error:
                errors.append(_PlaceError(name, error))
        raise _SeveralError(errors)

    return structure


def _omits(kind: Any) -> bool:
    """Whether *kind* has fields that are left out where they have their defaults."""
    if not isinstance(kind, type) or not attrs.has(kind):
        return False
    return any(each.metadata.get("omit_default") for each in attrs.fields(kind))


def _omitting(converter: cattrs.Converter, kind: Any) -> Callable[[Any], Any]:
    omitted = {
        each.name: override(omit_if_default=True)
        for each in attrs.fields(kind)
        if each.metadata.get("omit_default")
    }
    return make_dict_unstructure_fn(kind, converter, **omitted)  # type: ignore[arg-type]


def make_converter() -> cattrs.Converter:
    """A converter with strict hooks for every primitive, container, Enum, Literal and class."""
    converter = cattrs.Converter(forbid_extra_keys=True, detailed_validation=True)
    for kind in (str, int, bool, float):
        converter.register_structure_hook(kind, _primitive)
    converter.register_structure_hook(bytes, _bytes)
    converter.register_unstructure_hook(bytes, lambda value: base64.b64encode(value).decode())
    converter.register_structure_hook(type(None), _none)
    for is_kind, factory in (
        (_is_sequence, _sequence),
        (_is_mapping, _mapping),
        (_is_union, _optional),
        (lambda kind: isinstance(kind, type) and attrs.has(kind), _attrs_class),
    ):
        converter.register_structure_hook_factory(is_kind, _bound(factory, converter))
    converter.register_unstructure_hook_factory(_omits, _bound_out(converter))
    converter.register_structure_hook_func(_is_literal, _literal)
    converter.register_structure_hook_func(
        lambda kind: isinstance(kind, type) and issubclass(kind, Enum), _enum
    )
    return converter


def _is_sequence(kind: Any) -> bool:
    return (get_origin(kind) or kind) in (list, tuple, set, frozenset)


def _is_mapping(kind: Any) -> bool:
    return (get_origin(kind) or kind) is dict


def _is_union(kind: Any) -> bool:
    return get_origin(kind) in (Union, types.UnionType)


def _is_literal(kind: Any) -> bool:
    return get_origin(kind) is Literal


def _bound_out(converter: cattrs.Converter) -> Callable[[Any], Any]:
    return lambda kind: _omitting(converter, kind)


def _bound(
    factory: Callable[[cattrs.Converter, Any], Any], converter: cattrs.Converter
) -> Callable[[Any], Any]:
    return lambda kind: factory(converter, kind)


_converter = make_converter()


def structure(value: Any, kind: type[T], *, converter: cattrs.Converter = _converter) -> T:
    """Turn JSON-like *value* into a *kind*. Raises StructureError with every problem."""
    try:
        return converter.structure(value, kind)
    except RecursionError:
        raise StructureError(("nested too deeply",)) from None
    except Exception as error:
        raise StructureError(tuple(_problems(error, ""))) from None


def unstructure(value: Any) -> Any:
    """Turn a typed value into dicts, lists and primitives that `structure` takes back."""
    return _converter.unstructure(value)


def _problems(error: BaseException, path: str) -> list[str]:
    match error:
        case _PlaceError(place=place, error=inner):
            return _problems(inner, _joined(path, place))
        case _SeveralError(errors=errors):
            return [each for inner in errors for each in _problems(inner, path)]
        case cattrs.ClassValidationError():
            with_notes, without = error.group_exceptions()
            found = [_problems(e, _joined(path, n.name)) for e, n in with_notes]
            found += [_problems(each, path) for each in without]
            return [each for some in found for each in some]
        case _:
            return [f"{path or 'value'}: {error}"]


def _joined(path: str, place: object) -> str:
    return f"{path}.{place}" if path else str(place)
