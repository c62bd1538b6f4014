"""The state of one stateful or partitioned stage instance.

Keys are held in their canonical form, so that equality is that of the encoded bytes. The partition
of a key is not stored: it follows from the key.
"""

from collections.abc import Callable
from typing import Any

import attrs


@attrs.define(eq=False)
class KeyedState:
    """A state object for each key, made by `make` when the key is first seen."""

    make: Callable[[], Any]
    by_key: dict[Any, Any] = attrs.field(factory=dict)


@attrs.define(eq=False)
class SingleState:
    """One state object for all records."""

    value: Any
