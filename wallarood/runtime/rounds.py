"""One round on this worker: from the proposal to the running job, and its end.

Theory of operation
===================
Everything of a round lives in one cancel scope: links, tasks, publishing. A round begins with what
the store gives back of the chosen checkpoint; until the job stands, whoever needs it waits. A round
that is halted has come to rest when its tasks have ended, its sinks are closed and the store is
idle: nothing of it is written afterwards.
"""

from collections.abc import Mapping
from typing import Any

import structlog
import trio

from wallarood.control.events import (
    JobBroke,
    JobDrained,
    JobHalted,
    SinksPublished,
    SnapshotFailed,
    SnapshotMoved,
    SnapshotWritten,
)
from wallarood.flow.failures import host_failed, place_of, text_of
from wallarood.model.batch import Barrier
from wallarood.model.checkpoint import CheckpointPart, Restored
from wallarood.model.errors import (
    ApplicationError,
    CannotCreateError,
    LocalProtocolError,
    WallaroodError,
    first_error,
)
from wallarood.model.messages import Purpose, RoundProposal
from wallarood.model.pipeline import Application
from wallarood.model.topology import Topology
from wallarood.runtime.dataflow.build.job import (
    Plan,
    Reporting,
    build_job,
    codecs_of,
    restore_states,
)
from wallarood.runtime.dataflow.build.wiring import Wiring
from wallarood.runtime.dataflow.inbox import Inbox
from wallarood.runtime.dataflow.job import Job
from wallarood.runtime.dataflow.limits import before_slow
from wallarood.runtime.peers.links import Links
from wallarood.runtime.profile import profile_codecs, profile_job
from wallarood.runtime.worker import LastCheckpoint, Round, Worker
from wallarood.wire.records import RecordCodec

PAUSING = {
    Purpose.LEAVE: "a worker is leaving",
    Purpose.SHUTDOWN: "the cluster is being shut down",
}

PROGRESS_S = 1.0

log = structlog.get_logger(__name__)


def begin_round(worker: Worker, proposal: RoundProposal) -> None:
    """Begin the round of *proposal*, which is durable everywhere."""
    worker.round = Round(proposal)
    worker.gate.open("stop")
    worker.gate.open("hold")
    worker.gate.open("start")
    worker.nursery.start_soon(_run, worker, worker.round)


async def _run(worker: Worker, mine: Round) -> None:
    try:
        with mine.scope:
            async with trio.open_nursery() as mine.nursery:
                await _restore(worker, mine)
                assert mine.links is not None
                mine.nursery.start_soon(mine.links.run)
                assert mine.job is not None
                mine.nursery.start_soon(_run_job, worker, mine)
                mine.nursery.start_soon(mine.job.publish)
                mine.nursery.start_soon(mine.do_works)
                mine.nursery.start_soon(_tell_progress, worker, mine)
                mine.ready.set()
                await trio.sleep_forever()
    except* LocalProtocolError:
        raise
    except* Exception as group:
        _fail(worker, first_error(group))
    finally:
        with trio.CancelScope(shield=True):
            if mine.links is not None:
                mine.links.end()
            if mine.job is not None:
                await mine.job.aclose()
        mine.scope.cancel()
        mine.ready.set()
        mine.ended.set()


def _fail(worker: Worker, error: BaseException) -> None:
    """The job cannot go on here; if that is its own fault, all workers are to end."""
    log.debug("the job cannot go on", exc_info=error)
    if isinstance(error, OSError):
        error = host_failed("the job", error)
    elif not isinstance(error, WallaroodError):
        log.error("unexpected error in the job", exc_info=error)
        error = ApplicationError(f"unexpected error in the job{place_of(error)}: {text_of(error)}")
    worker.post(JobBroke(error))


async def _restore(worker: Worker, mine: Round) -> None:
    """Build links and job from the chosen checkpoint."""
    record, settings = worker.node.record, worker.settings
    assert record is not None
    assert worker.checkpoints is not None
    await worker.setups.open(worker.nursery, lambda error: worker.post(JobBroke(error)))
    wiring = Wiring(record.topology, worker.member.name)
    number = mine.proposal.checkpoint.number
    restored: Restored = await trio.to_thread.run_sync(worker.checkpoints.restore, number)
    states = await trio.to_thread.run_sync(restore_states, worker.application, wiring, restored)
    codecs = codecs_of(worker.application, record.topology, rule=settings.pickle)
    if len(record.topology.workers) > 1:
        _say_what_is_pickled(codecs)
    if worker.profile is not None:
        codecs = profile_codecs(worker.profile, record.topology, codecs)
    links = mine.links = Links(
        round=mine.proposal.round,
        cluster_id=record.cluster_id,
        member=worker.member,
        members={
            each.name: each for each in mine.proposal.members if each.name != worker.member.name
        },
        dial=worker.dial_data,
        limits=settings.links,
        codecs=codecs,
        on_failed=lambda error: _fail(worker, first_error(error)),
        inbox=lambda edge: _inbox(mine, edge),
        narrow=_narrow(worker.application, record.topology),
    )
    plan = Plan(
        application=worker.application,
        wiring=wiring,
        cluster_id=record.cluster_id,
        cluster_path=worker.store.cluster_path,
        life=worker.member.incarnation.short,
        line=mine.proposal.line,
        restored=restored,
        gate=worker.gate,
        limits=settings.job,
        remote_port=links.remote_port,
        codecs=codecs,
        reporting=Reporting(
            lambda: _moved(worker, mine),
            lambda part: _write(worker, mine, part),
            lambda: mine.works.send_nowait(
                lambda job, nursery: nursery.start_soon(job.encode_ended)
            ),
        ),
    )
    mine.job = build_job(plan, states)
    mine.job.on_published = lambda number: worker.post(SinksPublished(number))
    if worker.profile is not None:
        profile_job(worker.profile, mine.job, worker.application)
    log.info("running", round=mine.proposal.round, checkpoint=str(mine.proposal.checkpoint))
    worker.notify()


