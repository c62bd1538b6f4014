"""The machines of one worker that exist now, and how they are made."""

# Theory of operation
# ===================
# Few clusters ever change, and one worker alone keeps no replicas. So the machines for either are
# made, and imported, when there is first something for them: until then they would only have
# dropped what they were given.

from functools import partial
from typing import TYPE_CHECKING

import attrs

from wallarood.control.change.seeker import Seeker
from wallarood.control.change.view import View
from wallarood.control.formation.founding import FormationSettings
from wallarood.control.formation.initializer import Initializer
from wallarood.control.formation.joiner import Joiner
from wallarood.control.formation.startup import Role
from wallarood.control.machine import Machine
from wallarood.control.membership.membership import Membership
from wallarood.control.rounds.active_round import ActiveRound
from wallarood.control.rounds.newer import waits
from wallarood.control.rounds.recovery_leader import RecoveryLeader
from wallarood.control.rounds.recovery_member import RecoveryMember
from wallarood.control.settings import MachineClasses, NodeSettings, Timing
from wallarood.model.change import Trust, Vote
from wallarood.model.cluster_record import ClusterRecord
from wallarood.model.ids import Member, WorkerName
from wallarood.model.messages import RoundProposal, Waiting

if TYPE_CHECKING:
    from collections.abc import Callable

    from wallarood.control.change.newcomer import Newcomer
    from wallarood.control.change.participant import Participant
    from wallarood.control.change.proposing.changer import Changer
    from wallarood.control.replicas.copies import Copies


