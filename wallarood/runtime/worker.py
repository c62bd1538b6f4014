"""The state of one worker: its node, its connections, its store and its job, in one place.

The driver steps the node, `perform` carries out what it wants; both work on a `Worker`, and status
is read from it. Nothing here decides or does anything by itself.
"""

import contextlib
import math
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

import attrs
import trio

from wallarood.control.change.effects import SetAside, TellOperator
from wallarood.control.events import Event
from wallarood.control.node import ClusterNode
from wallarood.control.worker_state import WorkerState
from wallarood.model.errors import RefusedError
from wallarood.model.ids import Address, WorkerName
from wallarood.model.messages import Listing, Member, RoundProposal, StatusTold, StatusWanted
from wallarood.model.pipeline import Application
from wallarood.runtime.checkpoint_log import CheckpointLog
from wallarood.runtime.control_task import ControlConnections
from wallarood.runtime.dataflow.counters import LinkCounters
from wallarood.runtime.dataflow.gate import Gate
from wallarood.runtime.dataflow.job import Job
from wallarood.runtime.dataflow.limits import JobLimits
from wallarood.runtime.peers.links import LinkLimits, Links
from wallarood.runtime.ports import CheckpointStore, DialData, RecordStore
from wallarood.runtime.profile import Profile
from wallarood.runtime.setups import Setups
from wallarood.runtime.store.turns import Turns
from wallarood.wire.records.untyped import PickleRule

if TYPE_CHECKING:  # what few workers come to need is not imported at every start
    from wallarood.planning.back import GoBack
    from wallarood.planning.upgrade import NewVersion
    from wallarood.runtime.change.collecting import Collected
    from wallarood.runtime.change.kept import Gone, Kept
    from wallarood.runtime.peers.holder_link import HolderLink
    from wallarood.runtime.peers.owner_link import Files, OwnerLink
    from wallarood.runtime.tracer import Tracer

ANSWERS_MAX = 16


@attrs.frozen
class Woken:
    """Something was posted: the driver is to look."""


@attrs.frozen
class Settings:
    """What an operator has configured, as far as the runtime needs it."""

    job: JobLimits
    links: LinkLimits
    pickle: PickleRule
    initializer_address: Address


@attrs.define(eq=False)
class Changing:
    """What a change of the cluster does to this worker.

    `moving` says in words what is moved here; `set_aside` is how it ends its part in the cluster;
    `sought` is where a worker that joins looks for the member that takes it in; `answers` are what
    has become of requests that were made here. `upgrade` is how the cluster comes to the new
    version of the application that this worker runs, if it does, and `listings` are what the
    sources of that list here.
    """

    moving: str = ""
    told: str = ""
    """The last step of a change that the log has."""
    staging: trio.CancelScope | None = None
    set_aside: SetAside | None = None
    sought: Address | None = None
    failure: RefusedError | None = None
    """Why this worker cannot go on in the next epoch."""
    answers: deque[TellOperator] = attrs.field(factory=lambda: deque(maxlen=ANSWERS_MAX))
    gone: "Gone" = attrs.field(factory=dict)
    """The keys that were handed over."""
    resting: set[object] = attrs.field(factory=set)
    """One for each that reads what another copies while records flow."""
    ahead: "Collected | None" = None
    """What was copied here while records flowed."""
    kept: "Kept | None" = None
    """What the worker that follows this one in the process goes on with."""
    upgrade: "NewVersion | GoBack | None" = None
    listings: tuple[Listing, ...] = ()

    def end_staging(self) -> None:
        """What is staged, or copied ahead, is for a change that will not be."""
        if self.staging is not None:
            self.staging.cancel()


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
    `works` takes what must be done with the job; it is done as soon as the job stands, and not any
    more when the round has ended.
    """

    proposal: RoundProposal
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
    """The first checkpoint after whose barrier sources stand still until the next round."""
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


@attrs.define(eq=False)
class ReplicaLinks:
    """The connections for copies of parts that there are now."""

    to_holder: "HolderLink | None" = None
    of_owners: "dict[WorkerName, OwnerLink]" = attrs.field(factory=dict)
    files: "dict[WorkerName, Files]" = attrs.field(factory=dict)
    """The copies of owners' files, for one connection after the other."""
    counters: LinkCounters = attrs.field(factory=LinkCounters)
    """What has gone to the holder, since the start."""


