"""Effects become deeds: one branch for each, carried out in order, so persist comes before send."""

from collections.abc import Callable
from typing import TypeVar

import attrs
import structlog
import trio

from wallarood.control import effects as do
from wallarood.control.effects import Effect, Level
from wallarood.control.events import (
    CheckpointWanted,
    ChoiceWritten,
    CommitRecorded,
    FinalPublished,
    HoldingsRead,
    MemberDown,
    MemberMessage,
    MemberUp,
    Woken,
)
from wallarood.control.membership import Membership
from wallarood.control.rounds.recovery_leader import RecoveryLeader
from wallarood.control.rounds.recovery_member import RecoveryMember
from wallarood.model.cluster_record import ClusterRecord, RecordState
from wallarood.model.errors import CannotCreateError, PeersGoneError, WallaroodError
from wallarood.model.ids import Address, WorkerName
from wallarood.model.messages import (
    Choice,
    ControlMessage,
    Holdings,
    Member,
    Purpose,
    RequestCheckpoint,
)
from wallarood.runtime.leaving import stop_orderly
from wallarood.runtime.ports import CheckpointStore
from wallarood.runtime.rounds import (
    begin_round,
    halt,
    hold_sources,
    leave_out,
    publish,
    release,
    take_barrier,
)
from wallarood.runtime.worker import Worker

WRITE_AGAIN_S = 1.0

T = TypeVar("T")

log = structlog.get_logger(__name__)


def perform(worker: Worker, effects: list[Effect]) -> None:
    """Carry out *effects*, in order; what follows from one is carried out before the next."""
    for effect in effects:
        _perform(worker, effect)


def _perform(worker: Worker, effect: Effect) -> None:  # noqa: PLR0912 - a branch an effect
    match effect:
        case do.SendOnConnection(connection, message):
            worker.connections.send(connection, message)
        case do.SendToMember(name, message):
            _tell(worker, name, message)
        case do.Close(connection):
            worker.connections.close(connection)
        case do.Persist(record):
            worker.store.save_record(record)
            worker.record = record
        case do.Adopt(topology, members):
            assert worker.record is not None
            worker.store.save_record(
                attrs.evolve(worker.record, topology=topology, members=members)
            )
            worker.outdated = worker.finished = True
        case do.PersistNever(cluster_id):
            worker.store.record_never(cluster_id)
        case do.Archive():
            worker.store.archive_record()
            worker.record = None
        case do.Formed(record):
            _formed(worker, record)
        case do.Report(text, level):
            (log.warning if level is Level.WARNING else log.info)(text)
        case do.WaitingFor(text):
            _waiting_for(worker, text)
        case do.Fail(error):
            worker.failure = worker.failure or error
        case do.PeerUp(member):
            _peer_up(worker, member)
        case do.PeerDown(name):
            if worker.running is not None and worker.running.links is not None:
                worker.running.links.drop(name)
            worker.post(MemberDown(name))
        case do.StopOrderly():
            worker.nursery.start_soon(stop_orderly, worker)
        case do.ReadyToLeave():
            worker.may_leave.set()
        case do.JobDone():
            _job_done(worker)
        case _:
            _perform_in_round(worker, effect)


def _perform_in_round(worker: Worker, effect: Effect) -> None:  # noqa: PLR0912 - as above
    match effect:
        case do.PauseSources(reason):
            already = not worker.gate.is_open
            (log.info if already else log.warning)("sources pause", reason=reason)
            worker.gate.close("members", reason)
            worker.notify()
        case do.ResumeSources():
            worker.gate.open("members")
            log.info("sources run")
            worker.notify()
        case do.HaltJob():
            worker.nursery.start_soon(halt, worker)
        case do.ReadHoldings(attempt):
            _read_holdings(worker, attempt)
        case do.WriteChoice(choice):
            _write_choice(worker, choice)
        case do.BeginRound(choice):
            _start(worker, choice)
        case do.TakeBarrier(number, purpose, keep):
            take_barrier(worker, number, purpose=purpose, keep=keep)
        case do.ReleaseBarrier(number):
            release(worker, number)
        case do.HoldSources(reason):
            hold_sources(worker, reason)
        case do.DiscardCheckpoint(number):
            leave_out(worker, number)
            _stored_in_round(worker, lambda store: store.discard(number), lambda: None)
        case do.RecordCommitted(number):
            _stored_in_round(
                worker,
                lambda store: store.record_committed(number),
                lambda: worker.post(CommitRecorded(number)),
            )
        case do.PublishSinks(number):
            publish(worker, number)
        case do.ForgetKept(name):
            _stored(worker, lambda store: store.drop(name), lambda _: None)
        case do.TakeFinal():
            worker.post(CheckpointWanted(RequestCheckpoint(Purpose.FINAL)))
        case do.PublishedFinal():
            assert worker.record is not None
            worker.record = attrs.evolve(worker.record, state=RecordState.PUBLISHED)
            worker.store.save_record(worker.record)
            worker.post(FinalPublished())


def _tell(worker: Worker, name: WorkerName, message: ControlMessage) -> None:
    if name == worker.member.name:
        worker.post(MemberMessage(name, message))
    elif worker.membership is not None:
        connection = worker.membership.peers[name].connection
        if connection is not None:
            worker.connections.send(connection, message)


def _waiting_for(worker: Worker, text: str) -> None:
    if text and text != worker.waiting_for:
        log.info(text)
    worker.waiting_for = text
    worker.notify()


