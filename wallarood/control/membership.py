"""Who is there: the control channels between the members of a cluster that exists."""
# Theory of operation
# ===================
# Every member has a connection with every other; of two, the one later in the topology dials. A
# connection begins with Attach, answered by Attached. Everybody sends heartbeats; a peer that was
# not heard for the liveness deadline is missing, and its connections are closed, so that they are
# made anew. A heartbeat says whom its sender misses: sources everywhere are held while anybody
# misses anybody. That costs time and never results: a peer that comes back with the same
# incarnation goes on where it was.
#
# Another incarnation has lost its memory; what follows from that is the leader's affair (see
# `wallarood.control.rounds.recovery_leader`). The one that is connected is asked first: if it
# speaks within two seconds, the newcomer is a copy and refused; else the old one is dead and the
# newcomer is it.
#
# Of two with different epochs, whoever is ahead answers Attach with its topology, and whoever is
# behind answers with an Attach of its own, to be told. It records the topology and begins anew.
#
# A connection that was opened and is not answered within the deadline is closed as well: whoever
# accepted it may have vanished without a word.
#
# A worker that was itself held up hears nothing in that time either: when the timer is late, every
# peer gets a whole deadline again, and messages that wait in the queue come first.

from typing import ClassVar

from wallarood.control.effects import (
    Adopt,
    Close,
    Effect,
    Fail,
    Level,
    PauseSources,
    PeerDown,
    PeerUp,
    Report,
    ResumeSources,
    SendOnConnection,
    StopOrderly,
)
from wallarood.control.events import (
    ConnectionLost,
    ConnectionMessage,
    ConnectionOpened,
    Event,
    TimerFired,
)
from wallarood.control.presence import Peer, Presence, failure, gone, left, refusal
from wallarood.model.errors import RefusedError, WallaroodError
from wallarood.model.ids import ClusterId, WorkerName
from wallarood.model.messages import (
    PROTOCOL_VERSION,
    Attach,
    Attached,
    Busy,
    Heartbeat,
    JobFailed,
    Leaving,
    Member,
    NewTopology,
    Refused,
    ShutDown,
)
from wallarood.model.topology import Topology

STALL_FACTOR = 3


