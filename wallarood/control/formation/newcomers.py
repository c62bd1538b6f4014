"""Joins that wait because their name is taken: the connected worker is asked, and may answer."""

import attrs

from wallarood.control.effects import Effect
from wallarood.control.formation import refusals
from wallarood.model.ids import WorkerName
from wallarood.model.messages import Join


@attrs.frozen
class Newcomer:
    """A join that waits until its name is free or the worker that has it has answered."""

    connection: int
    join: Join
    until: float


@attrs.define
class Newcomers:
    """The joins that wait, by the name that they ask for."""

    _waiting: dict[WorkerName, Newcomer] = attrs.field(factory=dict, init=False)

    @property
    def deadline(self) -> float | None:
        """When the first of them is to be taken."""
        return min((newcomer.until for newcomer in self._waiting.values()), default=None)

    def wait(self, connection: int, join: Join, *, until: float) -> None:
        """Have *join* wait; a newer one of the same name takes its place."""
        self._waiting[join.member.name] = Newcomer(connection, join, until)

    def refuse(self, name: WorkerName | None) -> list[Effect]:
        """The worker called *name* is alive: a newcomer that wants its name is a copy."""
        newcomer = self._waiting.pop(name, None) if name is not None else None
        if newcomer is None:
            return []
        return refusals.refuse(newcomer.connection, refusals.taken(newcomer.join.member.name))

    def lost(self, connection: int) -> None:
        """A connection is closed: who asked on it does not wait any more."""
        self._waiting = {
            name: newcomer
            for name, newcomer in self._waiting.items()
            if newcomer.connection != connection
        }

    def take_due(self, now: float) -> list[Newcomer]:
        """Those whose name was not defended in time."""
        due = [newcomer for newcomer in self._waiting.values() if newcomer.until <= now]
        for newcomer in due:
            del self._waiting[newcomer.join.member.name]
        return due
