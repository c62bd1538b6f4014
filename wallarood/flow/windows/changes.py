"""What has changed since it was said, for results every so often: ``emit=w.every(…)``."""

from typing import Generic, TypeVar

from wallarood.flow.steps.timed import Wall

K = TypeVar("K")
V = TypeVar("V")


class Changes(Generic[K, V]):
    """What has changed, by *since*, and when it is to be said on the wall clock."""

    def __init__(self, wall: Wall, every: int) -> None:
        self._wall, self._every = wall, every
        self.since: dict[K, V] = {}
        self.due: int | None = None

    def noted(self) -> None:
        """Something was put into `since`: it is to be said in time."""
        if self.due is None:
            self.due = self._wall() + self._every

    def take(self) -> dict[K, V]:
        """What has changed, which is said now."""
        changed, self.since, self.due = self.since, {}, None
        return changed

    def forget(self, what: K) -> None:
        """Something is said in another way; if nothing is left, nothing is due."""
        self.since.pop(what, None)
        if not self.since:
            self.due = None
