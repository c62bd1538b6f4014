"""What the decisions of the cluster want of the checkpoint store, each until it is done."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

import structlog
import trio

from wallarood.control.events import CommitRecorded, HoldingsRead, HostFailed, RoundWritten
from wallarood.model.checkpoint import BEFORE_UPGRADE, CheckpointId
from wallarood.model.errors import CannotCreateError, DamagedStateError, WallaroodError
from wallarood.model.ids import ClusterId, WorkerName
from wallarood.model.messages import Holdings, RoundProposal
from wallarood.runtime.ports import CheckpointStore
from wallarood.runtime.store.turns import Turn
from wallarood.runtime.worker import Worker

WRITE_AGAIN_S = 1.0

T = TypeVar("T")

log = structlog.get_logger(__name__)


def in_turn(worker: Worker, work: Callable[[Worker, Turn], Awaitable[None]]) -> None:
    """Start *work*, with the turn that is taken now."""
    turn = worker.turns.take()
    worker.nursery.start_soon(_ending_this_worker, worker, partial(work, worker, turn))


async def _ending_this_worker(worker: Worker, work: Callable[[], Awaitable[None]]) -> None:
    """What the store cannot do without ends this worker, and no other."""
    try:
        await work()
    except WallaroodError as error:
        worker.post(HostFailed(error))


async def stored(
    worker: Worker,
    turn: Turn,
    call: Callable[[CheckpointStore], T],
    *,
    of: ClusterId | None = None,
) -> T:
    """Have the store do *call*; if the disk fails it is tried again, and status says so.

    The store is opened by the first call for which the disk has room; where there is no cluster
    yet, it is made for cluster *of*, or becomes that of it. A call that is done does not tell
    that a part of a checkpoint could be written: it may have written little, or nothing.
    """
    refused = opens = False

    def opened() -> T:
        nonlocal opens
        if worker.checkpoints is None:
            record = worker.node.record
            cluster_id = record.cluster_id if record is not None else of
            assert cluster_id is not None
            if record is None:
                worker.store.create_checkpoints(cluster_id)
            worker.checkpoints, opens = _opened(worker, cluster_id), True
        elif of is not None and worker.node.record is None:
            worker.store.changes_in(worker.checkpoints).become(of)
        return call(worker.checkpoints)

    while True:
        try:
            result = await worker.turns.run(turn, opened)
        except CannotCreateError as error:
            if error.message != worker.disk_problem:
                log.warning("the state directory cannot be written", reason=error.message)
            worker.call_problem, refused = error.message, True
            await trio.sleep(WRITE_AGAIN_S)
            turn = worker.turns.take()
        else:
            if refused or opens:  # who was refused the opening may still wait to try again
                worker.call_problem = ""
            return result


def _opened(worker: Worker, cluster_id: ClusterId) -> CheckpointStore:
    store, started = _whole(worker, cluster_id), worker.node.record
    adopted, name = worker.store.changes_in(store).record(), worker.member.name
    epoch, now = (each.topology.epoch if each else 0 for each in (started, adopted))
    if started is not None and epoch < now:
        store.close()
        raise WallaroodError(
            f"{name} has started in epoch {epoch}, and its checkpoints are of epoch {now}, which "
            "the disk did not tell then: nothing is lost, start it again"
        )
    if _has_voted_since(worker, store, epoch):
        store.close()
        raise WallaroodError(
            f"{name} has started without what it has promised for a change of its cluster, which "
            "the disk did not tell then: nothing is lost, start it again"
        )
    return store


def _has_voted_since(worker: Worker, store: CheckpointStore, epoch: int) -> bool:
    """Whether the *store* has a vote of this *epoch* that was not read when the worker started.

    Nobody is to be told that there is none: were it so with all, what they have accepted would be
    forgotten.
    """
    member = worker.node.machines.recovery_member
    try:
        vote = worker.store.changes_in(store).vote()
    except DamagedStateError:  # it was found so at the start
        return False
    same_epoch = vote is not None and vote.epoch == epoch
    return member is not None and same_epoch and vote != member.vote


def _whole(worker: Worker, cluster_id: ClusterId) -> CheckpointStore:
    try:
        return worker.store.open_checkpoints(cluster_id)
    except DamagedStateError:
        # Only what is damaged is mended: few stores ever are.
        from wallarood.runtime.store.mending import open_or_mend  # noqa: PLC0415

        return open_or_mend(worker, cluster_id)


async def open_store(worker: Worker, turn: Turn) -> None:
    """Open the store."""
    await stored(worker, turn, lambda _: None)


async def trust_again(worker: Worker, turn: Turn) -> None:
    """All members have restored directories, and went on from them together."""
    await stored(worker, turn, lambda _: worker.store.trust(""))


async def read_holdings(worker: Worker, turn: Turn, *, attempt: str) -> None:
    """Say what the store holds, with no write in flight."""

    def read(store: CheckpointStore) -> Holdings:
        return Holdings(
            attempt,
            store.round,
            store.held,
            store.committed,
            store.highest,
            store.line,
            tuple(n for name, n in store.kept.items() if name != BEFORE_UPGRADE),
            replicas=worker.store.changes_in(store).kept_parts(),
            listings=worker.change.listings,
            journals=_journals(worker),
        )

    worker.post(HoldingsRead(await stored(worker, turn, read)))


def _journals(worker: Worker) -> tuple[tuple[WorkerName, int], ...]:
    record = worker.node.record
    if record is None or record.change is None:
        return ()
    others = (name for name in record.topology.workers if name != worker.member.name)
    since = ((name, worker.store.copied_files(name).kept_since) for name in others)
    return tuple(each for each in since if each[1])


async def write_round(worker: Worker, turn: Turn, *, proposal: RoundProposal) -> None:
    """Make the proposal of a round durable."""

    def write(store: CheckpointStore) -> int:
        before = store.line
        store.choose(
            proposal.round, proposal.checkpoint, highest=proposal.highest, line=proposal.line
        )
        # All have promised to heed nothing older, and had accepted nothing: it will never be.
        worker.store.changes_in(store).unstage()
        tell_line(proposal.line, proposal.checkpoint, before=before)
        return store.committed.number

    committed = await stored(worker, turn, write)
    worker.post(RoundWritten(proposal.round, committed))


def tell_line(line: int, checkpoint: CheckpointId, *, before: int) -> None:
    """Log it if the output from *checkpoint* on is of another line than that *before*."""
    if line > before:
        log.info(
            f"line {line} of the output begins: exactly-once TCP sinks are clients with "
            f"-line-{line} in their names, which replace what came after the checkpoint",
            checkpoint=str(checkpoint),
        )


async def drop_kept(worker: Worker, turn: Turn, *, name: str) -> None:
    """A checkpoint that is kept by name may go."""
    await stored(worker, turn, lambda store: store.drop(name))


# ---- what means nothing in a later round ---------------------------------------------------------
# Numbers of checkpoints that were never written here may come again there. *ours* is the round.


async def record_committed(worker: Worker, turn: Turn, *, ours: int, number: int) -> None:
    """Make durable that a checkpoint is committed."""
    if await _stored_in(worker, turn, ours, call=lambda store: store.record_committed(number)):
        worker.post(CommitRecorded(number))


async def record_begun(worker: Worker, turn: Turn, *, proposal: RoundProposal) -> None:
    """Make durable that what a round starts from is committed: it is on all disks by now."""
    number = proposal.checkpoint.number
    await _stored_in(
        worker, turn, proposal.round, call=lambda store: store.record_committed(number)
    )


async def discard(worker: Worker, turn: Turn, *, ours: int, number: int) -> None:
    """Delete what is held of a checkpoint that will never be committed."""

    def discard_all(store: CheckpointStore) -> None:
        store.discard(number)
        store.replicas.discard(number)

    await _stored_in(worker, turn, ours, call=discard_all)


async def _stored_in(
    worker: Worker, turn: Turn, ours: int, *, call: Callable[[CheckpointStore], None]
) -> bool:
    """Whether *call* was carried out: the store is still in round *ours*."""

    def if_ours(store: CheckpointStore) -> bool:
        if store.round != ours:
            return False
        call(store)
        return True

    return await stored(worker, turn, if_ours)
