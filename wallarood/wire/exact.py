"""Which types typed msgpack gives back exactly, and whether values are just of these types."""
# Theory of operation
# ===================
# msgpack knows arrays, maps and numbers, not Python's types: a tuple under the hint list[int]
# becomes a list, 1 under float becomes 1.0, an object of a subclass becomes one of the hinted
# class, and a class that computes something when its objects are made computes it again. So a hint
# is looked at once: a type is exact if msgpack gives back every value that is of *exactly* this
# type, at every depth. And values are looked at each time: the hint is compiled into one loop over
# a column, with no call for each record.

import dataclasses
import inspect
import types
import typing
from abc import ABCMeta
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum, EnumMeta, Flag
from typing import Any, Union, get_args, get_origin

import attrs
import msgspec

DEPTH_MAX = 10
"""How deep types may be nested: Python compiles some 20 blocks one in the other, not more."""
_PRIMITIVES = (str, bytes, bool, int, float)
_HEAP_TYPE = 1 << 9
"""The flag of a class that a class statement made (Py_TPFLAGS_HEAPTYPE)."""
_MADE_BY_HOOKS = ("__post_init__", "__attrs_post_init__", "__attrs_pre_init__", "__getattr__")

Check = Callable[[list[Any]], bool]
"""Whether every value of a column is exactly of its hinted type."""


class NotExactError(Exception):
    """Values of a type may come out of typed msgpack as something else; the message says why."""


def compile_check(hint: Any, *, known_item: int | None = None) -> Check:
    """The check for values of type *hint*; of tuples, item *known_item* is known to be right.

    Raises NotExactError: msgpack does not give back every value of exactly this type.
    """
    writer = _Writer()
    writer.line("for value in values:")
    with writer.block():
        if known_item is None:
            writer.check(hint, "value")
        else:
            writer.check_tuple(get_args(hint), "value", known_item=known_item)
    loop = writer.compiled()

    def check(values: list[Any]) -> bool:
        try:
            return loop(values)
        except (ValueError, AttributeError):  # a tuple of another length, a field that was deleted
            return False

    return check


def fields_of(kind: type) -> dict[str, Any]:
    """The hints of the fields of a class by name, in order.

    Raises NotExactError: msgpack does not give its objects back exactly.
    """
    fields, hints = _field_names(kind), _hints(kind)
    return {name: hints[name] for name in fields}


