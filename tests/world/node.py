"""One worker of the simulated world: its disk, and its process while it lives.

It stands where the runtime stands: the real driver steps the real machines, and what they want is
done here to the simulated disk, the simulated job and the simulated network.
"""

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import attrs

from wallarood.control import effects as do
from wallarood.control.effects import Effect
from wallarood.control.events import (
    CheckpointWanted,
    ChoiceWritten,
    CommitRecorded,
    ConnectionOpened,
    Event,
    FinalPublished,
    HoldingsRead,
    JobDrained,
    JobHalted,
    MemberDown,
    MemberMessage,
    MemberUp,
    SinksPublished,
    SnapshotFailed,
    SnapshotMoved,
    SnapshotWritten,
    StopWanted,
    TimerFired,
)
from wallarood.control.formation.initializer import Initializer
from wallarood.control.formation.joiner import Joiner
from wallarood.control.formation.startup import GoOn, Role, decide
from wallarood.control.membership import Membership
from wallarood.control.rounds.checkpoint_leader import CheckpointLeader
from wallarood.control.rounds.checkpoint_member import CheckpointMember
from wallarood.control.rounds.completion import Completion
from wallarood.control.rounds.recovery_leader import RecoveryLeader
from wallarood.control.rounds.recovery_member import RecoveryMember
from wallarood.control.stale import Stamp
from wallarood.model.batch import Barrier
from wallarood.model.checkpoint import CheckpointPart
from wallarood.model.cluster_record import ClusterRecord, RecordState
from wallarood.model.messages import Choice, Holdings, Purpose, RequestCheckpoint
from wallarood.runtime.driver import _timed, step
from wallarood.storage.checkpoints import CheckpointStore

from .disk import Disk
from .job import Reports, SimJob

if TYPE_CHECKING:
    from .world import World

FINGERPRINT = ("application simulated",)
WRITE_AGAIN_S = 1.0
STOP_S = (1.0, 2.0, 6.0)
IN_VAIN_MAX = 5
UNPUBLISHED_MAX = 4
LATE = 80
"""How much longer a write takes that others may pass (`Bugs.unordered`)."""


class DiedError(Exception):
    """The process is no more."""


@attrs.define(eq=False)
class SimRound:
    """One round on one worker."""

    choice: Choice
    snapshotter: CheckpointMember
    completion: Completion
    coordinator: CheckpointLeader | None
    job: SimJob | None = None
    waiting: list[Callable[[SimJob], None]] = attrs.field(factory=list)
    keeping: dict[int, str] = attrs.field(factory=dict)
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


