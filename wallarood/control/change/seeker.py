"""Who looks for members that should look for it: they may know of an epoch that it does not."""
# Theory of operation
# ===================
# Of two members the later one dials, so the first dials nobody, and a member that dialled it may be
# in a cluster without it by now. Whoever misses a member for long that is later in the topology
# dials it once in a while. It learns so that it has left or was evicted, or is connected again.

from typing import ClassVar

from wallarood.control.change.effects import Seek
from wallarood.control.change.view import View
from wallarood.control.effects import Effect
from wallarood.control.events import Event, MemberDown, MemberUp, TimerFired

SEEK_S = 5.0
"""So long a first member that has left stays in doubt at most, when its peers have gone on."""


class Seeker:
    """The machine of one member; *view* is that of the node. Times are in seconds."""

    INPUTS: ClassVar[tuple[type, ...]] = (TimerFired, MemberUp, MemberDown)

    def __init__(self, view: View, *, now: float, seek_s: float = SEEK_S) -> None:
        self._view, self._seek_s = view, seek_s
        self._later = view.workers[view.workers.index(view.me.name) + 1 :]
        self._seek_at = now + seek_s

    @property
    def _missed(self) -> list[str]:
        """The members that dial this one, and are away."""
        return [name for name in self._later if not self._view.hears(name)]

    @property
    def deadline(self) -> float | None:
        """When `TimerFired` is due; None: never."""
        return self._seek_at if self._missed else None

    def step(self, event: Event, now: float) -> list[Effect]:
        """Take one event, return what is to be done about it."""
        if not isinstance(event, TimerFired):
            if not self._missed or isinstance(event, MemberDown):
                self._seek_at = now + self._seek_s
            return []
        if now < self._seek_at:
            return []
        self._seek_at = now + self._seek_s
        return [Seek(name) for name in self._missed]
