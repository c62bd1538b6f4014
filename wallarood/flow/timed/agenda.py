"""What has to be looked at when: an index by time, which is rebuilt after a restore."""

from collections.abc import Iterator
from heapq import heappop, heappush
from typing import Generic, TypeVar

T = TypeVar("T")


class Agenda(Generic[T]):
    """Items by the time at which they are due. Only times that differ cost a place in the heap."""

    def __init__(self) -> None:
        self._at: dict[int, list[T]] = {}
        self._heap: list[int] = []

    @property
    def next(self) -> int | None:
        """When the first item is due; None if there is none."""
        return self._heap[0] if self._heap else None

    def put(self, time: int, item: T) -> None:
        """Let *item* be due at *time*."""
        items = self._at.get(time)
        if items is None:
            self._at[time] = [item]
            heappush(self._heap, time)
        else:
            items.append(item)

    def take(self, until: int) -> Iterator[tuple[int, list[T]]]:
        """Draw what is due at *until* or before, time by time; what is put meanwhile counts."""
        while self._heap and self._heap[0] <= until:
            yield self.pop()

    def pop(self) -> tuple[int, list[T]]:
        """The first time at which something is due, and all that is due then."""
        time = heappop(self._heap)
        return time, self._at.pop(time)


class Reminders(Generic[T]):
    """An agenda of which each item counts once: the earliest time that was asked for it.

    A later time for an item that is listed changes nothing: when it is drawn, whoever owns it
    knows whether it is due, and puts it again if not. So postponing costs a look into a table.
    """

    def __init__(self) -> None:
        self._agenda: Agenda[T] = Agenda()
        self._listed: dict[T, int] = {}

    @property
    def next(self) -> int | None:
        """When to look again, at the latest; None if there is nothing to look at."""
        return self._agenda.next

    def put(self, time: int, item: T) -> None:
        """Let *item* be drawn at *time*, unless it is drawn earlier anyway."""
        known = self._listed.get(item)
        if known is None or time < known:
            self._listed[item] = time
            self._agenda.put(time, item)

    def take(self, until: int) -> Iterator[tuple[int, list[T]]]:
        """Draw what is listed at *until* or before, time by time; what is put meanwhile counts."""
        while (first := self._agenda.next) is not None and first <= until:
            yield self.pop()

    def pop(self) -> tuple[int, list[T]]:
        """The first time, and the items listed for it; there may be none."""
        time, items = self._agenda.pop()
        listed = self._listed
        due = [item for item in items if listed.get(item) == time]
        for item in due:
            listed.pop(item, None)
        return time, list(dict.fromkeys(due))
