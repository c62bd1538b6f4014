"""What a sink has prepared and not yet published."""
# Theory of operation
# ===================
# Every checkpoint lists all transactions that are prepared and not known to be published, so that a
# life that starts from it publishes them, which changes nothing where it was done already. One that
# was prepared for a checkpoint that was abandoned is carried by the next: only a rollback takes
# anything back. They are published in their order, each when a checkpoint that holds it is known
# committed.

from collections import deque
from typing import Any

import attrs


@attrs.define
class _Prepared:
    """A transaction, and the first checkpoint that holds it; None if there is none yet."""

    transaction: Any
    number: int | None = None


class Transactions:
    """The transactions of one sink instance, oldest first. *restored* are a checkpoint's."""

    def __init__(self, restored: tuple[Any, ...] = ()) -> None:
        self._prepared = deque(_Prepared(each, 0) for each in restored)

    def add(self, transaction: Any) -> None:
        """It is prepared: durable, and not visible."""
        self._prepared.append(_Prepared(transaction))

    def held_by(self, number: int) -> tuple[Any, ...]:
        """All that checkpoint *number* is to list."""
        for each in self._prepared:
            each.number = number if each.number is None else each.number
        return tuple(each.transaction for each in self._prepared)

    def due(self, number: int) -> bool:
        """Whether the oldest is held by checkpoint *number*, which is committed."""
        oldest = self._prepared[0].number if self._prepared else None
        return oldest is not None and oldest <= number

    def all_due(self, number: int) -> list[Any]:
        """What checkpoint *number*, which is committed, holds and is not published."""
        return [
            each.transaction
            for each in self._prepared
            if each.number is not None and each.number <= number
        ]

    @property
    def oldest(self) -> Any:
        """The one to publish next."""
        return self._prepared[0].transaction

    def published(self) -> None:
        """The oldest is visible."""
        self._prepared.popleft()
