"""What has to be looked at when: an index by time, which is rebuilt after a restore."""

from collections.abc import Iterator
from heapq import heappop, heappush
from operator import itemgetter
from typing import Any, Final, Generic, TypeVar

T = TypeVar("T")
SLICE_ITEMS: Final = 1024
"""How many items are looked at at once."""
_time_of: Final = itemgetter(0)


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

    A later time for an item that is listed changes nothing: when it is drawn, its owner
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


class Schedule(Generic[T]):
    """As `Reminders`, for times that mostly differ, with generations of *step*.

    To put an item is to add it to the list of its generation. When time comes near this one, its
    items are looked at, a slice at a time: those that are due are drawn, by their time where a
    generation is no more than a slice, the others are listed again.
    """

    def __init__(self, step: int) -> None:
        self._step = max(1, step)
        self._lists: dict[int, list[T]] = {}
        """Items by generation; one may be listed twice, or no longer be due in that generation."""
        self._generations: list[int] = []
        self._due: dict[T, int] = {}

    def put(self, time: int, item: T) -> None:
        """Let *item* be drawn at *time*, unless it is drawn earlier anyway."""
        due = self._due.get(item)
        if due is None or time < due:
            self._due[item] = time
            self._list(time // self._step, item)

    def _list(self, generation: int, item: T) -> None:
        items = self._lists.get(generation)
        if items is None:
            self._lists[generation] = [item]
            heappush(self._generations, generation)
        else:
            items.append(item)

    def take(self, until: int) -> Iterator[list[T]]:
        """Draw what is due at *until* or before, in slices that may be empty.

        What is put meanwhile counts if it is of a later generation than what was drawn last.
        """
        last, seen = until // self._step, 0
        generations, due = self._generations, list[T]()
        while generations and generations[0] <= last:
            generation = heappop(generations)
            items = self._lists.pop(generation)
            for start in range(0, len(items), SLICE_ITEMS):
                some = items[start : start + SLICE_ITEMS]
                due += self._draw(some, generation, until)
                seen += len(some)
                if seen >= SLICE_ITEMS:
                    yield due
                    due, seen = [], 0
            if generation == last:
                break
        if due:
            yield due

    def _draw(self, items: list[T], generation: int, until: int) -> list[T]:
        times, step = self._due, self._step
        found: list[tuple[int, Any]] = []
        for item, time in zip(items, map(times.get, items), strict=True):
            if time is None or time // step != generation:
                continue
            if time <= until:
                found.append((time, item))
                del times[item]
            else:
                self._list(generation, item)
        found.sort(key=_time_of)
        return [item for _, item in found]