def _formed(worker: Worker, record: ClusterRecord) -> None:
    """The cluster exists: open the checkpoints, and connect to all."""
    timing, now = worker.settings.timing, trio.current_time()
    me, workers = worker.member, record.topology.workers
    others = tuple(each for each in record.members if each.name != me.name)
    worker.record = record
    worker.members = {each.name: each for each in others}
    worker.membership = Membership(
        record.cluster_id,
        me,
        others,
        topology=record.topology,
        heartbeat_s=timing.heartbeat_s,
        liveness_deadline_s=timing.liveness_deadline_s,
        name_taken_wait_s=timing.name_taken_wait_s,
        now=now,
    )
    worker.rollback = RecoveryMember(record.topology.leader)
    worker.nursery.start_soon(_run_store, worker)
    _stored(worker, lambda _: None, lambda _: None)
    if worker.leads:
        worker.recovery = RecoveryLeader(me, workers)
        perform(worker, worker.recovery.begin(now))
    if record.state is RecordState.PUBLISHED and worker.settings.exit_on_completion:
        worker.nursery.start_soon(_end_alone, worker)
    for name in workers[1 : workers.index(me.name)]:
        worker.nursery.start_soon(
            worker.connections.keep_dialling, name, lambda name=name: _address(worker, name)
        )


async def _run_store(worker: Worker) -> None:
    """Let the store work; what it cannot do without ends this worker, and no other."""
    try:
        await worker.store_task.run()
    except WallaroodError as error:
        worker.failure = worker.failure or error
        worker.post(Woken())


async def _end_alone(worker: Worker) -> None:
    """All is done here, and the peers may have ended for good: do not wait for them for ever."""
    wait_s = worker.settings.timing.completion_wait_s
    await trio.sleep(wait_s)
    if worker.round is None:
        worker.failure = worker.failure or PeersGoneError(
            "this worker has published its part of the output, and not all of its peers have come "
            f"back for {wait_s:g} s (timing.completion-wait): they may have ended"
        )
        worker.post(Woken())


def _address(worker: Worker, name: WorkerName) -> Address:
    return worker.members[name].control


def _peer_up(worker: Worker, member: Member) -> None:
    worker.members[member.name] = member
    if worker.running is not None and worker.running.links is not None:
        worker.running.links.move(member)
    worker.post(MemberUp(member))


# ---- the store -----------------------------------------------------------------------------------


def _stored(
    worker: Worker, call: Callable[[CheckpointStore], T], done: Callable[[T], None]
) -> None:
    """Have the store do *call*; if the disk fails it is tried again, and status says so.

    The store is opened by the first call for which the disk has room.
    """

    def opened() -> T:
        if worker.checkpoints is None:
            assert worker.record is not None
            worker.checkpoints = worker.store.open_checkpoints(worker.record.cluster_id)
        return call(worker.checkpoints)

    def finished(result: T) -> None:
        worker.disk_problem = ""
        done(result)

    def failed(error: CannotCreateError) -> None:
        if error.message != worker.disk_problem:
            log.warning("the state directory cannot be written", reason=error.message)
        worker.disk_problem = error.message
        worker.nursery.start_soon(again)

    async def again() -> None:
        await trio.sleep(WRITE_AGAIN_S)
        worker.store_task.submit(opened, finished, failed)

    worker.store_task.submit(opened, finished, failed)


def _stored_in_round(
    worker: Worker, call: Callable[[CheckpointStore], None], done: Callable[[], None]
) -> None:
    """As `_stored`, for a call that means nothing in a later round, however often it is tried.

    Numbers of checkpoints that were never written here may come again there.
    """
    ours = worker.stamp.round

    def if_ours(store: CheckpointStore) -> bool:
        if store.round != ours:
            return False
        call(store)
        return True

    _stored(worker, if_ours, lambda carried_out: done() if carried_out else None)


def _read_holdings(worker: Worker, attempt: str) -> None:
    def read(store: CheckpointStore) -> Holdings:
        return Holdings(
            attempt,
            store.round,
            store.held,
            store.committed,
            store.highest,
            store.line,
            tuple(store.kept.values()),
        )

    _stored(worker, read, lambda holdings: worker.post(HoldingsRead(holdings)))


def _write_choice(worker: Worker, choice: Choice) -> None:
    def write(store: CheckpointStore) -> None:
        store.choose(choice.round, choice.checkpoint, highest=choice.highest, line=choice.line)

    _stored(worker, write, lambda _: worker.post(ChoiceWritten(choice.round)))


# ---- rounds --------------------------------------------------------------------------------------


def _start(worker: Worker, choice: Choice) -> None:
    assert worker.record is not None
    assert worker.membership is not None
    for member in choice.members:
        if member.name != worker.member.name:
            worker.members[member.name] = member
    record = attrs.evolve(worker.record, state=RecordState.STARTED, members=choice.members)
    if record != worker.record:
        worker.store.save_record(record)
        worker.record = record
    worker.completed, worker.waiting_for = False, ""
    begin_round(worker, choice)
    perform(worker, worker.membership.started())
    worker.notify()


def _job_done(worker: Worker) -> None:
    assert worker.membership is not None
    worker.completed, worker.waiting_for = True, ""
    worker.membership.completed()
    stays = not worker.settings.exit_on_completion
    idle = "; this worker stays, idle: --exit-on-completion ends it, and SIGTERM or Ctrl-C"
    log.info("job completed" + (idle if stays else ""))
    worker.notify()
    if worker.settings.exit_on_completion:
        worker.finished = True
