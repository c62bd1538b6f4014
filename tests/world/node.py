"""One worker of the simulated world: its disk, and its process while it lives.

It stands where the runtime stands: what the node that a worker decides with wants done is done here
to the simulated disk, the simulated job and the simulated network.
"""

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, assert_never

import attrs

from wallarood.control import effects as do
from wallarood.control.change import effects as change
from wallarood.control.effects import OfARound, ShellEffect
from wallarood.control.events import (
    CommitRecorded,
    Event,
    HoldingsRead,
    JobDrained,
    JobHalted,
    LeaveWanted,
    RoundWritten,
    SinksPublished,
    SnapshotFailed,
    SnapshotMoved,
    SnapshotWritten,
    StopWanted,
    TimerFired,
)
from wallarood.control.formation.startup import Role
from wallarood.control.node import ClusterNode
from wallarood.control.replicas.effects import OfReplicas
from wallarood.control.settings import NodeSettings, Timing
from wallarood.model.batch import Barrier
from wallarood.model.checkpoint import CheckpointPart
from wallarood.model.cluster_record import ClusterRecord
from wallarood.model.messages import Holdings, Purpose, RoundProposal
from wallarood.storage.checkpoints import CheckpointStore
from wallarood.storage.former import kept_parts

from . import replicas
from .disk import Disk
from .errors import ViolationError
from .job import Reports, SimJob

if TYPE_CHECKING:
    from .world import World

WRITE_AGAIN_S = 1.0
STOP_S = (1.0, 2.0, 6.0)
SETTINGS = NodeSettings(
    Timing(
        heartbeat_s=0.5,
        liveness_deadline_s=2.0,
        name_taken_wait_s=0.5,
        completion_wait_s=60.0,
        checkpoint_interval_s=0.7,
        checkpoint_deadline_s=4.0,
    ),
    in_vain_max=5,
    unpublished_max=4,
)
LATE = 80
"""How much longer a write takes that others may pass (`Bugs.unordered`)."""


class DiedError(Exception):
    """The process is no more."""


@attrs.define(eq=False)
class SimRound:
    """One round on one worker."""

    proposal: RoundProposal
    job: SimJob | None = None
    waiting: list[Callable[[SimJob], None]] = attrs.field(factory=list)
    keeping: dict[int, str] = attrs.field(factory=dict)
    leaving: set[int] = attrs.field(factory=set)
    """The checkpoints that were taken since a worker leaves."""
    taken: int = 0
    oldest_part: int = 0
    may_leave: int = 0
    """The last checkpoint that lets those leave who are told to stop."""
    said_drained: bool = False


@attrs.define(eq=False)
class Call:
    """A call of the store that waits for its turn."""

    call: Callable[[CheckpointStore], Any]
    done: Callable[[Any], None]
    failed: Callable[[], None]
    begun: Callable[[CheckpointStore], None] | None = None
    """What is done when its turn has come, before it takes its time."""


