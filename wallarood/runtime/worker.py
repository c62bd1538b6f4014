"""The state of one worker: its machines, its connections and its job, in one place.

The driver steps the machines, `perform` carries out what they want; both work on a `Worker`, and
status is read from it. Nothing here decides or does anything by itself.
"""

import contextlib
import math
from collections import deque
from collections.abc import Callable
from typing import TypeAlias

import attrs
import trio

from wallarood.control.events import Event, Woken
from wallarood.control.formation.initializer import Initializer
from wallarood.control.formation.joiner import Joiner
from wallarood.control.membership import Membership
from wallarood.control.rounds.checkpoint_leader import CheckpointLeader
from wallarood.control.rounds.checkpoint_member import CheckpointMember
from wallarood.control.rounds.completion import Completion
from wallarood.control.rounds.recovery_leader import RecoveryLeader
from wallarood.control.rounds.recovery_member import RecoveryMember
from wallarood.control.stale import Stamp
from wallarood.model.cluster_record import ClusterRecord, RecordState
from wallarood.model.errors import WallaroodError
from wallarood.model.ids import Address, WorkerName
from wallarood.model.messages import Choice, Member, StatusTold, StatusWanted
from wallarood.model.pipeline import Application
from wallarood.runtime.control_task import ControlConnections
from wallarood.runtime.dataflow.gate import Gate
from wallarood.runtime.dataflow.job import Job
from wallarood.runtime.dataflow.limits import JobLimits
from wallarood.runtime.peers.links import LinkLimits, Links
from wallarood.runtime.ports import CheckpointStore, DialData, RecordStore
from wallarood.runtime.profile import Profile
from wallarood.runtime.setups import Setups
from wallarood.runtime.store_task import StoreTask
from wallarood.wire.records import PickleRule


@attrs.frozen
class Timing:
    """Deadlines and intervals in seconds."""

    heartbeat_s: float = 1.0
    liveness_deadline_s: float = 5.0
    name_taken_wait_s: float = 2.0
    completion_wait_s: float = 60.0
    checkpoint_interval_s: float = 5.0
    checkpoint_deadline_s: float = 30.0


@attrs.frozen
class Settings:
    """What an operator has configured, as far as the runtime needs it."""

    timing: Timing
    job: JobLimits
    links: LinkLimits
    pickle: PickleRule
    exit_on_completion: bool
    initializer_address: Address


Work: TypeAlias = Callable[[Job, trio.Nursery], None]
"""Something to be done with the job of a round; what takes time is started in the nursery."""


@attrs.frozen
class LastCheckpoint:
    """What status says of the last checkpoint that this worker has written."""

    number: int
    at: float
    duration_s: float
    size_bytes: int


@attrs.define(eq=False)
class Round:
    """One round on this worker, from the moment it begins: its job and links, when they are there.

    `ready` is set when the job stands, `ended` when everything of the round has come to rest.
    `works` takes what is to be done with the job; it is done as soon as the job stands, and not any
    more when the round has ended.
    """

    choice: Choice
    snapshotter: CheckpointMember
    completion: Completion
    coordinator: CheckpointLeader | None
    scope: trio.CancelScope = attrs.field(factory=trio.CancelScope)
    ready: trio.Event = attrs.field(factory=trio.Event)
    ended: trio.Event = attrs.field(factory=trio.Event)
    nursery: trio.Nursery | None = None
    job: Job | None = None
    links: Links | None = None
    works: trio.MemorySendChannel[Work] = attrs.field(init=False)
    _works: trio.MemoryReceiveChannel[Work] = attrs.field(init=False)
    oldest_part: int = 0
    """Parts of checkpoints below this one need not be written any more."""
    keeping: dict[int, str] = attrs.field(factory=dict)
    stopping_at: int = 0
    """The first checkpoint behind whose barrier sources stand still until the next round."""
    taken_at: dict[int, float] = attrs.field(factory=dict)
    awaiting: str = ""

    def __attrs_post_init__(self) -> None:
        # Bounded by what is asked for: a checkpoint at a time, and a few marks.
        self.works, self._works = trio.open_memory_channel[Work](math.inf)

    async def do_works(self) -> None:
        """Do, in their order, what is sent to `works`; the job stands."""
        assert self.job is not None
        async with trio.open_nursery() as nursery:
            async for work in self._works:
                work(self.job, nursery)

    @property
    def checkpoint_waits_for(self) -> str:
        """What the checkpoint in flight waits for, as far as is known here; empty if none is."""
        if self.coordinator is not None:
            return self.coordinator.waiting_for
        if self.snapshotter.taken == self.snapshotter.held:
            return ""
        return f"checkpoint {self.snapshotter.taken} waits for {self.awaiting} here"


