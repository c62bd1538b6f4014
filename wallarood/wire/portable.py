"""Pickle for records: what comes out of it is what went in, or it says that it cannot be."""
# Theory of operation
# ===================
# A value that cannot be sent must be found where it is made, not where it arrives, and whether it
# would be sent or stay: the outcome must not depend on how many workers there are. So pickle tells
# of which types the objects are that it meets. Of most it is known that they come out as they went
# in: a class that leaves it to Python how it is pickled, and a few of the standard library. Where
# there is another, such as an exception with an `__init__` of its own, the column is decoded and
# compared right away. Plain values, in containers or not, are not even reported by pickle.

import io
import pickle
import sys
from collections import Counter, OrderedDict, deque
from collections.abc import Iterable
from enum import Enum
from itertools import chain
from operator import ne
from types import BuiltinFunctionType, FunctionType
from typing import Any

import msgspec

_HEAP_TYPE = 1 << 9
"""The flag of a class that a class statement made (Py_TPFLAGS_HEAPTYPE)."""
_LEAVES: frozenset[type] = frozenset({str, bytes, bool, int, float, complex, type(None)})
_CONTAINERS = (list, tuple, dict)
_TRUSTED_BY_NAME = frozenset(
    {
        ("datetime", "date"),
        ("datetime", "datetime"),
        ("datetime", "time"),
        ("datetime", "timedelta"),
        ("datetime", "timezone"),
        ("decimal", "Decimal"),
        ("fractions", "Fraction"),
        ("ipaddress", "IPv4Address"),
        ("ipaddress", "IPv6Address"),
        ("pathlib", "PosixPath"),
        ("pathlib", "PurePosixPath"),
        ("uuid", "UUID"),
        ("zoneinfo", "ZoneInfo"),
    }
)


_FROM_USER_CODE = (Exception, SystemExit, GeneratorExit)
"""What may come from the methods by which an object is pickled."""


class NotPortableError(Exception):
    """A value does not come out of pickle as it went in, or does not go in."""


def all_flat(values: list[Any]) -> bool:
    """Whether all *values* are plain, or lists, tuples and dicts of plain values: these go."""
    kinds = set(map(type, values))
    for kind in kinds - _LEAVES:
        alike = values if len(kinds) == 1 else [value for value in values if type(value) is kind]
        if kind is dict and not _are_leaves(map(dict.values, alike)):
            return False
        if kind not in _CONTAINERS or not _are_leaves(alike):
            return False
    return True


def _are_leaves(containers: Iterable[Any]) -> bool:
    return _LEAVES.issuperset(map(type, chain.from_iterable(containers)))


def can_be_imported(kind: type) -> bool:
    """Whether another worker finds the class by its name."""
    found: Any = sys.modules.get(kind.__module__)
    for name in kind.__qualname__.split("."):
        found = getattr(found, name, None)
    return found is kind


def dumps(column: list[Any]) -> bytes:
    """*column*, pickled. Raises NotPortableError: it would not come out as it is."""
    stream = io.BytesIO()
    pickler = _Pickler(stream)
    try:
        pickler.dump(column)
    except _FROM_USER_CODE as error:
        raise NotPortableError(f"it cannot be pickled: {_said(error)}") from error
    data = stream.getvalue()
    if not all(map(_is_trusted, pickler.kinds)):
        _try(column, data)
    return data


class _Pickler(pickle.Pickler):
    """Collects the types of what it meets, other than Python's own plain ones."""

    def __init__(self, stream: io.BytesIO) -> None:
        super().__init__(stream, protocol=5)
        self.kinds: set[type] = set()

    def reducer_override(self, value: Any) -> Any:
        kind = type(value)
        self.kinds.add(kind)
        if isinstance(value, msgspec.Struct) and _is_made_by_hook(kind):
            fields = {name: getattr(value, name) for name in value.__struct_fields__}
            return make_struct, (kind, fields)
        return NotImplemented