@attrs.define(eq=False, slots=False)
class Node:
    """A worker. Everything but `name`, `world` and `disk` is of its present life."""

    name: str
    world: "World"
    disk: Disk = attrs.field(factory=Disk)
    life: int = 0
    brain: ClusterNode | None = None
    stopped_until: float = 0.0

    def __attrs_post_init__(self) -> None:
        self._forget()

    def _forget(self) -> None:
        self.brain = None
        self.deadline: float | None = None
        """That of the brain, since its last step."""
        self.running: SimRound | None = None
        self.halting = False
        self.copies_out: replicas.CopyLink | None = None
        self.copies_in: dict[str, replicas.CopyLink] = {}
        self.gate: set[str] = set()
        self.store: CheckpointStore | None = None
        self.calls: deque[Call] = deque()
        self.call_in_progress: Call | None = None
        self.posted: deque[Event] = deque()
        self.queue: deque[Event] = deque()

    @property
    def alive(self) -> bool:
        """Whether there is a process."""
        return self.brain is not None

    @property
    def formed(self) -> bool:
        """Whether it knows that the cluster exists."""
        return self.brain is not None and self.brain.machines.membership is not None

    @property
    def completed(self) -> bool:
        """Whether the job is done, as far as it knows."""
        return self.brain is not None and self.brain.completed

    @property
    def decides(self) -> ClusterNode:
        """What it decides with, while it lives."""
        assert self.brain is not None
        return self.brain

    # ---- life ------------------------------------------------------------------------------------

    def start(self) -> None:
        """A process begins."""
        if self.alive:
            return
        self.disk.starts += self.world.bugs.start_counts
        begun = self.world.founders.starts(self)
        if begun is None:
            return
        role, record = begun
        self.brain = self.make_brain(role, record)
        self.guarded(lambda: self._perform(self.decides.begin(self.world.now)))

    def make_brain(self, role: Role, record: ClusterRecord | None) -> ClusterNode:
        """What a process decides with."""
        return ClusterNode(
            self.world.founding(self),
            role,
            record,
            settings=attrs.evolve(SETTINGS, replicas=self.world.copied_later.of(self.name)),
            now=self.world.now,
            classes=self.world.bugs.classes,
        )

    def die(self) -> None:
        """The process is killed: what it had in hand is lost."""
        self.life += 1
        if self.call_in_progress is not None and self.world.rng.random() < 0.5:
            self._apply(self.call_in_progress)
        if self.running is not None and self.running.job is not None:
            self.running.job.tear()
        self._forget()
        self.world.cut_all_of(self.name)

    @property
    def kept_journals(self) -> tuple[tuple[str, int], ...]:
        """In which epoch the copies here of others' journals were whole last."""
        return ()

    def stop(self) -> None:
        """The process is told to stop: it leaves in time, with a checkpoint if it can."""
        mine, life = self.running, self.life
        if mine is None:
            return
        before = mine.taken

        def patience_ends() -> None:
            if self.life == life and self.running is mine:
                self.world.check_leaving(self, mine.may_leave, before)
                self.guarded(self._leave_at_last)

        self.world.later(self.world.rng.choice(STOP_S), patience_ends)
        self.give(StopWanted())

    def _leave_at_last(self) -> None:
        self.world.leaves(self)
        raise DiedError

    def guarded(self, action: Callable[[], None]) -> None:
        """Do something in the course of which the process may die."""
        try:
            action()
        except DiedError:
            self.world.after_death(self)

    # ---- events ----------------------------------------------------------------------------------

    def give(self, event: Event) -> None:
        """Something has happened outside."""
        self.queue.append(event)
        self.guarded(self.turn)

    @property
    def is_due(self) -> bool:
        """Whether there is something to take or a deadline to look at."""
        late = self.deadline is not None and self.deadline <= self.world.now
        return late or bool(self.posted or self.queue)

    def turn(self) -> None:
        """Take all events, then look at the deadlines, as the driver does."""
        if self.stopped_until > self.world.now:
            return
        while self.brain is not None and (self.posted or self.queue):
            event = (self.posted or self.queue).popleft()
            self._perform(self.brain.step(event, self.world.now))
        if self.deadline is not None and self.deadline <= self.world.now:
            self._perform(self.decides.step(TimerFired(), self.world.now))
            self.turn() if self.posted else None

    def say_goodbye(self) -> None:
        """Tell the others that this process ends."""
        for effect in self.decides.step(LeaveWanted(), self.world.now):
            self._do(effect)

    # ---- effects ---------------------------------------------------------------------------------

    def _perform(self, effects: list[ShellEffect]) -> None:
        world, self.deadline = self.world, self.decides.deadline
        for effect in world.bugs.transform(self, effects):
            all_die = world.founders.all_die()
            if all_die or (world.faulty and world.rng.random() < world.death):
                world.kills(self, all_die=all_die)
                self.die()
                raise DiedError
            self._do(effect)
        if self.decides.failure is not None:
            world.fails(self, self.decides.failure)
            raise DiedError

    def _do(self, effect: ShellEffect) -> None:  # noqa: PLR0912 - a branch an effect
        match effect:
            case do.SendOnConnection(connection, message, stamp):
                self.world.send(self, connection, message, stamp)
            case do.Close(connection):
                self.world.close(connection)
            case do.Persist(record):
                self.disk.save(record)
                self.world.founders.check_record(record)
            case do.PersistNever(cluster_id):
                self.disk.nevers.add(cluster_id)
            case do.Archive():
                self.world.founders.archives(self)
            case do.Formed(record):
                self.world.founders.check_formed(self, record)
                self.store = self.world.bugs.opened(self.disk.open(record))
            case do.Report(text):
                self.world.say(f"{self.name}: {text}")
            case do.PeerDown(name):
                self.world.pipes.cut(self.name, name)
            case do.StopOrderly() | do.ReadyToLeave():
                self._leave_at_last()
            case do.JobDone():
                self.world.say(f"{self.name} has completed")
            case do.PeerUp() | do.WaitingFor() | do.HandToStatus():
                pass
            case change.WriteVote() | change.AdoptChange():
                self.do_change(effect)
            case change.CopyAhead() | change.StageChange():
                self.do_change(effect)
            case change.SetAside() | change.Unstage() | change.Seek() | change.SeekAt():
                self.do_change(effect)
            case change.TellOperator() | change.Distrust():
                self.do_change(effect)
            case _ if isinstance(effect, OfReplicas):
                replicas.perform(self, effect)
            case _:
                self._do_in_round(effect)

    def do_change(self, effect: change.OfAChange) -> None:
        """Nothing changes in this world."""
        raise ViolationError(f"{self.name} does {effect}")

    def _do_in_round(self, effect: OfARound) -> None:  # noqa: PLR0912 - as above
        match effect:
            case do.PauseSources():
                self.gate.add("members")
            case do.ResumeSources():
                self.gate.discard("members")
            case do.HaltJob():
                self.running, self.halting = None, True
                self._look_halted()
            case do.ReadHoldings(attempt):
                self.stored(
                    lambda store: Holdings(
                        attempt,
                        store.round,
                        store.held,
                        store.committed,
                        store.highest,
                        store.line,
                        tuple(store.kept.values()),
                        replicas=kept_parts(store),
                        journals=self.kept_journals,
                    ),
                    lambda holdings: self.posted.append(HoldingsRead(holdings)),
                )
            case do.WriteRound(proposal):
                self._write_round(proposal)
            case do.BeginRound(proposal):
                self._begin_round(proposal)
            case do.TakeBarrier(number, purpose, keep):
                self._take_barrier(number, purpose, keep)
            case do.ReleaseBarrier(number):
                if self.running is not None and self.running.job is not None:
                    self.running.job.release(number)
            case do.HoldSources(reason):
                self.world.say(f"{self.name}: sources pause: {reason}")
                self.gate.add("hold") if reason else self.gate.discard("hold")
            case do.DiscardCheckpoint(number):
                if self.running is not None:
                    self.running.oldest_part = max(self.running.oldest_part, number + 1)
                self._stored_in_round(lambda store: self._discard(store, number), lambda: None)
            case do.RecordCommitted(number):
                self._stored_in_round(
                    lambda store: store.record_committed(number),
                    lambda: self.posted.append(CommitRecorded(number)),
                )
            case do.PublishSinks(number):
                if self.running is not None and number in self.running.leaving:
                    self.running.may_leave = number
                self._publish(number)
            case do.ForgetKept(name):
                self.stored(lambda store: store.drop(name), lambda _: None)
            case do.SlowestElsewhere():
                pass
            case _:
                assert_never(effect)

    def _discard(self, store: CheckpointStore, number: int) -> None:
        store.discard(number)
        store.replicas.discard(number)

    # ---- rounds ----------------------------------------------------------------------------------

    def _write_round(self, proposal: RoundProposal) -> None:
        def write(store: CheckpointStore) -> int:
            line = 0 if self.world.bugs.forgets_line else proposal.line
            self.world.check_proposal(self, proposal)
            store.choose(proposal.round, proposal.checkpoint, highest=proposal.highest, line=line)
            replicas.check_void(self, store, proposal)
            if self.world.bugs.early_committed:
                store.record_committed(proposal.checkpoint.number)
            return store.committed.number

        def written(committed: int) -> None:
            self.posted.append(RoundWritten(proposal.round, committed))

        if self.world.bugs.early_accept:
            written(0)
            self.stored(write, lambda _: None)
        else:
            self.stored(write, written)

    def _begin_round(self, proposal: RoundProposal) -> None:
        self.world.check_round(self, proposal.round)
        self.world.check_durable(self, proposal)
        if self.copies_out is not None:
            self.copies_out.begins(proposal)
        mine = self.running = SimRound(proposal, taken=proposal.checkpoint.number)
        self.gate.clear()
        life = self.life
        self.world.later(self.world.rng.random() * 0.3, lambda: self._restore(mine, life))

    def _restore(self, mine: SimRound, life: int) -> None:
        if self.life != life or self.running is not mine:
            return
        assert self.store is not None
        self.store.record_committed(mine.proposal.checkpoint.number)
        self.disk.look(self.store)
        mine.job = self.make_job(mine)
        for each in mine.waiting:
            each(mine.job)

    def make_job(self, mine: SimRound) -> SimJob:
        """The job of a round."""
        assert self.store is not None
        return SimJob(
            self.name,
            self.world.workers,
            round=mine.proposal.round,
            line=mine.proposal.line,
            restored=self.store.restore(mine.proposal.checkpoint.number),
            records=self.world.records[self.name],
            disk=self.disk,
            parts=self.world.bugs.parts,
            reports=self.reports(mine),
        )

    def reports(self, mine: SimRound) -> Reports:
        """Whom the job of a round tells."""
        return Reports(
            lambda *moved: self.posted.append(SnapshotMoved(*moved)),
            lambda part: self._write(mine, part),
            self.world.cuts,
        )

    def _take_barrier(self, number: int, purpose: Purpose, keep: str) -> None:
        mine = self.running
        if mine is None:
            return
        mine.taken = number
        if keep:
            mine.keeping[number] = keep
        if purpose is Purpose.LEAVE:
            mine.leaving.add(number)

        def put(job: SimJob) -> None:
            if purpose in (Purpose.LEAVE, Purpose.SHUTDOWN, Purpose.CHANGE):
                self.gate.add("stop")
            job.put_barrier(Barrier(mine.proposal.round, number))

        mine.waiting.append(put) if mine.job is None else put(mine.job)

    def _write(self, mine: SimRound, part: CheckpointPart) -> None:
        number = part.checkpoint.number
        mine.oldest_part = max(mine.oldest_part, number)

        def report(event: Event) -> None:
            if self.running is mine:
                self.posted.append(event)

        def write(store: CheckpointStore) -> int | None:
            if number < mine.oldest_part:
                return None
            keep = mine.keeping.get(number, "")
            return store.write(self.world.bugs.part(store, part), keep=keep)

        def written(size_bytes: int | None) -> None:
            if size_bytes is not None and mine.job is not None:
                report(SnapshotWritten(number, size_bytes, mine.job.unpublished))

        def failed() -> None:
            report(SnapshotFailed(number, "no space left"))

        def begun(store: CheckpointStore) -> None:
            if number >= mine.oldest_part and self.running is mine and self.copies_out is not None:
                self.copies_out.capture(store, part)

        if self.world.bugs.early_ack:
            written(0)
            self._submit(Call(write, lambda _: None, failed, begun))
        else:
            call = Call(write, written, failed, begun)
            self._submit_unordered(call) if self.world.bugs.unordered else self._submit(call)

    def _publish(self, number: int) -> None:
        mine = self.running
        if mine is None:
            return

        def begin(job: SimJob) -> None:
            job.committed(number)

        mine.waiting.append(begin) if mine.job is None else begin(mine.job)

    def publish_some(self, job: SimJob) -> None:
        """Publish one part that may be, or say that all are."""
        if job.transactions.due(job.known):
            self.world.check_publish(self, job.known)
            job.publish_one()
        elif job.published < job.known:
            job.published = job.known
            self.posted.append(SinksPublished(job.known))

    def look_drained(self, mine: SimRound) -> None:
        """Say once that everything here has ended."""
        if mine.job is not None and mine.job.drained and not mine.said_drained:
            mine.said_drained = True
            self.posted.append(JobDrained())

    # ---- the store -------------------------------------------------------------------------------

    def stored(self, call: Callable[[CheckpointStore], Any], done: Callable[[Any], None]) -> None:
        """A call that is repeated until the disk takes it."""
        life = self.life
        mine = Call(call, done, lambda: self.world.later(WRITE_AGAIN_S, again))

        def again() -> None:
            if self.life == life:
                self._submit(mine)

        self._submit(mine)

    def _stored_in_round(
        self, call: Callable[[CheckpointStore], None], done: Callable[[], None]
    ) -> None:
        """As in the runtime: a call that means nothing in a later round."""
        ours = self.decides.stamp.round

        def if_ours(store: CheckpointStore) -> bool:
            same = store.round == ours
            if same:
                call(store)
            return same

        self.stored(if_ours, lambda carried_out: done() if carried_out else None)

    def _submit(self, call: Call) -> None:
        self.calls.append(call)
        self._next_call()

    def _submit_unordered(self, call: Call) -> None:
        life = self.life

        def now() -> None:
            if self.life == life:
                call.done(self._apply(call))

        self.world.later(self.world.disk_time(self.name) * LATE, now)

    def _next_call(self) -> None:
        if self.call_in_progress is not None or not self.calls:
            return
        call = self.call_in_progress = self.calls.popleft()
        if call.begun is not None and self.store is not None:
            call.begun(self.store)
        life = self.life
        self.world.later(self.world.disk_time(self.name), lambda: self._called(life))

    def _called(self, life: int) -> None:
        if self.life != life:
            return
        call, self.call_in_progress = self.call_in_progress, None
        assert call is not None
        if self.world.disk_fails(self.name):
            call.failed()
        else:
            call.done(self._apply(call))
        self._look_halted()
        self._next_call()
        self.guarded(self.turn)

    def _apply(self, call: Call) -> Any:
        assert self.store is not None
        result = call.call(self.store)
        self.disk.look(self.store)
        self.world.check_held()
        return result

    def _look_halted(self) -> None:
        idle = self.call_in_progress is None and not self.calls
        if self.halting and idle:
            self.halting = False
            self.posted.append(JobHalted())
