"""Who is there: the control channels between the members of a cluster that exists."""
# Theory of operation
# ===================
# Every member has a connection with every other; of two, the one later in the topology dials. A
# connection begins with Attach, answered by Attached. Every member sends heartbeats; a peer that
# was not heard for the liveness deadline is missing, and its connections are closed, so that new
# ones are made. A heartbeat lists the members that its sender misses: all sources pause while any
# member misses another. That costs time and no results: a peer that comes back with the same
# incarnation continues where it was.
#
# Another incarnation has lost its memory; what follows from that is the leader's affair (see
# `wallarood.control.rounds.recovery_leader`). The one that is connected is asked first: if it
# speaks within two seconds, the newcomer is a copy and is refused; otherwise the old one is dead,
# and the newcomer takes its place.
#
# A connection that was opened and is not answered within the deadline is closed as well: the
# process that accepted it may be gone.
#
# A worker that was itself held up hears nothing in that time either: when the timer is late, every
# peer gets a whole deadline again, and messages that wait in the queue come first.

from typing import ClassVar

from wallarood.control import effects as do
from wallarood.control import events as on
from wallarood.control.formation.refusals import refuse
from wallarood.control.membership.attaching import Attaching
from wallarood.control.membership.presence import (
    Peer,
    Presence,
    failure,
    gone,
    left,
    missing,
    refusal,
)
from wallarood.control.membership.source_gate import SourceGate
from wallarood.model.cluster_record import ClusterRecord
from wallarood.model.errors import WallaroodError
from wallarood.model.ids import WorkerName
from wallarood.model.messages import (
    Attach,
    Attached,
    Busy,
    Decided,
    Heartbeat,
    JobFailed,
    Leaving,
    Member,
    Refused,
    ShutDown,
)

STALL_FACTOR = 3


