"""Functions that make objects again. Pickles in checkpoints name them: they stay where they are."""

from typing import Any

from msgspec.structs import force_setattr

from wallarood.flow.stored.classes import put


def put_attributes(made: Any, attributes: dict[str, Any]) -> None:
    """Put *attributes* into an object by their names."""
    put(made, attributes)


def make_struct(kind: type, values: dict[str, Any]) -> Any:
    """A Struct with these *values*, which its ``__post_init__`` may still change."""
    return kind(**values)


def put_struct(made: Any, values: dict[str, Any]) -> None:
    """Put *values* into a Struct as they were, whatever its ``__post_init__`` has done."""
    fields = type(made).__struct_fields__
    for name, value in values.items():
        if name in fields:
            force_setattr(made, name, value)
