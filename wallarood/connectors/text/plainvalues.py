"""Objects as the dicts, lists and scalars that JSON knows, with every field that they have."""

import datetime
import decimal
import enum
import functools
import os
import typing
import uuid
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Set
from itertools import chain
from operator import attrgetter
from types import NoneType, UnionType
from typing import Any, Final

import attrs
import msgspec

from wallarood.connectors.text.fields import names_of

_SCALARS: Final = frozenset(
    {
        *(str, int, float, bool, NoneType, bytes, bytearray, decimal.Decimal, uuid.UUID),
        *(datetime.datetime, datetime.date, datetime.time, datetime.timedelta),
    }
)
_SEQUENCES: Final = (list, tuple, Set, deque, range)


def hides_fields(values: list[Any]) -> bool:
    """Whether msgspec would leave out a field of an object in *values*, at any depth."""
    kinds: set[Any] = set(map(type, values))
    for kind in kinds - _SCALARS:
        alike = values if len(kinds) == 1 else [each for each in values if type(each) is kind]
        fields = _open_fields(kind)
        if fields is None:
            return True
        columns: list[Iterable[Any]]
        if kind is dict and _SCALARS.issuperset(map(type, _of_all(map(dict.values, alike)))):
            continue
        if issubclass(kind, Mapping):
            columns = [_of_all(each.values() for each in alike)]
        elif issubclass(kind, _SEQUENCES):
            columns = [_of_all(alike)]
        else:
            columns = [map(attrgetter(name), alike) for name in fields]
        for column in columns:
            if _hide(column):
                return True
    return False


def _of_all(containers: Iterable[Iterable[Any]]) -> Iterator[Any]:
    return chain.from_iterable(containers)


def _hide(column: Iterable[Any]) -> bool:
    others = [value for value in column if type(value) not in _SCALARS]
    return bool(others) and hides_fields(others)


@functools.cache
def _open_fields(kind: type) -> tuple[str, ...] | None:
    """The fields of objects of class *kind* that may hold any object; None if it hides some."""
    names = names_of(kind)
    if names is None or issubclass(kind, tuple):
        return ()
    if attrs.has(kind) and any(name.startswith("_") for name in names):
        return None
    try:
        hints = typing.get_type_hints(kind)
    except Exception:
        return names
    return tuple(name for name in names if not _holds_scalars(hints.get(name, Any)))


def _holds_scalars(hint: Any) -> bool:
    """Whether values of *hint* are scalars, or hold nothing else."""
    if isinstance(hint, type) and typing.get_origin(hint) is None:
        return hint in _SCALARS or issubclass(hint, enum.Enum)
    origin = typing.get_origin(hint)
    if origin in (typing.Union, UnionType, list, dict, tuple, set, frozenset):
        inside = [each for each in typing.get_args(hint) if each is not ...]
        return bool(inside) and all(map(_holds_scalars, inside))
    return origin is typing.Literal


def plain_of(value: Any) -> Any:
    """*value* with every object in it as a dict of its fields, under the application's names."""
    kind: Any = type(value)
    if kind in _SCALARS:
        return value
    if isinstance(value, Mapping):
        return {key: plain_of(each) for key, each in value.items()}
    if isinstance(value, _SEQUENCES):
        return [plain_of(each) for each in value]
    if isinstance(value, msgspec.Struct):
        return _plain_of_struct(value)
    if hasattr(kind, "model_dump"):
        return plain_of(value.model_dump())
    names = names_of(kind)
    if names is None:
        return value
    return {name: plain_of(getattr(value, name)) for name in names}


def _plain_of_struct(value: msgspec.Struct) -> Any:
    """As msgspec itself writes it: an array, or other names, where the class says so."""
    config = value.__struct_config__
    fields = msgspec.structs.fields(value)
    tag = [] if config.tag is None else [(config.tag_field, config.tag)]
    pairs = tag + [(field.encode_name, plain_of(getattr(value, field.name))) for field in fields]
    return [each for _, each in pairs] if config.array_like else dict(pairs)


def unknown_of(value: Any) -> Any:
    """A value that msgspec does not know, as one that it does. Raises TypeError."""
    if hasattr(value, "model_dump"):  # a pydantic model
        return plain_of(value.model_dump())
    if hasattr(value, "tolist") and hasattr(value, "dtype"):  # of numpy
        return value.tolist()
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, _SEQUENCES):
        return list(value)
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, enum.Enum):
        return value.value
    raise TypeError(
        f"an object of class {type(value).__qualname__} has neither fields that are known nor a "
        "form in JSON"
    )