@attrs.define(eq=False)
class Machines:
    """What is None does not exist yet.

    Only the leader has a `recovery_leader`, and only where there are others there are `copies`.
    `round` is the one that has begun last, also when it has been `halted`.
    """

    classes: MachineClasses
    formation: "Initializer | Joiner | Newcomer"
    membership: Membership | None = None
    recovery_leader: RecoveryLeader | None = None
    recovery_member: RecoveryMember | None = None
    copies: "Copies | None" = None
    round: ActiveRound | None = None
    halted: bool = False
    view: View | None = None
    changer: "Changer | None" = None
    participant: "Participant | None" = None
    make_changing: "Callable[[float], None] | None" = None
    """Makes these two; None when it has, and before there is a cluster."""
    seeker: Seeker | None = None
    evictor: Machine | None = None

    @property
    def active_round(self) -> ActiveRound | None:
        """The round that runs; None before the first, and while this worker rolls back."""
        return None if self.halted else self.round

    @property
    def of_rounds(self) -> list[Machine]:
        """The machines that take what a member says, in the order in which they take it."""
        found = (
            *(self.recovery_leader, self.recovery_member),
            *(self.changer, self.participant, self.seeker, self.evictor),
        )
        active = () if self.halted or self.round is None else self.round.machines
        return [*[machine for machine in found if machine is not None], *active]

    @property
    def all(self) -> list[Machine]:
        """All machines, in the order in which they take an event."""
        if self.membership is None:
            return [self.formation, *self.of_rounds]
        return [self.formation, self.membership, *self.of_rounds]

    @property
    def change_text(self) -> str:
        """How far a change of the cluster is, in words, as far as it is known here; or empty."""
        proposed = self.changer.proposal.progress if self.changer is not None else ""
        part = self.participant.progress if self.participant is not None else ""
        return proposed or part or (waits(self.view) if self.view is not None else "")

    @staticmethod
    def of(
        founding: FormationSettings,
        role: Role,
        record: ClusterRecord | None,
        *,
        classes: MachineClasses | None,
        staged: ClusterRecord | None = None,
        now: float,
    ) -> "Machines":
        """What a worker has at its start. *role* is the one that it has in *record*'s cluster."""
        classes = classes or MachineClasses()
        if role is Role.NEWCOMER:
            from wallarood.control.change.newcomer import Newcomer  # noqa: PLC0415 - as above

            return Machines(classes, (classes.newcomer or Newcomer)(founding, now, staged))
        made = classes.initializer if role is Role.INITIALIZER else classes.joiner
        return Machines(classes, made(founding, now, record))

    def found_instead(self, waiting: Waiting, now: float) -> bool:
        """Whether this worker, that wants to join what runs, takes part in a founding: so it is.

        Where `worker.join` stands in the configuration of all, their first start founds a cluster.
        """
        newcomer = self.formation
        if isinstance(newcomer, Initializer | Joiner) or not newcomer.may_found(waiting):
            return False
        self.formation = self.classes.joiner(newcomer.settings, now, None)
        return True

    def form(
        self,
        founding: FormationSettings,
        record: ClusterRecord,
        *,
        settings: NodeSettings,
        vote: Vote | None = None,
        now: float,
    ) -> None:
        """The cluster of *record* exists: make the machines that it has before its first round."""
        timing, workers = settings.timing, record.topology.workers
        self.membership = self.classes.membership(
            record,
            founding.member,
            tuple(member for member in record.members if member.name != founding.name),
            heartbeat_s=timing.heartbeat_s,
            liveness_deadline_s=timing.liveness_deadline_s,
            name_taken_wait_s=timing.name_taken_wait_s,
            now=now,
        )
        epoch = record.topology.epoch
        vote = vote if vote is not None and vote.epoch == epoch else Vote(epoch)
        self.recovery_member = self.classes.recovery_member(workers[0], vote, founding.trust)
        if len(workers) > 1:
            self.copies = self._make_copies(record, settings)
        if founding.name == workers[0]:
            self.recovery_leader = self.classes.recovery_leader(founding.member, workers, vote)
        self.view = View(
            founding.member,
            record,
            founding.upgrade,
            trust=founding.trust,
            journalled=founding.journalled,
        )
        self.make_changing = partial(
            self._make_changing, founding, vote, wait_s=timing.change_wait_s
        )
        if vote != Vote(epoch):
            self.make_changing(now)
        if founding.replan is not None:
            self.seeker = Seeker(self.view, now=now, seek_s=timing.seek_s)
            self.evictor = self._make_evictor(timing, founding.waits, now)

    def _make_evictor(
        self, timing: Timing, waits: tuple[tuple[str, int], ...], now: float
    ) -> Machine | None:
        assert self.view is not None
        assert self.membership is not None
        if timing.evict_after_s is None:
            return None
        from wallarood.control.change.evictor import Evictor  # noqa: PLC0415 - as above

        return (self.classes.evictor or Evictor)(
            self.view,
            self.membership.peers,
            evict_after_s=timing.evict_after_s,
            beat_s=timing.heartbeat_s,
            waits=waits,
            now=now,
        )

    def _make_changing(
        self, founding: FormationSettings, vote: Vote, now: float, *, wait_s: float
    ) -> None:
        from wallarood.control.change.participant import Participant  # noqa: PLC0415 - as above
        from wallarood.control.change.proposing.changer import Changer  # noqa: PLC0415

        assert self.view is not None
        made, self.make_changing = self.classes, None
        self.participant = (made.participant or Participant)(self.view)
        self.changer = (made.changer or Changer)(
            self.view, founding.replan, vote, now=now, wait_s=wait_s
        )

    def complete(self) -> None:
        """The job is done."""
        assert self.membership is not None
        self.membership.completed()
        if self.view is not None:
            self.view.completed = True

    def halt(self) -> None:
        """The round that runs ends here."""
        self.halted = True
        if self.view is not None:
            self.view.running = False

    def is_up(self, member: Member) -> None:
        """A member is attached."""
        if self.view is not None:
            self.view.is_up(member)

    def is_down(self, name: WorkerName) -> None:
        """A member is not heard of."""
        if self.view is not None:
            self.view.is_down(name)

    def _make_copies(self, record: ClusterRecord, settings: NodeSettings) -> "Copies":
        from wallarood.control.replicas.copies import Copies  # noqa: PLC0415 - as above
        from wallarood.control.replicas.holder import Holder  # noqa: PLC0415
        from wallarood.control.replicas.replicator import Replicator  # noqa: PLC0415

        name, workers, replicator = record.worker, record.topology.workers, None
        made, layout = self.classes, record.topology.epoch
        if settings.replicas:
            replicator = (made.replicator or Replicator)(name, workers, layout=layout)
        return Copies(record, (made.holder or Holder)(name, workers), replicator)

    def begin_round(
        self, record: ClusterRecord, proposal: RoundProposal, *, settings: NodeSettings, now: float
    ) -> None:
        """Make the machines of the round of *proposal*, in the place of those of the last one."""
        timing, committed = settings.timing, proposal.checkpoint.number
        name, workers, leader = record.worker, record.topology.workers, None
        if name == workers[0]:
            leader = self.classes.checkpoint_leader(
                workers,
                highest=proposal.highest,
                committed=committed,
                interval_s=timing.checkpoint_interval_s,
                deadline_s=timing.checkpoint_deadline_s,
                now=now,
                in_vain_max=settings.in_vain_max,
                unpublished_max=settings.unpublished_max,
            )
        self.halted = False
        if self.view is not None:
            self.view.running, self.view.completed = True, False
            if proposal.afresh:
                self.view.trust = Trust.WHOLE
                self.view.restored.clear()
        self.round = ActiveRound(
            proposal,
            self.classes.checkpoint_member(name, workers[0], committed=committed),
            self.classes.completion(name, workers, completion_wait_s=timing.completion_wait_s),
            leader,
        )