class Membership:
    """The machine of one worker. Times are in seconds."""

    INPUTS: ClassVar[tuple[type, ...]] = (on.ConnectionOpened, on.ConnectionLost, on.TimerFired)

    def __init__(
        self,
        record: ClusterRecord,
        member: Member,
        others: tuple[Member, ...],
        *,
        heartbeat_s: float,
        liveness_deadline_s: float,
        name_taken_wait_s: float,
        now: float,
    ) -> None:
        self._member = member
        self._attaching = Attaching(record, member)
        self.peers = {other.name: Peer(other, last_heard=now) for other in others}
        self._heartbeat_s = heartbeat_s
        self._liveness_deadline_s = liveness_deadline_s
        self._name_taken_wait_s = name_taken_wait_s
        self._next_beat = now + heartbeat_s
        self._gate = SourceGate(member.name)
        self._unanswered: dict[int, float] = {}

    @property
    def deadline(self) -> float:
        """When `TimerFired` is due."""
        waits = [peer.newcomer[2] for peer in self.peers.values() if peer.newcomer]
        return min([self._next_beat, *waits])

    @property
    def missing(self) -> tuple[WorkerName, ...]:
        """The peers that are not connected."""
        return missing(self.peers)

    @property
    def connected(self) -> tuple[WorkerName, ...]:
        """The peers that are there and have not said that they leave."""
        there = Presence.CONNECTED
        return tuple(name for name, peer in self.peers.items() if peer.presence is there)

    def started(self) -> list[do.Effect]:
        """A round begins: the sources are held or let go."""
        self._gate.begin()
        return self._hold_or_let_go()

    def completed(self) -> None:
        """The job is done: peers may leave as they like."""
        self._gate.completed = True

    def name_on(self, connection: int) -> WorkerName | None:
        """The peer on *connection*."""
        for name, peer in self.peers.items():
            if peer.connection == connection:
                return name
        return None

    def step(self, event: on.Event, now: float) -> list[do.Effect]:
        """Take one event, return what is to be done about it."""
        match event:
            case on.ConnectionOpened(connection, name) if name in self.peers:
                self._unanswered[connection] = now + self._liveness_deadline_s
                return [do.SendOnConnection(connection, self._attaching.own)]
            case on.ConnectionMessage(connection, Attach() as attach):
                return self._attach(connection, attach, now)
            case on.ConnectionMessage(connection, Attached(member)):
                return self._up(connection, member, now)
            case on.ConnectionMessage(_, Decided() as told):
                return self._attaching.overtaken(told)
            case on.ConnectionMessage(connection, message):
                return self._message(connection, message, now)
            case on.ConnectionLost(connection):
                return self._lost(connection, now)
            case on.TimerFired():
                return self._timer(now)
            case _:
                return []

    # ---- attaching -------------------------------------------------------------------------------

    def _attach(self, connection: int, attach: Attach, now: float) -> list[do.Effect]:
        others = {name: peer.member for name, peer in self.peers.items()}
        if objections := self._attaching.objections(connection, attach, others):
            return objections
        member = attach.member
        peer = self.peers[member.name]
        if member.incarnation != peer.member.incarnation and peer.connection is not None:
            peer.newcomer = (connection, member, now + self._name_taken_wait_s)
            return []
        return self._admit(connection, member=member, now=now)

    def _admit(self, connection: int, *, member: Member, now: float) -> list[do.Effect]:
        answer = do.SendOnConnection(connection, Attached(self._member))
        return [answer, *self._up(connection, member, now)]

    def _up(self, connection: int, member: Member, now: float) -> list[do.Effect]:
        peer = self.peers.get(member.name)
        if peer is None:
            return [do.Close(connection)]
        self._unanswered.pop(connection, None)
        if objections := self._attaching.of_another_seat(connection, peer.member, member):
            return objections
        closing: list[do.Effect] = []
        if peer.connection not in (None, connection):
            assert peer.connection is not None
            closing = [do.Close(peer.connection)]
        back = peer.presence in (Presence.MISSING, Presence.LEFT)
        text = f"{member.name} is back" if back else f"{member.name} is connected"
        closing += self._attaching.restored(connection, peer.member, member)
        peer.member, peer.connection = member, connection
        peer.taken(Attached)
        peer.last_heard, peer.misses = now, ()
        peer.ended_by = 0
        return [*closing, do.Report(text), do.PeerUp(member), *self._hold_or_let_go()]

    # ---- presence --------------------------------------------------------------------------------

    def _message(self, connection: int, message: object, now: float) -> list[do.Effect]:
        name = self.name_on(connection)
        if name is None:
            return self._from_stranger(connection, message)
        peer = self.peers[name]
        peer.last_heard = now
        effects: list[do.Effect] = []
        if peer.newcomer is not None:
            newcomer, _, _ = peer.newcomer
            peer.newcomer = None
            effects = refuse(
                newcomer, f"duplicate worker name: {name} is connected and alive; is this a copy?"
            )
        match message:
            case Heartbeat(missing, slowest):
                changed = peer.misses != missing
                peer.misses = missing
                if slowest:
                    effects = [*effects, do.SlowestElsewhere(name, slowest)]
                return [*effects, *(self._hold_or_let_go() if changed else [])]
            case Leaving():
                return [*effects, *self._leaving(name, message)]
            case JobFailed():
                return [*effects, *self._job_failed(message)]
            case ShutDown():
                return [*effects, do.StopOrderly()]
            case Refused(reason, exit_code):
                return [*effects, do.Fail(refusal(reason, exit_code))]
            case _:
                return effects

    def _leaving(self, name: WorkerName, message: Leaving) -> list[do.Effect]:
        self.peers[name].taken(Leaving)
        self.peers[name].ended_by = message.exit_code
        self._gate.completed = self._gate.completed or message.completed
        return [left(name, message), *self._hold_or_let_go()]

    def _job_failed(self, message: JobFailed) -> list[do.Effect]:
        """End as well; members that cannot hear the one that failed hear it from here."""
        return [*self._tell_all(message), do.Fail(failure(message))]

    def _from_stranger(self, connection: int, message: object) -> list[do.Effect]:
        match message:
            case JobFailed():
                return self._job_failed(message)
            case Refused(reason, exit_code):
                return [do.Fail(refusal(reason, exit_code))]
            case Busy(reason):
                return [do.Report(reason), do.Close(connection)]
            case _:
                return []

    def _lost(self, connection: int, now: float) -> list[do.Effect]:
        self._unanswered.pop(connection, None)
        for peer in self.peers.values():
            if peer.newcomer is not None and peer.newcomer[0] == connection:
                peer.newcomer = None
        name = self.name_on(connection)
        if name is None:
            return []
        peer = self.peers[name]
        peer.connection = None
        if peer.newcomer is not None:
            newcomer, member, _ = peer.newcomer
            peer.newcomer = None
            return [do.PeerDown(name), *self._admit(newcomer, member=member, now=now)]
        peer.taken(on.ConnectionLost)
        expected = peer.presence is Presence.LEFT or self._gate.completed
        said = [] if expected else [gone(name, "connection closed")]
        return [*said, do.PeerDown(name), *self._hold_or_let_go()]

    def _timer(self, now: float) -> list[do.Effect]:
        effects: list[do.Effect] = []
        if now - self._next_beat > self._heartbeat_s * STALL_FACTOR:
            for peer in self.peers.values():
                peer.last_heard = now
            self._unanswered = dict.fromkeys(self._unanswered, now + self._liveness_deadline_s)
        for connection, until in list(self._unanswered.items()):
            if now >= until:
                del self._unanswered[connection]
                effects.append(do.Close(connection))
        for name, peer in self.peers.items():
            if peer.newcomer is not None and now >= peer.newcomer[2]:
                newcomer, member, _ = peer.newcomer
                peer.newcomer = None
                closing = [do.Close(peer.connection)] if peer.connection is not None else []
                peer.connection = None
                effects += [*closing, do.PeerDown(name)]
                effects += self._admit(newcomer, member=member, now=now)
            silent = now - peer.last_heard >= self._liveness_deadline_s
            if silent and peer.connection is not None:
                effects += [gone(name, f"not heard for {now - peer.last_heard:.1f} s")]
                effects += [do.Close(peer.connection), do.PeerDown(name)]
                peer.taken(on.TimerFired)
                peer.connection = None
        if now >= self._next_beat:
            self._next_beat = now + self._heartbeat_s
            beat = Heartbeat(self.missing if self._gate.running else ())
            effects += self._tell_all(beat)
        return [*effects, *self._hold_or_let_go()]

    def _tell_all(self, message: Heartbeat | JobFailed | Leaving | ShutDown) -> list[do.Effect]:
        return [
            do.SendOnConnection(peer.connection, message)
            for peer in self.peers.values()
            if peer.connection is not None
        ]

    def fail(self, error: WallaroodError) -> list[do.Effect]:
        """The job cannot continue here. If it cannot continue anywhere, tell all; then end."""
        failed = JobFailed(self._member.name, error.message, error.exit_code)
        return [*(self._tell_all(failed) if error.of_the_job else ()), do.Fail(error)]

    def leave(self, error: WallaroodError | None = None) -> list[do.Effect]:
        """This worker ends, in an orderly way or by *error*: tell all."""
        if error is None:
            return self._tell_all(Leaving(self._gate.completed))
        return self._tell_all(Leaving(self._gate.completed, error.message, error.exit_code))

    def shut_down(self) -> list[do.Effect]:
        """An operator ends the whole cluster, without a checkpoint: tell all, then end."""
        return [*self._tell_all(ShutDown()), do.StopOrderly()]

    def _hold_or_let_go(self) -> list[do.Effect]:
        return self._gate.look(self.peers)
