"""Records, keys and states as text, whatever their classes do."""

import dataclasses
from typing import Any

import attrs

CHARACTERS_MAX = 4000
DEPTH_MAX = 3


def shown(value: object) -> str:
    """*value* as text, cut; of an object that says nothing of itself, its attributes."""
    try:
        text = _text(value, DEPTH_MAX)
    except Exception as error:  # the repr of a class of the application
        return f"<{type(value).__name__} whose repr raised {type(error).__name__}>"
    return text if len(text) <= CHARACTERS_MAX else text[:CHARACTERS_MAX] + "…"


def _text(value: object, depth: int) -> str:
    if type(value).__repr__ is not object.__repr__ or depth == 0:
        return repr(value)
    parts = [f"{name}={_text(each, depth - 1)}" for name, each in _attributes(value).items()]
    return f"{type(value).__name__}({', '.join(parts)})"


def _attributes(value: Any) -> dict[str, Any]:
    """The attributes of an object, those of its class too where it has none of its own."""
    if attrs.has(type(value)):
        return {field.name: getattr(value, field.name) for field in attrs.fields(type(value))}
    if dataclasses.is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    of_class = {
        name: each
        for name, each in vars(type(value)).items()
        if not name.startswith("_") and not callable(each) and not hasattr(each, "__get__")
    }
    slots = getattr(type(value), "__slots__", ())
    names = [slots] if isinstance(slots, str) else list(slots)
    there = {name: getattr(value, name) for name in names if hasattr(value, name)}
    return {**of_class, **there, **getattr(value, "__dict__", {})}