class _Writer:
    """Writes the loop: each method adds what returns False unless a variable is exact."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._indent = 1
        self._names: dict[str, Any] = {}
        self._variables = 0
        self._within: list[type] = []

    def line(self, text: str) -> None:
        self._lines.append("    " * self._indent + text)

    @contextmanager
    def block(self) -> Iterator[None]:
        self._indent += 1
        if self._indent > DEPTH_MAX:
            raise NotExactError(f"types are nested deeper than {DEPTH_MAX} levels")
        yield
        self._indent -= 1

    def compiled(self) -> Check:
        # Types as defaults are local variables, which are looked up faster than any other.
        defaults = ", ".join(f"{name}={name}" for name in self._names)
        text = "\n".join([f"def loop(values, {defaults}):", *self._lines, "    return True"])
        names = dict(self._names)
        exec(compile(text, "<check of a type hint>", "exec"), names)
        loop: Check = names["loop"]
        return loop

    def _variable(self) -> str:
        self._variables += 1
        return f"value{self._variables}"

    def _is(self, variable: str, kind: type) -> None:
        name = f"kind{len(self._names)}"
        self._names[name] = kind
        self.line(f"if type({variable}) is not {name}: return False")

    def check(self, hint: Any, variable: str) -> None:
        """Whether *variable* is exactly a *hint*. Raises NotExactError: no value surely is."""
        origin, arguments = get_origin(hint), get_args(hint)
        if hint is None or hint is type(None):
            self.line(f"if {variable} is not None: return False")
        elif hint in _PRIMITIVES:
            self._is(variable, hint)
        elif origin in (Union, types.UnionType):
            self._optional(hint, arguments, variable)
        elif origin is tuple and arguments and Ellipsis not in arguments:
            self.check_tuple(arguments, variable)
        elif origin in (list, tuple, set, frozenset) and arguments:
            if origin in (set, frozenset):
                _check_hashable(arguments[0])
            self._is(variable, origin)
            self._each(f"in {variable}", arguments[:1])
        elif origin is dict and arguments:
            _check_hashable(arguments[0])
            self._is(variable, dict)
            self._each(f"in {variable}.items()", arguments)
        elif isinstance(hint, type) and issubclass(hint, Enum):
            _check_enum(hint)
            self._is(variable, hint)
        elif isinstance(hint, type) and origin is None:
            self._object(hint, variable)
        else:
            raise NotExactError(f"{hint} does not say what comes out")

    def _optional(self, hint: Any, arguments: tuple[Any, ...], variable: str) -> None:
        rest = [each for each in arguments if each is not type(None)]
        if len(rest) != 1 or len(arguments) != 2:
            raise NotExactError(f"{hint} does not say which of the types comes out")
        self.line(f"if {variable} is not None:")
        with self.block():
            self.check(rest[0], variable)

    def _each(self, of: str, hints: tuple[Any, ...]) -> None:
        names = [self._variable() for _ in hints]
        self.line(f"for {', '.join(names)} {of}:")
        with self.block():
            for name, hint in zip(names, hints, strict=True):
                self.check(hint, name)

    def check_tuple(
        self, items: tuple[Any, ...], variable: str, *, known_item: int | None = None
    ) -> None:
        """Whether *variable* is a tuple of just these items."""
        names = [self._variable() for _ in items]
        self._is(variable, tuple)
        self.line(f"{', '.join(names)}, = {variable}")
        for place, (name, hint) in enumerate(zip(names, items, strict=True)):
            if place != known_item:
                self.check(hint, name)

    def _object(self, kind: type, variable: str) -> None:
        if kind in self._within:
            raise NotExactError(f"{kind.__qualname__} refers to itself")
        fields = fields_of(kind)
        self._within.append(kind)
        self._is(variable, kind)
        if kind.__dictoffset__:
            own = sum(not _is_slot(kind, name) for name in fields)
            self.line(f"if len({variable}.__dict__) != {own}: return False")
        for name, hint in fields.items():
            value = self._variable()
            self.line(f"{value} = {variable}.{name}")
            self.check(hint, value)
        self._within.pop()


def _check_hashable(hint: Any) -> None:
    """Raises NotExactError: values of this type may be no keys of a dict when they come out."""
    items = get_args(hint) if get_origin(hint) is tuple else (hint,)
    if not items or not all(item in _PRIMITIVES or item is Ellipsis for item in items):
        raise NotExactError(f"{hint} as a key of a dict or a member of a set")


def _check_enum(kind: type[Enum]) -> None:
    """Raises NotExactError: a member may not be found again by its value."""
    kinds = {type(member.value) for member in kind}
    large = kinds == {int} and any(not -(1 << 63) <= member.value < 1 << 63 for member in kind)
    if type(kind) is not EnumMeta or issubclass(kind, Flag) or large:
        raise NotExactError(f"{kind.__qualname__} is an Enum of a special kind")
    if kinds not in ({str}, {int}):
        raise NotExactError(f"{kind.__qualname__} is an Enum whose values are not all str or int")


def _hints(kind: type) -> dict[str, Any]:
    try:
        return typing.get_type_hints(kind, include_extras=True)
    except Exception as error:
        raise NotExactError(f"the type hints of {kind.__qualname__}: {error}") from error


def _field_names(kind: type) -> list[str]:
    """The fields of a class of which an object is its fields and nothing else."""
    name = kind.__qualname__
    if issubclass(kind, msgspec.Struct):
        config = kind.__struct_config__
        if config.omit_defaults:
            raise NotExactError(f"{name} omits defaults")
        fields = list(kind.__struct_fields__)
    elif attrs.has(kind):
        fields = _attrs_fields(kind)
    elif dataclasses.is_dataclass(kind):
        fields = _dataclass_fields(kind)
    else:
        raise NotExactError(
            f"{name} is none of str, bytes, bool, int, float, list, tuple, dict, set, Optional, "
            "Enum, msgspec Struct, attrs class and dataclass"
        )
    _check_plain(kind, fields)
    return fields


def _attrs_fields(kind: type) -> list[str]:
    name, fields = kind.__qualname__, attrs.fields(kind)
    if "__dataclass_fields__" in vars(kind):
        raise NotExactError(f"{name} is both an attrs class and a dataclass")
    for field in fields:
        if field.name.startswith("_") or field.alias != field.name:
            raise NotExactError(f"{name} has the private attribute {field.name}")
        if not field.init:
            raise NotExactError(f"{name}.{field.name} is not set from outside")
        if field.converter is not None or field.validator is not None:
            raise NotExactError(f"{name}.{field.name} has a converter or validator")
    return [field.name for field in fields]


def _dataclass_fields(kind: Any) -> list[str]:
    name, fields = kind.__qualname__, dataclasses.fields(kind)
    for field in kind.__dataclass_fields__.values():
        if field not in fields and "InitVar" in str(field.type):
            raise NotExactError(f"{name} has the InitVar {field.name}")
    for field in fields:
        if field.name.startswith("_"):
            raise NotExactError(f"{name} has the private attribute {field.name}")
        if not field.init:
            raise NotExactError(f"{name}.{field.name} is not set from outside")
    return [field.name for field in fields]


def _check_plain(kind: Any, fields: list[str]) -> None:
    """Raises NotExactError: making an object runs code, or it holds more than its fields."""
    name, struct = kind.__qualname__, issubclass(kind, msgspec.Struct)
    for hook in _MADE_BY_HOOKS:
        if hasattr(kind, hook):
            raise NotExactError(f"{name} has {hook}")
    if type(kind) not in (type, ABCMeta, type(msgspec.Struct)):
        raise NotExactError(f"{name} has a metaclass")
    if kind.__getattribute__ is not (msgspec.Struct if struct else object).__getattribute__:
        raise NotExactError(f"{name} has __getattribute__")
    if not struct and (kind.__new__ is not object.__new__ or not _sets_plainly(kind)):
        raise NotExactError(f"{name} has __new__ or __setattr__")
    for base in kind.__mro__:
        if base not in msgspec.Struct.__mro__ and not base.__flags__ & _HEAP_TYPE:
            raise NotExactError(f"{name} is a {base.__qualname__} too")
    slots = {
        each
        for base in kind.__mro__
        for each, member in vars(base).items()
        if isinstance(member, types.MemberDescriptorType)
    }
    if slots - set(fields):
        raise NotExactError(f"{name} has more than its fields: {', '.join(slots - set(fields))}")
    for field in fields:
        static = inspect.getattr_static(kind, field, None)
        if hasattr(type(static), "__set__") and not _is_slot(kind, field):
            raise NotExactError(f"{name}.{field} is a property")


def _is_slot(kind: type, field: str) -> bool:
    return isinstance(inspect.getattr_static(kind, field, None), types.MemberDescriptorType)


def _sets_plainly(kind: Any) -> bool:
    """Whether attributes are set as Python does, or not at all after a frozen object is made."""
    if kind.__setattr__ is object.__setattr__:
        return True
    if attrs.has(kind):
        made = kind.__setattr__.__globals__ if inspect.isfunction(kind.__setattr__) else {}
        return bool(made.get("__name__") == "attr._make")
    return bool(kind.__dataclass_params__.frozen)
