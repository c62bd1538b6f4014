"""What is handed to a journal at once, and what is said of it."""

from collections.abc import Callable

import attrs

from wallarood.connectors.journal.blocks import Entry
from wallarood.connectors.journal.replay import Taken
from wallarood.model.errors import CannotCreateError


@attrs.define(eq=False)
class Handed:
    """What was handed in at once: all of it becomes durable, or nothing.

    `kept` is called when it is durable, `refused` when it cannot be made so; without that it is
    tried again until it can.
    """

    entries: list[Entry]
    taken: list[Taken]
    kept: Callable[[], None] | None = None
    refused: Callable[[CannotCreateError], None] | None = None

    @property
    def size_bytes(self) -> int:
        """Of its payloads."""
        return sum(len(payload) for _, _, payload in self.entries)