class Membership:
    """The machine of one worker. Times are in seconds."""

    INPUTS: ClassVar[tuple[type, ...]] = (
        ConnectionOpened,
        ConnectionLost,
        TimerFired,
    )

    def __init__(
        self,
        cluster_id: ClusterId,
        member: Member,
        others: tuple[Member, ...],
        *,
        topology: Topology,
        heartbeat_s: float,
        liveness_deadline_s: float,
        name_taken_wait_s: float,
        now: float,
    ) -> None:
        self._cluster_id = cluster_id
        self._member = member
        self._topology = topology
        self.peers = {each.name: Peer(each, last_heard=now) for each in others}
        self._heartbeat_s = heartbeat_s
        self._liveness_deadline_s = liveness_deadline_s
        self._name_taken_wait_s = name_taken_wait_s
        self._next_beat = now + heartbeat_s
        self._running = False
        self._completed = False
        self._paused: str | None = None
        self._unanswered: dict[int, float] = {}

    @property
    def deadline(self) -> float:
        """When `TimerFired` is due."""
        waits = [each.newcomer[2] for each in self.peers.values() if each.newcomer]
        return min([self._next_beat, *waits])

    @property
    def missing(self) -> tuple[WorkerName, ...]:
        """The peers that are not connected."""
        gone = (Presence.MISSING, Presence.LEFT, Presence.EXPECTED)
        return tuple(name for name, each in self.peers.items() if each.presence in gone)

    @property
    def connected(self) -> tuple[WorkerName, ...]:
        """The peers that are there and have not said that they leave."""
        there = Presence.CONNECTED
        return tuple(name for name, each in self.peers.items() if each.presence is there)

    def started(self) -> list[Effect]:
        """A round begins: the sources are held or let go."""
        self._running, self._completed, self._paused = True, False, None
        return self._gate()

    def completed(self) -> None:
        """The job is done: peers may leave as they like."""
        self._completed = True

    def name_on(self, connection: int) -> WorkerName | None:
        """The peer on *connection*."""
        for name, peer in self.peers.items():
            if peer.connection == connection:
                return name
        return None

    def step(self, event: Event, now: float) -> list[Effect]:
        """Take one event, return what is to be done about it."""
        match event:
            case ConnectionOpened(connection, name) if name in self.peers:
                self._unanswered[connection] = now + self._liveness_deadline_s
                return [SendOnConnection(connection, self._mine())]
            case ConnectionMessage(connection, Attach() as attach):
                return self._attach(connection, attach, now)
            case ConnectionMessage(connection, Attached(member)):
                return self._up(connection, member, now)
            case ConnectionMessage(_, NewTopology(topology, members)):
                return self._overtaken(topology, members)
            case ConnectionMessage(connection, message):
                return self._message(connection, message, now)
            case ConnectionLost(connection):
                return self._lost(connection, now)
            case TimerFired():
                return self._timer(now)
            case _:
                return []

    # ---- attaching -------------------------------------------------------------------------------

    def _mine(self) -> Attach:
        return Attach(self._member, PROTOCOL_VERSION, self._cluster_id, self._topology.epoch)

    def _attach(self, connection: int, attach: Attach, now: float) -> list[Effect]:
        member, epoch = attach.member, self._topology.epoch
        peer = self.peers.get(member.name)
        if attach.protocol != PROTOCOL_VERSION:
            return self._refuse(
                connection,
                f"{member.name} speaks protocol version {attach.protocol}, not {PROTOCOL_VERSION}",
            )
        if attach.cluster_id != self._cluster_id:
            # It looks for its peer at an address that is ours now, and will find it elsewhere.
            reason = f"{member.name} of cluster {attach.cluster_id} has reached {self._cluster_id}"
            return [
                Report(reason, Level.WARNING),
                SendOnConnection(connection, Busy(reason)),
                Close(connection),
            ]
        if attach.epoch > epoch:
            return [SendOnConnection(connection, self._mine())]
        if peer is None:
            return self._refuse(connection, f"{member.name} is not a member of {self._cluster_id}")
        if attach.epoch < epoch:
            members = (self._member, *(each.member for each in self.peers.values()))
            text = f"{member.name} is at epoch {attach.epoch} and is brought up to date"
            answer = SendOnConnection(connection, NewTopology(self._topology, members))
            return [Report(text), answer, Close(connection)]
        if member.incarnation != peer.member.incarnation and peer.connection is not None:
            peer.newcomer = (connection, member, now + self._name_taken_wait_s)
            return []
        return self._admit(peer, connection, member=member, now=now)

    def _overtaken(self, topology: Topology, members: tuple[Member, ...]) -> list[Effect]:
        epoch = self._topology.epoch
        if topology.epoch <= epoch:
            return []
        if self._member.name not in topology.workers:
            reason = f"{self._member.name} is no member of {self._cluster_id} any longer"
            return [Fail(RefusedError(f"{reason}, since epoch {topology.epoch}"))]
        text = f"brought up to date: the topology is that of epoch {topology.epoch}, not {epoch}"
        return [Report(text), Adopt(topology, members)]

    def _admit(self, peer: Peer, connection: int, *, member: Member, now: float) -> list[Effect]:
        answer = SendOnConnection(connection, Attached(self._member))
        peer.member = member
        return [answer, *self._up(connection, member, now)]

    def _refuse(self, connection: int, reason: str) -> list[Effect]:
        return [
            Report(f"refused: {reason}", Level.WARNING),
            SendOnConnection(connection, Refused(reason, RefusedError.exit_code)),
            Close(connection),
        ]

    def _up(self, connection: int, member: Member, now: float) -> list[Effect]:
        peer = self.peers.get(member.name)
        if peer is None:
            return [Close(connection)]
        self._unanswered.pop(connection, None)
        closing: list[Effect] = []
        if peer.connection not in (None, connection):
            assert peer.connection is not None
            closing = [Close(peer.connection)]
        back = peer.presence in (Presence.MISSING, Presence.LEFT)
        text = f"{member.name} is back" if back else f"{member.name} is connected"
        peer.member, peer.connection = member, connection
        peer.presence, peer.last_heard, peer.misses = Presence.CONNECTED, now, ()
        peer.ended_by = 0
        return [*closing, Report(text), PeerUp(member), *self._gate()]

    # ---- presence --------------------------------------------------------------------------------

    def _message(self, connection: int, message: object, now: float) -> list[Effect]:
        name = self.name_on(connection)
        if name is None:
            return self._from_stranger(connection, message)
        peer = self.peers[name]
        peer.last_heard = now
        effects: list[Effect] = []
        if peer.newcomer is not None:
            newcomer, _, _ = peer.newcomer
            peer.newcomer = None
            effects = self._refuse(
                newcomer, f"duplicate worker name: {name} is connected and alive; is this a copy?"
            )
        match message:
            case Heartbeat(missing):
                changed = peer.misses != missing
                peer.misses = missing
                return [*effects, *(self._gate() if changed else [])]
            case Leaving():
                return [*effects, *self._leaving(name, message)]
            case JobFailed():
                return [*effects, *self._job_failed(message)]
            case ShutDown():
                return [*effects, StopOrderly()]
            case Refused(reason, exit_code):
                return [*effects, Fail(refusal(reason, exit_code))]
            case _:
                return effects

    def _leaving(self, name: WorkerName, message: Leaving) -> list[Effect]:
        self.peers[name].presence, self.peers[name].ended_by = Presence.LEFT, message.exit_code
        self._completed = self._completed or message.completed
        return [left(name, message), *self._gate()]

    def _job_failed(self, message: JobFailed) -> list[Effect]:
        """End as well; whoever cannot hear the one that failed hears it from here."""
        return [*self._tell_all(message), Fail(failure(message))]

    def _from_stranger(self, connection: int, message: object) -> list[Effect]:
        match message:
            case JobFailed():
                return self._job_failed(message)
            case Refused(reason, exit_code):
                return [Fail(refusal(reason, exit_code))]
            case Busy(reason):
                return [Report(reason), Close(connection)]
            case _:
                return []

    def _lost(self, connection: int, now: float) -> list[Effect]:
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
            return [PeerDown(name), *self._admit(peer, newcomer, member=member, now=now)]
        has_left = peer.presence is Presence.LEFT
        if not has_left:
            peer.presence = Presence.MISSING
        expected = has_left or self._completed
        said = [] if expected else [gone(name, "connection closed")]
        return [*said, PeerDown(name), *self._gate()]

    def _timer(self, now: float) -> list[Effect]:
        effects: list[Effect] = []
        if now - self._next_beat > self._heartbeat_s * STALL_FACTOR:
            for peer in self.peers.values():
                peer.last_heard = now
            self._unanswered = dict.fromkeys(self._unanswered, now + self._liveness_deadline_s)
        for connection, until in list(self._unanswered.items()):
            if now >= until:
                del self._unanswered[connection]
                effects.append(Close(connection))
        for name, peer in self.peers.items():
            if peer.newcomer is not None and now >= peer.newcomer[2]:
                newcomer, member, _ = peer.newcomer
                peer.newcomer = None
                closing = [Close(peer.connection)] if peer.connection is not None else []
                peer.connection = None
                effects += [*closing, PeerDown(name)]
                effects += self._admit(peer, newcomer, member=member, now=now)
            silent = now - peer.last_heard >= self._liveness_deadline_s
            if silent and peer.connection is not None:
                effects += [gone(name, f"not heard for {now - peer.last_heard:.1f} s")]
                effects += [Close(peer.connection), PeerDown(name)]
                peer.connection, peer.presence = None, Presence.MISSING
        if now >= self._next_beat:
            self._next_beat = now + self._heartbeat_s
            beat = Heartbeat(self.missing if self._running else ())
            effects += self._tell_all(beat)
        return [*effects, *self._gate()]

    def _tell_all(self, message: Heartbeat | JobFailed | Leaving | ShutDown) -> list[Effect]:
        return [
            SendOnConnection(each.connection, message)
            for each in self.peers.values()
            if each.connection is not None
        ]

    def refused(self, message: Refused) -> list[Effect]:
        """The leader does not take this worker as it is."""
        return [Fail(refusal(message.reason, message.exit_code))]

    def fail(self, error: WallaroodError) -> list[Effect]:
        """The job cannot go on here. If it can nowhere, tell all; then end."""
        failed = JobFailed(self._member.name, error.message, error.exit_code)
        return [*(self._tell_all(failed) if error.of_the_job else ()), Fail(error)]

    def leave(self, error: WallaroodError | None = None) -> list[Effect]:
        """This worker ends, in an orderly way or by *error*: tell all."""
        if error is None:
            return self._tell_all(Leaving(self._completed))
        return self._tell_all(Leaving(self._completed, error.message, error.exit_code))

    def shut_down(self) -> list[Effect]:
        """An operator ends the whole cluster, without a checkpoint: tell all, then end."""
        return [*self._tell_all(ShutDown()), StopOrderly()]

    def _gate(self) -> list[Effect]:
        """Hold or let go the sources, if that has changed."""
        if not self._running or self._completed:
            return []
        ended = {name: each.ended_by for name, each in self.peers.items() if each.ended_by}
        absent = {
            name: f" (ended with status {ended[name]})" if name in ended else ""
            for name in self.missing
        }
        for name, peer in self.peers.items():
            for other in peer.misses:
                absent.setdefault(other, f" (missed by {name})")
        absent.pop(self._member.name, None)
        total = len(self.peers) + 1
        text = ", ".join(name + note for name, note in absent.items())
        reason = f"waiting for {len(absent)} of {total} workers: {text}" if absent else ""
        if reason == self._paused:
            return []
        self._paused = reason
        return [PauseSources(reason)] if reason else [ResumeSources()]
