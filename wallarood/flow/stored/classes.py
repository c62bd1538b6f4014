"""What the objects of a class consist of, and how they are filled in when the class has changed."""

import dataclasses
from types import MemberDescriptorType
from typing import Any

import attrs

HEAP_TYPE = 1 << 9
"""The flag of a class that a class statement made (Py_TPFLAGS_HEAPTYPE)."""
CACHED_HASH = "_attrs_cached_hash"
"""A slot of attrs for a hash, which differs from process to process."""

_POSITIONAL_STATE = getattr(dataclasses, "_dataclass_getstate", None)
"""How a frozen dataclass with slots is pickled: a list, without the names of its fields."""


def is_heap_type(kind: type) -> bool:
    """Whether a class statement made this class."""
    return bool(kind.__flags__ & HEAP_TYPE)


def name_of(kind: type) -> str:
    """The name under which pickle stores a class."""
    return f"{kind.__module__}:{kind.__qualname__}"


def field_names(kind: Any) -> tuple[str, ...] | None:
    """The fields that a class declares, in their order; None where it declares none."""
    if not isinstance(kind, type):
        return None
    if attrs.has(kind):
        return tuple(field.name for field in attrs.fields(kind))
    if dataclasses.is_dataclass(kind):
        return tuple(field.name for field in dataclasses.fields(kind))
    for names in ("__struct_fields__", "_fields"):
        fields = getattr(kind, names, None)
        if isinstance(fields, tuple):
            return fields
    return tuple(sorted(storage_of(kind))) or None


def storage_of(kind: type) -> dict[str, Any]:
    """The slots of a class and its bases: name → descriptor. None for the hash that attrs keeps."""
    slots = {
        name: member
        for base in reversed(kind.__mro__)
        if is_heap_type(base)
        for name, member in vars(base).items()
        if isinstance(member, MemberDescriptorType)
    }
    slots.pop(CACHED_HASH, None)
    return slots


def is_plain(kind: type) -> bool:
    """Whether a class leaves it to Python, attrs or dataclasses to make and pickle its objects."""
    return (
        all(base is object or is_heap_type(base) for base in kind.__mro__)
        and not any(hasattr(kind, name) for name in ("__getnewargs__", "__getnewargs_ex__"))
        and all(_is_default(kind, name) for name in ("__reduce__", "__reduce_ex__", "__new__"))
        and all(_is_default(kind, name) for name in ("__getstate__", "__setstate__"))
    )


def _is_default(kind: type, name: str) -> bool:
    method = getattr(kind, name, None)
    made_by = getattr(method, "__globals__", {}).get("__name__")
    return made_by in ("attr._make", "dataclasses") or method is getattr(object, name, None)


def loses_some(kind: type) -> bool:
    """Whether the pickling that attrs or dataclasses gave to a plain class is not enough.

    That of attrs knows its own fields only: not what a subclass adds, nor what is in a `__dict__`.
    That of dataclasses goes by the order of the fields, which may change.
    """
    method = getattr(kind, "__getstate__", None)
    if method is _POSITIONAL_STATE and method is not None:
        return True
    if getattr(method, "__globals__", {}).get("__name__") != "attr._make":
        return False
    fields = {field.name for field in attrs.fields(kind)}
    return bool(kind.__dictoffset__) or not storage_of(kind).keys() <= fields


def columns_of(kind: type) -> frozenset[str] | None:
    """The slots of a plain class whose objects are their attributes and nothing else.

    Empty where attributes are in a `__dict__`; None where an object may be more than these.
    """
    slots = storage_of(kind)
    if kind.__dictoffset__:
        return None if slots else frozenset()
    # What attrs puts into slots beside the fields, such as a hash, is not to be kept.
    fields = getattr(kind, "__attrs_attrs__", None)
    everything = [
        name
        for base in kind.__mro__
        for name, member in vars(base).items()
        if isinstance(member, MemberDescriptorType)
    ]
    exact = fields is None or {field.name for field in fields} == set(everything)
    own = all(getattr(kind, name) is member for name, member in slots.items())
    return frozenset(slots) if slots and exact and own else None


def put(made: Any, attributes: dict[str, Any], *, stored: tuple[str, ...] | None = None) -> None:
    """Put *attributes* into an object, those that its class has no place for left out.

    *stored* are the fields that its class had: those among them that are fields no longer are
    left out too.
    """
    kind = type(made)
    slots = storage_of(kind)
    declared = field_names(kind) if stored is not None else None
    gone = set(stored or ()) - set(declared) if declared is not None else set()
    for name, value in attributes.items():
        if name in gone:
            continue
        if name in slots:
            slots[name].__set__(made, value)
        elif name == CACHED_HASH:
            object.__setattr__(made, name, None)
        elif kind.__dictoffset__:
            made.__dict__[name] = value


def fill_in(made: Any, stored: tuple[str, ...]) -> None:
    """Give the fields that an object does not have their defaults.

    *stored* are the fields that its class had. Raises ValueError: a new one has no default.
    """
    kind = type(made)
    if attrs.has(kind):
        for field in attrs.fields(kind):
            if not hasattr(made, field.name):
                _fill(made, field.name, _default_of_attrs(made, field), stored=stored)
    elif dataclasses.is_dataclass(kind):
        for each in dataclasses.fields(kind):
            if not hasattr(made, each.name):
                _fill(made, each.name, _default_of_dataclass(each), stored=stored)


_NONE = object()


def _fill(made: Any, name: str, default: Any, *, stored: tuple[str, ...]) -> None:
    if default is not _NONE:
        object.__setattr__(made, name, default)
    elif name not in stored:
        raise ValueError(f"field {name!r} is new and has no default: give it one")


def _default_of_attrs(made: Any, field: "attrs.Attribute[Any]") -> Any:
    default: Any = field.default
    if default is attrs.NOTHING:
        return _NONE
    if isinstance(default, attrs.Factory):  # type: ignore[arg-type]
        default = default.factory(made) if default.takes_self else default.factory()
    converter: Any = field.converter
    if isinstance(field.converter, attrs.Converter):
        own = [made] if converter.takes_self else []
        return converter.converter(default, *own, *([field] if converter.takes_field else []))
    return default if converter is None else converter(default)


def _default_of_dataclass(field: "dataclasses.Field[Any]") -> Any:
    if field.default is not dataclasses.MISSING:
        return field.default
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return _NONE