def _say_what_is_pickled(codecs: Mapping[int, RecordCodec]) -> None:
    """Name the steps whose type hints cost speed; that others have none is no news."""
    slow = {each.maker: each for each in codecs.values() if each.why_untyped}
    for maker, codec in slow.items():
        if codec.record is not Any:
            log.info("records are pickled between workers", by=maker, reason=codec.why_untyped)


def _inbox(mine: Round, edge: int) -> Inbox:
    assert mine.job is not None
    return mine.job.inbox(edge)


def _narrow(application: Application, topology: Topology) -> frozenset[int]:
    """The edges of which little is to be in flight: what they lead to is slow."""
    stages = before_slow(application, topology)
    return frozenset(edge.index for edge in topology.edges if edge.target in stages)


async def _run_job(worker: Worker, mine: Round) -> None:
    assert mine.job is not None
    await mine.job.run()
    if mine.job.drained:
        worker.post(JobDrained())


async def halt(worker: Worker) -> None:
    """End the round; `JobHalted` when it has come to rest."""
    mine = worker.round
    if mine is not None:
        mine.scope.cancel()
        await mine.ended.wait()
    await worker.store_task.wait_idle()
    worker.post(JobHalted())


# ---- checkpoints ---------------------------------------------------------------------------------


def take_barrier(worker: Worker, number: int, *, purpose: Purpose, keep: str) -> None:
    """Put the barrier of a checkpoint behind what was read, as soon as the job stands."""
    mine = worker.running
    if mine is None:
        return
    mine.taken_at[number] = trio.current_time()
    if keep:
        mine.keeping[number] = keep

    def put(job: Job, _: trio.Nursery) -> None:
        if purpose in PAUSING:
            mine.stopping_at = mine.stopping_at or number
            worker.gate.close("stop", PAUSING[purpose])
            worker.notify()
        job.put_barrier(Barrier(mine.proposal.round, number))

    mine.works.send_nowait(put)


def leave_out(worker: Worker, number: int) -> None:
    """A checkpoint can never be committed: a part of it that is not written yet never will be."""
    if worker.running is not None:
        worker.running.oldest_part = max(worker.running.oldest_part, number + 1)


def hold_sources(worker: Worker, reason: str) -> None:
    """Have sources pause for *reason*, or go on if it is empty. Barriers pass meanwhile."""
    if reason:
        log.warning("sources pause", reason=reason)
        worker.gate.close("hold", reason)
    else:
        worker.gate.open("hold")
    worker.notify()


def release(worker: Worker, number: int) -> None:
    """A checkpoint was given up: nothing waits for its barrier any longer."""
    mine = worker.running
    if mine is not None and mine.job is not None:
        mine.job.release(number)


def _moved(worker: Worker, mine: Round) -> None:
    job = mine.job
    if job is not None and job.collector.barrier is not None:
        mine.awaiting = job.awaiting
        number = job.collector.barrier.number
        worker.post(SnapshotMoved(number, job.steps, mine.awaiting))


async def _tell_progress(worker: Worker, mine: Round) -> None:
    """Say now and then how far the checkpoint in progress is, also between two of its parts."""
    while True:
        await trio.sleep(PROGRESS_S)
        if mine.job is not None and mine.job.collector.in_progress:
            _moved(worker, mine)


def _write(worker: Worker, mine: Round, part: CheckpointPart) -> None:
    """Have *part* written; not if a newer one waits by then: this one was given up long ago."""
    store, number = worker.checkpoints, part.checkpoint.number
    assert store is not None
    mine.oldest_part = max(mine.oldest_part, number)
    keep = mine.keeping.pop(number, "")

    def write() -> int | None:
        if number < mine.oldest_part:
            return None
        size_bytes = store.write(part)
        if keep:
            store.keep(keep, number)
        return size_bytes

    def written(size_bytes: int | None) -> None:
        began = mine.taken_at.pop(number, trio.current_time())
        if size_bytes is None:
            return
        now = trio.current_time()
        worker.disk_problem = ""
        worker.last_checkpoint = LastCheckpoint(number, now, now - began, size_bytes)
        if worker.running is mine and mine.job is not None:
            worker.post(SnapshotWritten(number, size_bytes, mine.job.unpublished))

    def failed(error: CannotCreateError) -> None:
        worker.disk_problem = error.message
        if worker.running is mine:
            worker.post(SnapshotFailed(number, error.message))

    worker.store_task.submit(write, written, failed)


def publish(worker: Worker, number: int) -> None:
    """A checkpoint is durably known committed here: let sinks publish."""
    mine = worker.running
    if mine is None:
        return

    def committed(job: Job, nursery: trio.Nursery) -> None:
        job.committed(number)
        # A checkpoint that is kept may be gone back to: then sources must have what is behind it.
        if worker.checkpoints is not None and not worker.checkpoints.kept:
            nursery.start_soon(job.forget, number)

    mine.works.send_nowait(committed)