@attrs.define(eq=False)
class Worker:
    """One worker at run time. What is None does not exist yet.

    `members` has the newest entry of every other member. `round` stays when it has been halted.
    """

    member: Member
    application: Application
    founding: Initializer | Joiner
    store: RecordStore
    dial_data: DialData
    settings: Settings
    connections: ControlConnections
    events: trio.MemorySendChannel[Event]
    nursery: trio.Nursery
    notify: Callable[[], None]
    gate: Gate = attrs.field(factory=Gate)
    on_status: Callable[[WorkerName, StatusWanted | StatusTold], None] = lambda _, __: None
    profile: Profile | None = None
    record: ClusterRecord | None = None
    members: dict[WorkerName, Member] = attrs.field(factory=dict)
    membership: Membership | None = None
    recovery: RecoveryLeader | None = None
    rollback: RecoveryMember | None = None
    checkpoints: CheckpointStore | None = None
    store_task: StoreTask = attrs.field(factory=StoreTask)
    setups: Setups = attrs.field(
        init=False, default=attrs.Factory(lambda self: Setups(self.application.setups), True)
    )
    round: Round | None = None
    last_checkpoint: LastCheckpoint | None = None
    disk_problem: str = ""
    posted: deque[Event] = attrs.field(factory=deque)
    completed: bool = False
    waiting_for: str = ""
    failure: WallaroodError | None = None
    finished: bool = False
    outdated: bool = False
    """It is to begin anew, with what is on disk."""
    may_leave: trio.Event = attrs.field(factory=trio.Event)
    ends_last: bool = False
    """An operator has told it, and no other, to end the cluster: it sees the others end."""

    def post(self, event: Event) -> None:
        """Something has happened here: the driver takes it before what comes from outside."""
        self.posted.append(event)
        with contextlib.suppress(trio.WouldBlock):
            self.events.send_nowait(Woken())

    @property
    def leads(self) -> bool:
        """Whether this worker is the leader."""
        return self.record is not None and self.record.topology.leader == self.member.name

    @property
    def running(self) -> Round | None:
        """The round that runs; None before the first, and while this worker rolls back."""
        there = self.round is not None and not self.round.scope.cancel_called
        return self.round if there else None

    @property
    def job(self) -> Job | None:
        """The job of the round that runs, if it stands."""
        return self.running.job if self.running is not None else None

    @property
    def stamp(self) -> Stamp:
        """What our messages carry."""
        if self.record is None or self.membership is None:
            return Stamp()
        number = self.round.choice.round if self.round is not None else 0
        return Stamp(self.record.cluster_id, self.record.topology.epoch, number)

    @property
    def phase(self) -> str:
        """What this worker is doing, in a word."""
        if self.failure is not None:
            return "failed"
        if self.completed:
            return "completed"
        if self.membership is None:
            return "forming"
        if self.running is None or not self.running.ready.is_set():
            return "recovering" if self._has_run else "forming"
        return "running" if self.gate.is_open else "paused"

    @property
    def _has_run(self) -> bool:
        ran = (RecordState.STARTED, RecordState.PUBLISHED)
        return self.record is not None and self.record.state in ran

    @property
    def phase_text(self) -> str:
        """What this worker is doing, for a person."""
        return f"{self.phase}: {self.waiting}" if self.waiting else self.phase

    @property
    def status_text(self) -> str:
        """What a service manager shows: the phase, and how old the last checkpoint is."""
        last = self.last_checkpoint
        if self.phase != "running" or last is None:
            return self.phase_text
        return f"running, checkpoint {last.number} {trio.current_time() - last.at:.0f} s ago"

    @property
    def waiting(self) -> str:
        """What it waits for; empty if it does not."""
        if self.running is not None and not self.gate.is_open:
            return self.gate.reason
        return self.waiting_for
