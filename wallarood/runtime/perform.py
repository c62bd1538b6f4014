"""Effects become deeds: one branch for each, carried out in order, so persist comes before send."""

from collections.abc import Callable
from functools import partial
from typing import TypeVar, assert_never

import structlog
import trio

from wallarood.control import effects as do
from wallarood.control.effects import Level, OfARound, ShellEffect
from wallarood.control.events import (
    CommitRecorded,
    HoldingsRead,
    HostFailed,
    RoundWritten,
)
from wallarood.model.cluster_record import ClusterRecord
from wallarood.model.errors import CannotCreateError, WallaroodError
from wallarood.model.messages import Holdings, RoundProposal
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


def perform(worker: Worker, effects: list[ShellEffect]) -> None:
    """Carry out *effects*, in order."""
    for effect in effects:
        _perform(worker, effect)


def _perform(worker: Worker, effect: ShellEffect) -> None:  # noqa: PLR0912 - a branch an effect
    match effect:
        case do.SendOnConnection(connection, message, stamp):
            worker.connections.send(connection, message, stamp)
        case do.Close(connection):
            worker.connections.close(connection)
        case do.Persist(record):
            worker.store.save_record(record)
        case do.PersistNever(cluster_id):
            worker.store.record_never(cluster_id)
        case do.Archive():
            worker.store.archive_record()
        case do.Formed(record):
            _formed(worker, record)
        case do.Report(text, level):
            (log.warning if level is Level.WARNING else log.info)(text)
        case do.WaitingFor(text):
            _waiting_for(worker, text)
        case do.PeerUp(member):
            if worker.running is not None and worker.running.links is not None:
                worker.running.links.move(member)
        case do.PeerDown(name):
            if worker.running is not None and worker.running.links is not None:
                worker.running.links.drop(name)
        case do.HandToStatus(sender, message):
            worker.on_status(sender, message)
        case do.StopOrderly():
            worker.nursery.start_soon(stop_orderly, worker)
        case do.ReadyToLeave():
            worker.may_leave.set()
        case do.JobDone():
            _job_done(worker)
        case _:
            _perform_in_round(worker, effect)


def _perform_in_round(worker: Worker, effect: OfARound) -> None:  # noqa: PLR0912 - as above
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
        case do.WriteRound(proposal):
            _write_round(worker, proposal)
        case do.BeginRound(proposal):
            worker.waiting_for = ""
            begin_round(worker, proposal)
            worker.notify()
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
        case _:
            assert_never(effect)


def _waiting_for(worker: Worker, text: str) -> None:
    if text and text != worker.waiting_for:
        log.info(text)
    worker.waiting_for = text
    worker.notify()


def _formed(worker: Worker, record: ClusterRecord) -> None:
    """The cluster exists: open the checkpoints, and connect to the members before this one."""
    name, workers = worker.member.name, record.topology.workers
    worker.nursery.start_soon(_run_store, worker)
    _stored(worker, lambda _: None, lambda _: None)
    for peer in workers[1 : workers.index(name)]:
        worker.nursery.start_soon(
            worker.connections.keep_dialling, peer, partial(worker.node.address_of, peer)
        )


async def _run_store(worker: Worker) -> None:
    """Let the store work; what it cannot do without ends this worker, and no other."""
    try:
        await worker.store_task.run()
    except WallaroodError as error:
        worker.post(HostFailed(error))


# ---- the store -----------------------------------------------------------------------------------


def _stored(
    worker: Worker, call: Callable[[CheckpointStore], T], done: Callable[[T], None]
) -> None:
    """Have the store do *call*; if the disk fails it is tried again, and status says so.

    The store is opened by the first call for which the disk has room.
    """

    def opened() -> T:
        if worker.checkpoints is None:
            assert worker.node.record is not None
            cluster_id = worker.node.record.cluster_id
            worker.checkpoints = worker.store.open_checkpoints(cluster_id)
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
    ours = worker.node.stamp.round

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


def _write_round(worker: Worker, proposal: RoundProposal) -> None:
    def write(store: CheckpointStore) -> None:
        before = store.line
        store.choose(
            proposal.round, proposal.checkpoint, highest=proposal.highest, line=proposal.line
        )
        if proposal.line > before:
            log.info(
                f"line {proposal.line} of the output begins: exactly-once TCP sinks are clients "
                f"with -line-{proposal.line} in their names, which replace what came after the "
                "checkpoint",
                checkpoint=str(proposal.checkpoint),
            )

    _stored(worker, write, lambda _: worker.post(RoundWritten(proposal.round)))


def _job_done(worker: Worker) -> None:
    worker.waiting_for = ""
    stays = not worker.node.settings.exit_on_completion
    idle = "; this worker stays, idle: --exit-on-completion ends it, and SIGTERM or Ctrl-C"
    log.info("job completed" + (idle if stays else ""))
    worker.notify()