@attrs.define(eq=False, slots=False)
class Node:
    """A worker. Everything but `name`, `world` and `disk` is of its present life."""

    name: str
    world: "World"
    disk: Disk = attrs.field(factory=Disk)
    life: int = 0
    founding: Initializer | Joiner | None = None
    stopped_until: float = 0.0

    def __attrs_post_init__(self) -> None:
        self._forget()

    def _forget(self) -> None:
        self.founding = None
        self.membership: Membership | None = None
        self.recovery: RecoveryLeader | None = None
        self.rollback: RecoveryMember | None = None
        self.record: ClusterRecord | None = None
        self.running: SimRound | None = None
        self.halting = False
        self.round_number = 0
        self.gate: set[str] = set()
        self.completed = False
        self.store: CheckpointStore | None = None
        self.calls: deque[Call] = deque()
        self.call_in_progress: Call | None = None
        self.posted: deque[Event] = deque()
        self.queue: deque[Event] = deque()

    @property
    def alive(self) -> bool:
        """Whether there is a process."""
        return self.founding is not None

    @property
    def leads(self) -> bool:
        """Whether this worker is the leader."""
        return self.name == self.world.workers[0]

    @property
    def stamp(self) -> Stamp:
        """As `Worker.stamp`."""
        if self.record is None or self.membership is None:
            return Stamp()
        return Stamp(self.record.cluster_id, self.record.topology.epoch, self.round_number)

    # ---- life ------------------------------------------------------------------------------------

    def start(self) -> None:
        """A process begins, as the packaged unit starts it."""
        self.disk.starts += self.world.bugs.start_counts
        role = Role.INITIALIZER if self.leads else Role.JOINER
        decision = decide(
            self.disk.record, "auto", worker=self.name, fingerprint=FINGERPRINT, role=role
        )
        record = decision.record if isinstance(decision, GoOn) else None
        if record is not None and record.state is RecordState.PREPARED and self.leads:
            self.disk.nevers.add(record.cluster_id)
            self.disk.forget()
            record = None
        self.record = record
        machine = Initializer if self.leads else Joiner
        self.founding = machine(self.world.founder(self), self.world.now, record)
        now = self.world.now
        begin = self.founding.begin
        self.guarded(lambda: self._perform(begin(now) if self.leads else begin()))

    def die(self) -> None:
        """The process is killed: what it had in hand is lost."""
        self.life += 1
        if self.call_in_progress is not None and self.world.rng.random() < 0.5:
            self._apply(self.call_in_progress)
        if self.running is not None and self.running.job is not None:
            self.running.job.tear()
        self._forget()
        self.world.cut_all_of(self.name)

    def stop(self) -> None:
        """The process is told to stop: it leaves in time, with a checkpoint if it can."""
        mine, life = self.running, self.life
        if mine is None:
            return
        before = mine.snapshotter.taken

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

    def turn(self) -> None:
        """Take all events, then look at the deadlines, as the driver does."""
        if self.stopped_until > self.world.now:
            return
        while self.alive and (self.posted or self.queue):
            event = (self.posted or self.queue).popleft()
            effects = step(self, event, self.world.now)  # type: ignore[arg-type]
            self._perform(effects)
            self._reuse_connection(effects)
        if self.alive and any(
            each.deadline is not None and each.deadline <= self.world.now
            for each in _timed(self)  # type: ignore[arg-type]
        ):
            self._perform(step(self, TimerFired(), self.world.now))  # type: ignore[arg-type]
            self.turn() if self.posted else None

    def _reuse_connection(self, effects: list[Effect]) -> None:
        if isinstance(self.founding, Joiner) and any(isinstance(e, do.Formed) for e in effects):
            connection = self.founding.connection
            if connection is not None and self.membership is not None:
                opened = ConnectionOpened(connection, self.world.workers[0])
                self._perform(self.membership.step(opened, self.world.now))

    # ---- effects ---------------------------------------------------------------------------------

    def _perform(self, effects: list[Effect]) -> None:
        for effect in self.world.bugs.transform(self, effects):
            if self.world.faulty and self.world.rng.random() < self.world.death:
                self.die()
                raise DiedError
            self._do(effect)

    def _do(self, effect: Effect) -> None:  # noqa: PLR0912 - a branch an effect
        match effect:
            case do.SendOnConnection(connection, message):
                self.world.send(self, connection, message)
            case do.SendToMember(name, message) if name == self.name:
                self.posted.append(MemberMessage(name, message))
            case do.SendToMember(name, message):
                assert self.membership is not None
                connection = self.membership.peers[name].connection
                if connection is not None:
                    self.world.send(self, connection, message)
            case do.Close(connection):
                self.world.close(connection)
            case do.Persist(record):
                self.disk.save(record)
                self.record = record
                self.world.check_record(record)
            case do.PersistNever(cluster_id):
                self.disk.nevers.add(cluster_id)
            case do.Archive():
                self.disk.forget()
                self.record = None
            case do.Formed(record):
                self._formed(record)
            case do.Report(text):
                self.world.say(f"{self.name}: {text}")
            case do.Fail(error):
                self.world.fails(self, error)
                raise DiedError
            case do.PeerUp(member):
                self.posted.append(MemberUp(member))
            case do.PeerDown(name):
                self.world.cut_pipes(self.name, name)
                self.posted.append(MemberDown(name))
            case do.StopOrderly() | do.ReadyToLeave():
                self.world.leaves(self)
                raise DiedError
            case _:
                self._do_in_round(effect)

    def _do_in_round(self, effect: Effect) -> None:  # noqa: PLR0912 - as above
        match effect:
            case do.JobDone():
                assert self.membership is not None
                self.completed = True
                self.membership.completed()
                self.world.say(f"{self.name} has completed")
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
                    ),
                    lambda holdings: self.posted.append(HoldingsRead(holdings)),
                )
            case do.WriteChoice(choice):
                self._write_choice(choice)
            case do.BeginRound(choice):
                self._begin_round(choice)
            case do.TakeBarrier(number, purpose, keep):
                if keep and self.running is not None:
                    self.running.keeping[number] = keep
                self._take_barrier(number, purpose)
            case do.ReleaseBarrier(number):
                if self.running is not None and self.running.job is not None:
                    self.running.job.release(number)
            case do.HoldSources(reason):
                self.world.say(f"{self.name}: sources pause: {reason}")
                self.gate.add("hold") if reason else self.gate.discard("hold")
            case do.DiscardCheckpoint(number):
                if self.running is not None:
                    self.running.oldest_part = max(self.running.oldest_part, number + 1)
                self._stored_in_round(lambda store: store.discard(number), lambda: None)
            case do.RecordCommitted(number):
                self._stored_in_round(
                    lambda store: store.record_committed(number),
                    lambda: self.posted.append(CommitRecorded(number)),
                )
            case do.PublishSinks(number):
                mine = self.running
                if mine and mine.snapshotter._purposes.get(number) is Purpose.LEAVE:
                    mine.may_leave = number
                self._publish(number)
            case do.TakeFinal():
                self.posted.append(CheckpointWanted(RequestCheckpoint(Purpose.FINAL)))
            case do.PublishedFinal():
                self.posted.append(FinalPublished())

    def _formed(self, record: ClusterRecord) -> None:
        world, workers = self.world, record.topology.workers
        assert self.founding is not None
        me = world.member_of(self)
        self.record = record
        self.membership = Membership(
            record.cluster_id,
            me,
            tuple(each for each in record.members if each.name != self.name),
            topology=record.topology,
            heartbeat_s=0.5,
            liveness_deadline_s=2.0,
            name_taken_wait_s=0.5,
            now=world.now,
        )
        self.rollback = world.bugs.rollback(workers[0])
        self.store = self.disk.open(record)
        if self.leads:
            self.recovery = world.bugs.recovery(me, workers)
            self._perform(self.recovery.begin(world.now))

    # ---- rounds ----------------------------------------------------------------------------------

    def _write_choice(self, choice: Choice) -> None:
        def write(store: CheckpointStore) -> None:
            line = 0 if self.world.bugs.forgets_line else choice.line
            store.choose(choice.round, choice.checkpoint, highest=choice.highest, line=line)
            self.world.check_choice(self, choice)

        written = ChoiceWritten(choice.round)
        if self.world.bugs.early_choice:
            self.posted.append(written)
            self.stored(write, lambda _: None)
        else:
            self.stored(write, lambda _: self.posted.append(written))

    def _begin_round(self, choice: Choice) -> None:
        world, workers = self.world, self.world.workers
        assert self.record is not None
        assert self.membership is not None
        world.check_round(self, choice.round)
        world.check_line(self, choice)
        record = attrs.evolve(self.record, state=RecordState.STARTED, members=choice.members)
        self.disk.save(record)
        self.record, self.completed, self.round_number = record, False, choice.round
        committed = choice.checkpoint.number
        coordinator = None
        if self.leads:
            coordinator = world.bugs.coordinator(
                workers,
                highest=choice.highest,
                committed=committed,
                interval_s=0.7,
                deadline_s=4.0,
                now=world.now,
                in_vain_max=IN_VAIN_MAX,
                unpublished_max=UNPUBLISHED_MAX,
            )
        mine = self.running = SimRound(
            choice,
            world.bugs.snapshotter(self.name, workers[0], committed=committed),
            Completion(self.name, workers, completion_wait_s=60.0),
            coordinator,
        )
        self.gate.clear()
        self._perform(self.membership.started())
        life = self.life
        world.later(world.rng.random() * 0.3, lambda: self._restore(mine, life))

    def _restore(self, mine: SimRound, life: int) -> None:
        if self.life != life or self.running is not mine:
            return
        assert self.store is not None
        mine.job = SimJob(
            self.name,
            self.world.workers,
            round=mine.choice.round,
            line=mine.choice.line,
            restored=self.store.restore(mine.choice.checkpoint.number),
            records=self.world.records[self.name],
            disk=self.disk,
            parts=self.world.bugs.parts,
            reports=Reports(
                lambda *moved: self.posted.append(SnapshotMoved(*moved)),
                lambda part: self._write(mine, part),
            ),
        )
        for each in mine.waiting:
            each(mine.job)

    def _take_barrier(self, number: int, purpose: Purpose) -> None:
        mine = self.running
        if mine is None:
            return

        def put(job: SimJob) -> None:
            if purpose in (Purpose.LEAVE, Purpose.SHUTDOWN):
                self.gate.add("stop")
            job.put_barrier(Barrier(mine.choice.round, number))

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
            size_bytes = store.write(self.world.bugs.part(store, part))
            if number in mine.keeping:
                store.keep(mine.keeping[number], number)
            return size_bytes

        def written(size_bytes: int | None) -> None:
            if size_bytes is not None and mine.job is not None:
                report(SnapshotWritten(number, size_bytes, mine.job.unpublished))

        def failed() -> None:
            report(SnapshotFailed(number, "no space left"))

        if self.world.bugs.early_ack:
            written(0)
            self._submit(Call(write, lambda _: None, failed))
        else:
            call = Call(write, written, failed)
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
        ours = self.round_number

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
        self.call_in_progress = self.calls.popleft()
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
