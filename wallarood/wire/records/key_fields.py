"""Fields of records that may be their keys."""

from collections.abc import Callable
from enum import Enum
from operator import attrgetter, itemgetter
from typing import Any, get_args, get_origin

import attrs

from wallarood.wire.exact import Check, compile_check, fields_of

SAME_IF_EQUAL = (str, bytes)
"""Types of which nothing of another type equals a value, as 1 equals True."""
_PRIMITIVES = (str, bytes, bool, int, float, type(None))
_FIELDS_MAX = 16
"""How many fields of a record may be found to be its key."""


@attrs.frozen
class KeyField:
    """A field of a record that may be its key: how to get it, its type, its number in a tuple."""

    of: Callable[[Any], Any]
    kind: type
    check: Check | None = None
    """Whether the other items of tuples are right."""
    item: int | None = None


def key_fields_of(record: Any) -> tuple[KeyField, ...]:
    """The fields of an exact type that may be keys."""
    found: list[KeyField] = []
    if get_origin(record) is tuple and Ellipsis not in get_args(record):
        for item, hint in enumerate(get_args(record)):
            if hint in SAME_IF_EQUAL:
                check = compile_check(record, known_item=item)
                found.append(KeyField(itemgetter(item), hint, check, item))
    elif isinstance(record, type) and record not in _PRIMITIVES and not issubclass(record, Enum):
        found = [KeyField(attrgetter(name), hint) for name, hint in fields_of(record).items()]
    return tuple([each for each in found if each.kind in SAME_IF_EQUAL][:_FIELDS_MAX])
