"""The workers that have joined an initializer, with the connections on which they did."""
# Theory of operation
# ===================
# When a worker asks for a name that is taken, the worker that has it is asked, and keeps it if it
# answers in time: then the newcomer is a copy, and is refused. Otherwise the newcomer takes its
# place.

import attrs

from wallarood.control.effects import Close, Effect, Report, SendOnConnection
from wallarood.control.formation.founding import FormationSettings
from wallarood.control.formation.newcomers import Newcomer, Newcomers
from wallarood.model.ids import WorkerName
from wallarood.model.messages import ControlMessage, Heartbeat, Join, Proposal, Waiting


@attrs.define
class Joined:
    """Who has joined, in the order in which they came, and who of them is prepared."""

    _joins: dict[WorkerName, tuple[int, Join]] = attrs.field(factory=dict, init=False)
    _prepared: set[WorkerName] = attrs.field(factory=set, init=False)
    _newcomers: Newcomers = attrs.field(factory=Newcomers, init=False)

    def __len__(self) -> int:
        return len(self._joins)

    @property
    def names(self) -> list[WorkerName]:
        """Their names, in the order in which they came."""
        return list(self._joins)

    @property
    def joins(self) -> list[Join]:
        """What they have said, sorted by their names."""
        return [self._joins[name][1] for name in sorted(self._joins)]

    @property
    def unprepared(self) -> list[WorkerName]:
        """Who has not prepared what was proposed last."""
        return [name for name in self._joins if name not in self._prepared]

    @property
    def deadline(self) -> float | None:
        """When the first newcomer is to take the place of one that has not answered."""
        return self._newcomers.deadline

    def name_on(self, connection: int) -> WorkerName | None:
        """Who is on *connection*."""
        for name, (where, _) in self._joins.items():
            if where == connection:
                return name
        return None

    def waiting(self, settings: FormationSettings) -> Waiting:
        """What those are told that have joined *settings*, the initializer, or want to."""
        return Waiting((settings.name, *self.names), settings.worker_count)

    def say(self, message: ControlMessage) -> list[Effect]:
        """Say something to all of them."""
        return [SendOnConnection(connection, message) for connection, _ in self._joins.values()]

    # ---- joining ---------------------------------------------------------------------------------

    def ask_if_taken(self, connection: int, join: Join, *, until: float) -> list[Effect]:
        """Ask the worker that has this name, if it is another one; *join* waits for the answer."""
        old, known = self._joins.get(join.member.name, (None, join))
        if old is None or known.member.incarnation == join.member.incarnation:
            return []
        self._newcomers.wait(connection, join, until=until)
        return [SendOnConnection(old, Heartbeat(()))]

    def take(self, connection: int, join: Join) -> list[Effect]:
        """A worker has joined, in the place of one of this name."""
        old, _ = self._joins.get(join.member.name, (None, join))
        self._joins[join.member.name] = (connection, join)
        closing: list[Effect] = [] if old is None else [Close(old)]
        return [*closing, Report(f"{join.member.name} has joined")]

    def alive(self, connection: int) -> list[Effect]:
        """The worker on *connection* has answered."""
        return self._newcomers.refuse(self.name_on(connection))

    def take_due(self, now: float) -> list[Newcomer]:
        """Those whose name was not defended in time."""
        return self._newcomers.take_due(now)

    def lost(self, connection: int) -> WorkerName | None:
        """A connection is closed. Whose it was; it has joined until it is removed."""
        self._newcomers.lost(connection)
        return self.name_on(connection)

    def remove(self, name: WorkerName) -> None:
        """A worker does not take part any more."""
        del self._joins[name]

    def clear(self) -> None:
        """What was proposed will never be: all have to join again."""
        self._joins.clear()

    # ---- the proposal ----------------------------------------------------------------------------

    def proposed(self, proposal: Proposal) -> list[Effect]:
        """Tell all of a proposal, which no worker has prepared yet."""
        self._prepared = set()
        return self.say(proposal)

    def prepare(self, connection: int) -> None:
        """The worker on *connection* is prepared."""
        name = self.name_on(connection)
        if name is not None:
            self._prepared.add(name)

    def move(self, name: WorkerName, connection: int) -> None:
        """A worker that has joined is on another connection now."""
        if name in self._joins:
            self._joins[name] = (connection, self._joins[name][1])

    def again(self, connection: int, join: Join, proposal: Proposal) -> list[Effect] | None:
        """A worker joins again: tell it of *proposal*. None if it is not the same process."""
        name = join.member.name
        old, known = self._joins[name]
        self._joins[name] = (connection, join)
        if known.nonce != join.nonce:
            return None
        closing: list[Effect] = [Close(old)] if old != connection else []
        unheard = name not in self._prepared
        return [*closing, *([SendOnConnection(connection, proposal)] if unheard else [])]