@attrs.define(eq=False)
class Worker:
    """One worker at run time: what it decides with, and what carries out the decisions.

    What is None does not exist yet. `round` stays when it has been halted.
    """

    node: ClusterNode
    application: Application
    store: RecordStore
    dial_data: DialData
    settings: Settings
    connections: ControlConnections
    events: trio.MemorySendChannel[Event | Woken]
    nursery: trio.Nursery
    notify: Callable[[], None]
    gate: Gate = attrs.field(factory=Gate)
    on_status: Callable[[WorkerName, StatusWanted | StatusTold], None] = lambda _, __: None
    profile: Profile | None = None
    tracer: "Tracer | None" = None
    change: Changing = attrs.field(factory=Changing)
    checkpoints: CheckpointStore | None = None
    turns: Turns = attrs.field(factory=Turns)
    setups: Setups = attrs.field(
        init=False, default=attrs.Factory(lambda self: Setups(self.application.setups), True)
    )
    round: Round | None = None
    replicas: ReplicaLinks = attrs.field(factory=ReplicaLinks)
    last_checkpoint: LastCheckpoint | None = None
    checkpoint_log: CheckpointLog = attrs.field(factory=CheckpointLog)
    part_problem: str = ""
    """Why the last part of a checkpoint could not be written, until one is."""
    call_problem: str = ""
    """Why the store refused what else was wanted of it, until it is done or needed no more."""
    posted: deque[Event] = attrs.field(factory=deque)
    waiting_for: str = ""
    may_leave: trio.Event = attrs.field(factory=trio.Event)

    def post(self, event: Event) -> None:
        """Something has happened here: the driver takes it before what comes from outside."""
        self.posted.append(event)
        with contextlib.suppress(trio.WouldBlock):
            self.events.send_nowait(Woken())

    @property
    def member(self) -> Member:
        """This worker's own entry."""
        return self.node.member

    @property
    def disk_problem(self) -> str:
        """What the disk of this worker refuses, and why; empty if nothing."""
        return self.part_problem or self.call_problem

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
    def checkpoint_waits_for(self) -> str:
        """What the checkpoint in flight waits for, as far as is known here; empty if none is."""
        machines = self.node.active_round
        if machines is None or self.round is None:
            return ""
        if machines.checkpoint_leader is not None:
            return machines.checkpoint_leader.waiting_for
        member = machines.checkpoint_member
        if member.taken == member.held:
            return ""
        return f"checkpoint {member.taken} waits for {self.round.awaiting} here"

    @property
    def phase(self) -> str:
        """What this worker is doing, in a word."""
        node = self.node
        if node.failure is not None:
            return "failed"
        if node.completed:
            return "completed"
        if node.state is WorkerState.OUTDATED:  # the one that follows it in this process runs
            return "recovering"
        if self.running is None or not self.running.ready.is_set():
            return "recovering" if node.has_run else "forming"
        return "running" if self.gate.is_open else "paused"

    @property
    def phase_text(self) -> str:
        """What this worker is doing, for a person."""
        return f"{self.phase}: {self.waiting}" if self.waiting else self.phase

    @property
    def status_text(self) -> str:
        """What a service manager shows: the phase, and how old the last checkpoint is."""
        last = self.last_checkpoint
        if self.phase != "running" or last is None or self.change_text:
            return self.phase_text
        return f"running, checkpoint {last.number} {trio.current_time() - last.at:.0f} s ago"

    @property
    def change_text(self) -> str:
        """How far a change of the cluster is, in words; empty if there is none."""
        return self.change.moving or self.node.machines.change_text

    @property
    def waiting(self) -> str:
        """What it waits for; empty if it does not."""
        if changing := self.change_text:
            return changing
        if self.running is not None and not self.gate.is_open:
            return self.gate.reason
        return self._copying or self.waiting_for

    @property
    def _copying(self) -> str:
        """That a round waits for the copy of what it starts from; empty if it does not."""
        link, copies = self.replicas.to_holder, self.node.machines.copies
        if link is None or copies is None or not copies.keeps_round:
            return ""
        return f"waiting for the copy on {link.holder}{link.how_far}"
