"""A worker that joins a cluster that runs, from its first question to its first round."""
# Theory of operation
# ===================
# It asks any member to be taken in, is sent to the one that proposes, and asks again as long as it
# hears nothing. Then it is told what the next epoch is to be, and makes durable what it has in it:
# from that moment on the change may be decided without it, so it is in doubt. It neither forgets
# what is staged nor acts on it before it hears of a decision, and asks again after every loss and
# every start. Any member of the new epoch can tell. Where the cluster has gone on without it, what
# is staged is never to be, and it is a new request that it makes. Until then it asks for that
# cluster alone: another one would not know, and what is staged here may be all there is of it.

from enum import Enum
from typing import ClassVar

from wallarood.control import effects as do
from wallarood.control import events as on
from wallarood.control.change.decided import adopted, effect_of, set_aside
from wallarood.control.change.effects import AdoptChange, SeekAt, StageChange, Unstage
from wallarood.control.change.events import AheadCopied, ChangeStaged, StagingFailed
from wallarood.control.formation.founding import FormationSettings
from wallarood.control.machine import Table, transition
from wallarood.model import messages as say
from wallarood.model.change import Change
from wallarood.model.cluster_record import ClusterRecord, Layout, RecordState
from wallarood.model.errors import PeersGoneError, RefusedError
from wallarood.model.ids import NO_BALLOT, Ballot, ClusterId


class Phase(Enum):
    """How far this worker is in the cluster."""

    ASKING = "asking"
    STAGING = "staging"
    STAGED = "staged"
    """In doubt: the change may be decided."""
    ADMITTED = "admitted"
    FAILED = "failed"


Q, G, D, A, X = Phase

_WAITING = (Q, G, D)
_AHEAD = (say.CopyAhead, AheadCopied)
_KINDS = (on.ConnectionOpened, on.ConnectionLost, say.AskThere, say.Busy, say.Waiting)

# Where each event may lead in each phase. Empty: a straggler, dropped.
TRANSITIONS: dict[tuple[Phase, type], frozenset[Phase]] = {
    **{(phase, kind): frozenset({phase}) for phase in _WAITING for kind in _KINDS},
    **{(phase, on.TimerFired): frozenset({phase, X}) for phase in _WAITING},
    **{(phase, say.Refused): frozenset({X}) for phase in _WAITING},
    **{(phase, kind): frozenset({phase}) for phase in _WAITING for kind in _AHEAD},
    **{(phase, say.Stage): frozenset({phase, G}) for phase in _WAITING},
    **{(phase, say.Decided): frozenset({phase, Q, A}) for phase in _WAITING},
    (G, ChangeStaged): frozenset({G, D}),
    (G, StagingFailed): frozenset({G, Q}),
    **{(phase, kind): frozenset() for phase in (Q, D) for kind in (ChangeStaged, StagingFailed)},
    **{
        (phase, kind): frozenset()
        for phase in (A, X)
        for kind in (
            *(*_KINDS, *_AHEAD),
            *(on.TimerFired, say.Refused, say.Stage, say.Decided, ChangeStaged, StagingFailed),
        )
    },
}


