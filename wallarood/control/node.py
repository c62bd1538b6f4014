"""One worker of the cluster, as far as it decides: all its machines, the record and the stamp."""
# Theory of operation
# ===================
# The shell gives every event to `step` and carries out the effects that come back, in their order.
# What one machine wants of another on the same worker does not leave: what a member says to itself,
# a member that came or went, and the final checkpoint are events that the same step takes, each
# after all effects of the event before it. So is what changes the record or the state of this
# worker. Every message is stamped with what was so when it was said. Which machine takes an event
# is in `wallarood.control.routing`. What an operator or the configuration wants is an event, too:
# see `wallarood.control.orders`.

from collections import deque
from collections.abc import Sequence

import attrs
import msgspec

from wallarood.control import effects as do
from wallarood.control import events as on
from wallarood.control import routing
from wallarood.control.change import effects as change_does
from wallarood.control.change.events import AcceptanceFound
from wallarood.control.formation.founding import FormationSettings
from wallarood.control.formation.startup import Role
from wallarood.control.machines import Machines
from wallarood.control.membership.presence import alone, refusal
from wallarood.control.orders import end_without_checkpoint, take_order
from wallarood.control.replicas.effects import Copied
from wallarood.control.rounds.active_round import ActiveRound
from wallarood.control.settings import MachineClasses, NodeSettings
from wallarood.control.stale import Stamp
from wallarood.control.worker_state import ENDED, WorkerState
from wallarood.model import messages as say
from wallarood.model.change import Vote
from wallarood.model.cluster_record import ClusterRecord, RecordState
from wallarood.model.errors import RefusedError, WallaroodError
from wallarood.model.ids import WorkerName