def _try(column: list[Any], data: bytes) -> None:
    """Raises NotPortableError: *column* does not come out of *data*."""
    try:
        found = pickle.loads(data)
    except _FROM_USER_CODE as error:
        raise NotPortableError(f"it cannot be unpickled: {_said(error)}") from error
    if _differs(column, found, data):
        for value, came in zip(column, found, strict=True):
            if type(came) is not type(value):
                raise NotPortableError(f"pickle makes a {type(came).__name__} of it")
            kind: Any = type(value)
            if kind.__eq__ is not object.__eq__ and _is_unequal(value, came):
                raise NotPortableError(f"pickle makes another value of it: {came!r:.200}")


def _differs(column: list[Any], found: list[Any], data: bytes) -> bool:
    """Whether it may be that values have changed: the same bytes again mean that none has."""
    stream = io.BytesIO()
    try:
        _Pickler(stream).dump(found)
    except _FROM_USER_CODE:
        return True
    return stream.getvalue() != data or list(map(type, column)) != list(map(type, found))


def _is_unequal(value: Any, found: Any) -> bool:
    try:
        return bool(value != found) and not bool(ne(value, value))
    except _FROM_USER_CODE:  # an array says for each element whether it is equal
        return False


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


_KNOWN: dict[type, bool] = {
    **dict.fromkeys((set, frozenset, deque, OrderedDict, Counter, bytearray, range), True),
    **dict.fromkeys((type, FunctionType, BuiltinFunctionType), True),  # they go by their names
}


def _is_trusted(kind: type) -> bool:
    """Whether objects of *kind* come out as they went in if what they hold does."""
    if kind not in _KNOWN:
        _KNOWN[kind] = _find_out(kind)
    return _KNOWN[kind]


def _find_out(kind: Any) -> bool:
    if (kind.__module__, kind.__qualname__) in _TRUSTED_BY_NAME or issubclass(kind, type):
        return True
    if issubclass(kind, Enum):
        return bool(kind.__reduce_ex__ is Enum.__reduce_ex__)
    if issubclass(kind, tuple):
        return kind.__bases__ == (tuple,) and hasattr(kind, "_fields") and not kind.__dictoffset__
    if issubclass(kind, msgspec.Struct):
        return _leaves_it_to_msgspec(kind)
    return _is_plain(kind)


def _leaves_it_to_msgspec(kind: type[msgspec.Struct]) -> bool:
    return (
        kind.__reduce__ is msgspec.Struct.__reduce__
        and kind.__reduce_ex__ is object.__reduce_ex__
        and not kind.__struct_config__.dict
    )


def _is_plain(kind: type) -> bool:
    """Whether a class leaves it to Python, or to attrs, to make and to pickle its objects."""
    return (
        all(base is object or base.__flags__ & _HEAP_TYPE for base in kind.__mro__)
        and not any(hasattr(kind, name) for name in ("__getnewargs__", "__getnewargs_ex__"))
        and all(_is_default(kind, name) for name in ("__reduce__", "__reduce_ex__", "__new__"))
        and all(_is_default(kind, name) for name in ("__getstate__", "__setstate__"))
    )


def _is_default(kind: type, name: str) -> bool:
    method = getattr(kind, name, None)
    made_by = getattr(method, "__globals__", {}).get("__name__")
    return made_by in ("attr._make", "dataclasses") or method is getattr(object, name, None)


# msgspec pickles a Struct as a call of its class, so `__post_init__` would run again.

_TWINS: dict[type, Any] = {}
_class_of: Any = vars(object)["__class__"]
"""Sets the class of an object, also of a frozen one."""


def _is_made_by_hook(kind: type[msgspec.Struct]) -> bool:
    return hasattr(kind, "__post_init__") and _leaves_it_to_msgspec(kind)


def make_struct(kind: type[msgspec.Struct], fields: dict[str, Any]) -> Any:
    """An object of *kind* with these fields, made without its `__post_init__`."""
    if kind not in _TWINS:
        bare = {"__post_init__": lambda _: None, "__module__": kind.__module__}
        make_class: Any = type(kind)
        _TWINS[kind] = make_class(f"{kind.__name__}WithoutPostInit", (kind,), bare)
    made = _TWINS[kind](**fields)
    _class_of.__set__(made, kind)
    return made