class Newcomer:
    """The machine. *staged* was found on disk: what this worker is, if a change was decided."""

    TRANSITIONS: ClassVar[Table] = TRANSITIONS
    INPUTS: ClassVar[tuple[type, ...]] = (
        *(*_KINDS, *_AHEAD),
        *(on.TimerFired, say.Refused, say.Stage, say.Decided, ChangeStaged, StagingFailed),
    )

    def __init__(
        self, settings: FormationSettings, now: float, staged: ClusterRecord | None = None
    ) -> None:
        self.phase = Phase.ASKING if staged is None else Phase.STAGED
        self.settings = settings
        self._cluster_id = None if staged is None else staged.cluster_id
        self._durable = None if staged is None else staged.change
        """What is staged here as a whole, and may be decided."""
        self._connection: int | None = None
        self._ballot: Ballot = NO_BALLOT
        self._change = self._durable
        self._epoch = self._change.epoch if self._change is not None else 0
        self._copying = ""
        self._copied = ""
        self._initializer = settings.name
        self._ask_at = now + settings.inquiry_interval_s
        self._gives_up_at = now + settings.formation_deadline_s

    def may_found(self, waiting: say.Waiting) -> bool:
        """Whether who is asked founds a cluster that this worker may be in; not if in doubt."""
        same = waiting.worker_count == self.settings.worker_count
        return same and self.phase is Phase.ASKING and self._change is None

    @property
    def connection(self) -> int | None:
        """The connection to the member that is asked, if there is one."""
        return self._connection

    @property
    def deadline(self) -> float | None:
        """When `TimerFired` is due; None: never."""
        ends = self.phase in (Phase.ADMITTED, Phase.FAILED)
        return None if ends else min(self._ask_at, self._gives_up_at)

    def begin(self, now: float) -> list[do.Effect]:  # noqa: ARG002 - as the initializer
        """What is to be done first."""
        return [do.WaitingFor("looking for a member of the cluster")]

    def step(self, event: on.Event, now: float) -> list[do.Effect]:
        """Take one event, return what is to be done about it."""
        if on.kind_of(event) in self.INPUTS:
            return transition(self, event, now)
        match event:
            case on.ConnectionMessage(connection, say.Join() | say.Inquiry() | say.Attach()):
                busy = say.Busy(f"{self.settings.name} is not in the cluster yet")
                return [do.SendOnConnection(connection, busy)]
            case _:
                return []

    def take(self, event: on.Event, now: float) -> list[do.Effect]:
        """Do what is done with an event that the table lets in."""
        match event:
            case on.ConnectionOpened(connection):
                self._connection = connection
                return self._ask()
            case on.ConnectionLost(connection):
                if connection == self._connection:
                    self._connection = None
                return []
            case on.TimerFired():
                return self._timer(now)
            case AheadCopied(name) if name == self._copying:
                self._copied = name
                return self._say_copied()
            case ChangeStaged(ballot) if ballot == self._ballot:
                self.phase, self._durable = Phase.STAGED, self._change
                return self._say_staged()
            case StagingFailed(ballot, why) if ballot == self._ballot:
                self.phase, self._change = Phase.ASKING, self._durable
                return self._say_staged(why)
            case on.ConnectionMessage(connection, say.AskThere(_, control)):
                return [SeekAt(control), do.Close(connection)]
            case on.ConnectionMessage(_, message):
                return self._message(message, now)
            case _:
                return []

    def _message(self, message: object, now: float) -> list[do.Effect]:
        match message:
            case say.Busy(reason):
                return [do.WaitingFor(f"waiting to be taken into the cluster: {reason}")]
            case say.CopyAhead():
                return self._copy(message, now)
            case say.Stage():
                return self._stage(message, now)
            case say.Decided(cluster_id, change):
                return self._decided(cluster_id, change)
            case say.Refused(reason, _):
                return [do.Fail(RefusedError(reason))]
            case _:
                return []

    @property
    def _asked(self) -> tuple[int, Ballot]:
        """What is to be staged."""
        return self._epoch, self._ballot

    def _is_of_another(self, cluster_id: ClusterId) -> bool:
        """Whether this worker is in doubt, and that is no cluster which could tell."""
        return self._durable is not None and cluster_id != self._cluster_id

    def _ask(self) -> list[do.Effect]:
        if self._connection is None:
            return []
        settings, staged = self.settings, self._change.epoch if self._change else 0
        asked_for = self._cluster_id if self._durable else settings.wanted_cluster_id
        join = say.JoinRunning(
            settings.member,
            settings.application,
            settings.fingerprint,
            say.PROTOCOL_VERSION,
            asked_for,
            staged,
        )
        return [do.SendOnConnection(self._connection, join)]

    def _copy(self, copy: say.CopyAhead, now: float) -> list[do.Effect]:
        self._gives_up_at = now + self.settings.formation_deadline_s
        if self.phase is not Phase.ASKING:  # what is staged is not to be put at risk
            self._copying = self._copied = copy.name
            return self._say_copied()
        if copy.name == self._copying:
            return self._say_copied() if copy.name == self._copied else []
        self._copying = copy.name
        return [effect_of(copy)]

    def _say_copied(self) -> list[do.Effect]:
        if self._connection is None:
            return []
        copied = say.CopiedAhead(self._copied, self.settings.name)
        return [do.SendOnConnection(self._connection, copied)]

    def _stage(self, stage: say.Stage, now: float) -> list[do.Effect]:
        self._gives_up_at = now + self.settings.formation_deadline_s
        # Each epoch has ballots of its own: that of another epoch may be the same.
        same = stage.cluster_id == self._cluster_id
        asked, known = (stage.change.epoch, stage.ballot), self._asked if same else (0, NO_BALLOT)
        if asked < known or not stage.change.has(self.settings.member):
            return []
        if self._is_of_another(stage.cluster_id):
            return []
        if asked == known and self.phase is not Phase.ASKING:
            return self._say_staged() if self.phase is Phase.STAGED else []
        self._epoch = stage.change.epoch
        self.phase, self._ballot, self._change = Phase.STAGING, stage.ballot, stage.change
        self._cluster_id, self._initializer = stage.cluster_id, stage.initializer
        before = Layout(stage.previous, stage.old_members)
        record = self._record(stage.cluster_id, stage.change, before)
        return [
            do.WaitingFor(f"taking over a part of cluster {stage.cluster_id}"),
            StageChange(stage.ballot, record, stage.previous, stage.old_members),
        ]

    def _record(
        self, cluster_id: str, change: Change, before: Layout | None = None
    ) -> ClusterRecord:
        name, state = self.settings.name, RecordState.STARTED
        made = ClusterRecord(
            cluster_id,
            state,
            name,
            self._initializer,
            change.fingerprint,
            change.topology,
            change.members,
        )
        return adopted(made, change, before)

    def _say_staged(self, problem: str = "") -> list[do.Effect]:
        if self._connection is None:
            return []
        me = self.settings.member
        staged = say.Staged(self._ballot, me.name, me.seat, problem)
        return [do.SendOnConnection(self._connection, staged)]

    def _decided(self, cluster_id: str, change: Change) -> list[do.Effect]:
        me, staged = self.settings.member, self._change
        if self._is_of_another(cluster_id):
            return []
        if not change.has(me):
            if staged is None or change.epoch < staged.epoch:
                return []
            self.phase, self._change, self._durable = Phase.ASKING, None, None
            return [Unstage(staged.epoch)]
        if staged is None or staged.epoch != change.epoch:
            return [set_aside(me, change)]
        self.phase = Phase.ADMITTED
        return [
            do.Report(f"this worker is in cluster {cluster_id}, since epoch {change.epoch}"),
            AdoptChange(self._record(cluster_id, change)),
        ]

    def _timer(self, now: float) -> list[do.Effect]:
        if now < self._gives_up_at:
            self._ask_at = now + self.settings.inquiry_interval_s
            return self._ask()
        self.phase = Phase.FAILED
        seconds = f"{self.settings.formation_deadline_s:g} s (timing.formation-deadline)"
        doubt = "; what it has staged is kept for the next start" if self._change else ""
        return [do.Fail(PeersGoneError(f"not taken into a cluster within {seconds}{doubt}"))]