class ClusterNode:
    """The decisions of one worker. *role* is the one that it has in the cluster of *record*."""

    def __init__(
        self,
        founding: FormationSettings,
        role: Role,
        record: ClusterRecord | None,
        *,
        settings: NodeSettings,
        now: float,
        classes: MachineClasses | None = None,
        vote: Vote | None = None,
        staged: ClusterRecord | None = None,
    ) -> None:
        self.machines = Machines.of(founding, role, record, classes=classes, staged=staged, now=now)
        self._vote, self.record, self.settings = vote, record, settings
        self.failure: WallaroodError | None = None
        self.ends_last = False
        """An operator has told this worker to end the cluster: it waits until the others end."""
        self._founding = founding
        self._members: dict[WorkerName, say.Member] = {}
        self._own: deque[on.Event] = deque()
        self.ended_as: WorkerState | None = None
        self.shutdown_at: float | None = None
        self._alone_at: float | None = None

    # ---- what is so ------------------------------------------------------------------------------

    @property
    def member(self) -> say.Member:
        """This worker's own entry."""
        return self._founding.member

    @property
    def workers(self) -> tuple[WorkerName, ...]:
        """All members of the cluster, the leader first; empty before there is one."""
        return self.record.topology.workers if self.record is not None else ()

    @property
    def leads(self) -> bool:
        """Whether this worker is the leader."""
        return self.workers[:1] == (self._founding.name,)

    @property
    def active_round(self) -> ActiveRound | None:
        """The round that runs; None before the first, and while this worker rolls back."""
        return self.machines.active_round

    @property
    def completed(self) -> bool:
        """Whether the job is done."""
        return self.machines.round is not None and self.machines.round.completed

    @property
    def has_run(self) -> bool:
        """Whether it is in a cluster of which a round has begun, now or in former lives."""
        if self.machines.membership is None or self.record is None:
            return False
        return self.record.state in (RecordState.STARTED, RecordState.PUBLISHED)

    @property
    def state(self) -> WorkerState:
        """What this worker is doing, or how it has ended."""
        if self.failure is not None:
            return WorkerState.FAILED
        if self.ended_as is not None:
            return self.ended_as
        if self.completed:
            return WorkerState.COMPLETED
        if self.active_round is not None:
            return WorkerState.RUNNING
        return WorkerState.RECOVERING if self.has_run else WorkerState.FORMING

    @property
    def ended(self) -> bool:
        """Whether this worker is to end, by failure or not."""
        return self.state in ENDED

    @property
    def stamp(self) -> Stamp:
        """What a message of this worker carries now."""
        if self.record is None or self.machines.membership is None:
            return Stamp()
        begun = self.machines.round
        number = begun.proposal.round if begun is not None else 0
        return Stamp(self.record.cluster_id, self.record.topology.epoch, number)

    @property
    def peers(self) -> tuple[WorkerName, ...]:
        """The other members, since the cluster exists."""
        membership = self.machines.membership
        return tuple(membership.peers) if membership is not None else ()

    @property
    def missing(self) -> tuple[WorkerName, ...]:
        """The members that are not connected."""
        membership = self.machines.membership
        return membership.missing if membership is not None else ()

    @property
    def connected(self) -> tuple[WorkerName, ...]:
        """The members that are there and have not said that they leave."""
        membership = self.machines.membership
        return membership.connected if membership is not None else ()

    @property
    def deadline(self) -> float | None:
        """When `TimerFired` is due; None: never."""
        waits = [self.shutdown_at, self._alone_at, *[m.deadline for m in self.machines.all]]
        return min([each for each in waits if each is not None], default=None)

    def known(self, name: WorkerName) -> say.Member:
        """Another member, with its addresses as far as they are known."""
        return self._members[name]

    # ---- events ----------------------------------------------------------------------------------

    def begin(self, now: float) -> list[do.ShellEffect]:
        """What is to be done first."""
        return self._followed(self._settled(self.machines.formation.begin(now), now), now)

    def step(self, event: on.Event, now: float) -> list[do.ShellEffect]:
        """Take one event, and what follows from it here; return what the shell is to do."""
        return self._followed(self._taken(event, now), now)

    def _followed(self, effects: list[do.ShellEffect], now: float) -> list[do.ShellEffect]:
        while self._own and not self.ended:
            effects += self._taken(self._own.popleft(), now)
        return effects

    def _taken(self, event: on.Event, now: float) -> list[do.ShellEffect]:
        forming = self.machines.membership is None
        effects = self._settled(self._take(event, now), now)
        if forming and self.machines.membership is not None:
            reused = routing.reuse_connection(self.machines, self.workers[0], now)
            effects += self._settled(reused, now)
        return effects

    def _take(self, event: on.Event, now: float) -> list[do.Effect]:
        routing.wake(self.machines, event, now)
        match event:
            case on.ConnectionOpened():
                leader = self.workers[0] if self.workers else None
                return routing.opened(self.machines, event, leader=leader, now=now)
            case _ if isinstance(event, routing.FOR_ALL):
                return routing.give(self.machines.all, event, now)
            case on.ConnectionMessage():
                effects, said = routing.heard(self.machines, event, now)
                return effects if said is None else [*effects, *self._take(said, now)]
            case on.TimerFired():
                return self._timer(now)
            case on.MemberMessage(sender, (say.StatusWanted() | say.StatusTold()) as message):
                return [do.HandToStatus(sender, message)]
            case on.MemberMessage(_, say.Refused(reason, exit_code)):
                return [do.Fail(refusal(reason, exit_code))]
            case _ if isinstance(event, on.Order):
                return take_order(self, event, now)
            case _:
                return self.give(event, now)

    def give(self, event: on.Event, now: float) -> list[do.Effect]:
        """Have the machines of rounds take an event."""
        return routing.give_of_rounds(self.machines, event, now)

    def _timer(self, now: float) -> list[do.Effect]:
        effects = routing.fire(self.machines, now)
        if self.shutdown_at is not None and self.shutdown_at <= now:
            effects += end_without_checkpoint(self)
        if self._alone_at is not None and self._alone_at <= now:
            self._alone_at = now + (wait_s := self.settings.timing.completion_wait_s)
            effects += [do.Fail(alone(wait_s))] if self.missing else []  # else disks take long
        return effects

    # ---- effects ---------------------------------------------------------------------------------

    def _settled(self, effects: Sequence[do.Effect], now: float) -> list[do.ShellEffect]:
        """Carry out what concerns this node itself; what is left is the shell's to do."""
        return [left for effect in effects for left in self._settle(effect, now)]

    def _settle(self, effect: do.Effect, now: float) -> list[do.ShellEffect]:  # noqa: PLR0912
        self._own.extend(routing.follows(self.machines, effect))
        match effect:
            case Copied():
                return []
            case do.SendOnConnection():
                return [msgspec.structs.replace(effect, stamp=self.stamp)]
            case do.SendToMember(name, message):
                return self._send(name, message)
            case do.Persist(record):
                self.record = record
            case do.Archive():
                self.record = None
            case do.Formed(record):
                return [effect, *self._settled(self._form(record, now), now)]
            case change_does.AdoptChange():  # until it ends, this worker is in the old epoch
                self.ended_as = WorkerState.OUTDATED
            case change_does.SetAside(reason, exit_code) if exit_code:
                self.failure = self.failure or RefusedError(reason)
            case change_does.SetAside():
                self.ended_as = WorkerState.FINISHED
            case change_does.FinishChange(ballot, change):
                self._own.append(AcceptanceFound(ballot, change))
                return []
            case do.Fail(error):
                self.failure = self.failure or error
                return []
            case do.PeerUp(member):
                self._members[member.name] = member
                self.machines.is_up(member)
                self._own.append(on.MemberUp(member))
            case do.PeerDown(name):
                self.machines.is_down(name)
                self._own.append(on.MemberDown(name))
            case do.HaltJob():
                self.machines.halt()
            case do.WriteRound(proposal):  # a holder may have moved, and is needed before it begins
                others = (m for m in proposal.members if m.name != self._founding.name)
                self._members |= {member.name: member for member in others}
            case do.BeginRound(proposal):
                return self._begin_round(proposal, now)
            case do.PublishedFinal():
                assert self.record is not None
                self.record = attrs.evolve(self.record, state=RecordState.PUBLISHED)
                self._own.append(on.FinalPublished())
                return [do.Persist(self.record)]
            case do.StopOrderly():
                self.shutdown_at = None
            case do.JobDone():
                self.machines.complete()
                if self.settings.exit_on_completion:
                    self.ended_as = WorkerState.FINISHED
        return [effect]

    def _send(self, name: WorkerName, message: say.ControlMessage) -> list[do.ShellEffect]:
        """Say something to a member that is connected, or to this worker itself."""
        if name == self._founding.name:
            self._own.append(on.MemberMessage(name, message))
            return []
        membership = self.machines.membership
        connection = membership.peers[name].connection if membership is not None else None
        return [] if connection is None else [do.SendOnConnection(connection, message, self.stamp)]

    def _form(self, record: ClusterRecord, now: float) -> list[do.Effect]:
        self.record = record
        self._members = {m.name: m for m in record.members if m.name != self._founding.name}
        self.machines.form(self._founding, record, settings=self.settings, vote=self._vote, now=now)
        if record.state is RecordState.PUBLISHED and self.settings.exit_on_completion:
            self._alone_at = now + self.settings.timing.completion_wait_s
        return leader.begin(now) if (leader := self.machines.recovery_leader) else []

    def _begin_round(self, proposal: say.RoundProposal, now: float) -> list[do.ShellEffect]:
        assert self.record is not None
        assert self.machines.membership is not None
        started = attrs.evolve(self.record, state=RecordState.STARTED, members=proposal.members)
        persist = [do.Persist(started)] if started != self.record else []
        self.record, self._alone_at = started, None
        self.machines.begin_round(started, proposal, settings=self.settings, now=now)
        gate = self._settled(self.machines.membership.started(), now)
        return [*persist, do.BeginRound(proposal), *gate]
