"""The part of a round in checkpoints: barriers, writing, publishing."""

import time
from collections.abc import Callable

import structlog
import trio

from wallarood.control.events import DropWanted, SnapshotFailed, SnapshotMoved, SnapshotWritten
from wallarood.model.batch import Barrier
from wallarood.model.checkpoint import BEFORE_UPGRADE, CheckpointPart
from wallarood.model.errors import CannotCreateError
from wallarood.model.messages import Purpose
from wallarood.runtime.dataflow.counters import Stopwatch
from wallarood.runtime.dataflow.job import Job
from wallarood.runtime.ports import CheckpointStore
from wallarood.runtime.store.turns import Turn
from wallarood.runtime.worker import LastCheckpoint, Round, Worker

PAUSING = {
    Purpose.LEAVE: "a worker is leaving",
    Purpose.SHUTDOWN: "the cluster is being shut down",
    Purpose.CHANGE: "the cluster is changing",
}

PROGRESS_S = 1.0
JOURNAL_FILLED_MAX = 0.75
"""How full a journal may be while a checkpoint is kept for an upgrade."""

log = structlog.get_logger(__name__)


def take_barrier(worker: Worker, number: int, *, purpose: Purpose, keep: str) -> None:
    """Put the barrier of a checkpoint after what was read, as soon as the job stands."""
    round_ = worker.running
    if round_ is None:
        return
    now = round_.taken_at[number] = trio.current_time()
    worker.checkpoint_log.begun(number, now, at=time.time())
    if keep:
        round_.keeping[number] = keep

    def put(job: Job, _: trio.Nursery) -> None:
        if purpose in PAUSING:
            round_.stopping_at = round_.stopping_at or number
            worker.gate.close("stop", PAUSING[purpose])
            worker.notify()
        if job.put_barrier(Barrier(round_.proposal.round, number)):
            worker.checkpoint_log.barrier(number, trio.current_time(), records=job.records_read)

    round_.works.send_nowait(put)


def leave_out(worker: Worker, number: int) -> None:
    """A checkpoint can never be committed: a part of it that is not written yet never will be."""
    if worker.running is not None:
        worker.running.oldest_part = max(worker.running.oldest_part, number + 1)


def hold_sources(worker: Worker, reason: str) -> None:
    """Have sources pause for *reason*, or read again if it is empty. Barriers pass meanwhile."""
    if reason:
        log.warning("sources pause", reason=reason)
        worker.gate.close("hold", reason)
    else:
        worker.gate.open("hold")
    worker.notify()


def release(worker: Worker, number: int) -> None:
    """A checkpoint was abandoned: nothing waits for its barrier any longer."""
    round_ = worker.running
    if round_ is not None and round_.job is not None:
        worker.checkpoint_log.abandoned(number)
        round_.job.release(number)


def moved(worker: Worker, round_: Round) -> None:
    """The checkpoint that is being collected has come nearer."""
    job = round_.job
    if job is not None and job.collector.barrier is not None:
        round_.awaiting = job.awaiting
        number = job.collector.barrier.number
        worker.post(SnapshotMoved(number, job.steps, round_.awaiting))


async def tell_progress(worker: Worker, round_: Round) -> None:
    """Say now and then how far the checkpoint in progress is, also between two of its parts."""
    while True:
        await trio.sleep(PROGRESS_S)
        if round_.job is not None and round_.job.collector.in_progress:
            moved(worker, round_)
        elif worker.replicas.to_holder is not None:
            from wallarood.runtime.replicas import tell_copying  # noqa: PLC0415 - as in `perform`

            tell_copying(worker, round_)


async def write_part(worker: Worker, turn: Turn, *, round_: Round, part: CheckpointPart) -> None:
    """Write *part*; not if a newer one waits by then: this checkpoint was abandoned long ago."""
    store, number = worker.checkpoints, part.checkpoint.number
    assert store is not None
    round_.oldest_part = max(round_.oldest_part, number)
    keep = round_.keeping.pop(number, "")
    worker.checkpoint_log.collected(number, trio.current_time())
    disk, copy = Stopwatch(), _copying(worker, round_, part)

    def write() -> int | None:
        if number < round_.oldest_part:
            return None
        with disk:
            if copy is not None:
                copy(store, part)
            return store.write(part, keep=keep)

    try:
        size_bytes = await worker.turns.run(turn, write)
    except CannotCreateError as error:
        worker.part_problem = error.message
        worker.checkpoint_log.failed(number)
        if worker.running is round_:
            worker.post(SnapshotFailed(number, error.message))
        return
    began = round_.taken_at.pop(number, trio.current_time())
    if size_bytes is None:
        return
    now = trio.current_time()
    worker.part_problem = ""
    worker.checkpoint_log.written(number, now, write_s=disk.seconds, size_bytes=size_bytes)
    worker.last_checkpoint = LastCheckpoint(number, now, now - began, size_bytes)
    if worker.running is round_ and round_.job is not None:
        worker.post(SnapshotWritten(number, size_bytes, round_.job.unpublished))


def _copying(
    worker: Worker, round_: Round, part: CheckpointPart
) -> Callable[[CheckpointStore, CheckpointPart], None] | None:
    """What hands *part* to the link to its holder before it is written; None: nobody keeps it."""
    if worker.replicas.to_holder is None:
        return None
    from wallarood.runtime.replicas import copying  # noqa: PLC0415 - as in `perform`

    return copying(worker, round_, part)


def publish(worker: Worker, number: int) -> None:
    """A checkpoint is durably known committed here: let sinks publish."""
    round_ = worker.running
    if round_ is None:
        return

    def committed(job: Job, nursery: trio.Nursery) -> None:
        job.committed(number)
        worker.checkpoint_log.committed(number, trio.current_time())
        # A checkpoint that is kept may be restored: then sources must have what comes after it.
        if worker.checkpoints is None:
            return
        if not worker.checkpoints.kept:
            nursery.start_soon(job.forget, number)
            return
        filled = max((source.journal_filled for source in job.sources.values()), default=0.0)
        if filled >= JOURNAL_FILLED_MAX:
            _give_up_upgrade(worker, filled)

    round_.works.send_nowait(committed)


def _give_up_upgrade(worker: Worker, filled: float) -> None:
    """Drop what is kept for an upgrade, or the way back: clients are not to wait for that."""
    # With the first upgrade in whose time a journal fills up.
    from wallarood.planning.back import ORDERED  # noqa: PLC0415
    from wallarood.planning.upgrade import pending  # noqa: PLC0415

    assert worker.checkpoints is not None
    for name in worker.checkpoints.kept:
        if name in (BEFORE_UPGRADE, ORDERED) or pending([name]) is not None:
            log.warning(
                f"a journal is {filled:.0%} full: the checkpoint kept as {name!r} is dropped, and "
                "the upgrade can be gone back from no more"
                if name == BEFORE_UPGRADE
                else f"a journal is {filled:.0%} full: the checkpoint kept as {name!r} is dropped, "
                "and the cluster waits for no other version any longer: say wallarooctl upgrade "
                "again shortly before the restarts"
            )
            worker.post(DropWanted(name))
