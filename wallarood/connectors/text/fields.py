"""The fields of a record: what they are called, in which order, and how to get at all of them."""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any

import attrs
import msgspec


@functools.cache
def names_of(kind: Any) -> tuple[str, ...] | None:
    """The names of the fields that a record of class *kind* has; None if the class has none.

    Fields are those of attrs classes, dataclasses, msgspec structs, named tuples and pydantic
    models, as the application calls them and in its order. A dict's names are its own.
    """
    if attrs.has(kind):
        return tuple(field.name for field in attrs.fields(kind))
    if dataclasses.is_dataclass(kind):
        return tuple(field.name for field in dataclasses.fields(kind))
    if issubclass(kind, msgspec.Struct):
        return tuple(kind.__struct_fields__)
    if issubclass(kind, tuple):
        names = getattr(kind, "_fields", None)
        return names if isinstance(names, tuple) else None
    fields = getattr(kind, "model_fields", None) or getattr(kind, "__pydantic_fields__", None)
    return tuple(fields) if isinstance(fields, Mapping) else None


@functools.cache
def values_of(names: tuple[str, ...]) -> Callable[[Any], tuple[Any, ...]]:
    """What gets the fields called *names* of an object, as a tuple."""
    if not names:
        return lambda _: ()
    get = attrgetter(*names)
    if len(names) == 1:
        return lambda record: (get(record),)
    return get


@functools.cache
def has_text(kind: type) -> bool:
    """Whether `str()` of an object tells what it is, rather than where it lies in memory."""
    plain: Any = object
    return kind.__str__ is not plain.__str__ or kind.__repr__ is not plain.__repr__
