"""The effects of a change become deeds: votes, staging, adopting, leaving."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import assert_never

import structlog
import trio

from wallarood.control.change import effects as do
from wallarood.control.change.events import VoteWritten
from wallarood.disk.incoming import IncomingFiles
from wallarood.disk.inherited import InheritedFiles
from wallarood.model.change import Vote
from wallarood.model.cluster_record import ClusterRecord
from wallarood.model.errors import RefusedError, WallaroodError
from wallarood.runtime.change.ahead import copy_ahead
from wallarood.runtime.change.sources.journals import put_in_place
from wallarood.runtime.change.staging import stage
from wallarood.runtime.ports import CheckpointStore
from wallarood.runtime.store.calls import in_turn, stored, tell_line
from wallarood.runtime.store.turns import Turn
from wallarood.runtime.worker import Worker

log = structlog.get_logger(__name__)


def perform_change(worker: Worker, effect: do.OfAChange) -> None:
    """Carry out one effect of a change."""
    match effect:
        case do.WriteVote(vote):
            in_turn(worker, partial(_write_vote, vote=vote))
        case do.CopyAhead():
            _begin_staging(worker, partial(copy_ahead, worker, effect))
        case do.StageChange():
            _begin_staging(worker, partial(stage, worker, effect))
        case do.Unstage():
            worker.change.end_staging()
            worker.change.ahead = None
            in_turn(worker, _unstage)
        case do.AdoptChange(record):
            worker.change.end_staging()
            _prepare_states(worker, record)
            in_turn(worker, partial(_adopt, record=record))
        case do.SetAside(reason):
            log.warning(reason)
            worker.change.set_aside = effect
        case do.SeekAt(control):
            worker.change.sought = control
        case do.Seek(name):
            worker.nursery.start_soon(
                worker.connections.dial_once, name, worker.node.known(name).control
            )
        case do.Distrust(why):
            log.warning("the state directory was restored: it has no vote", reason=why)
            in_turn(worker, partial(_distrust, why=why))
        case do.TellOperator(name, taken, text):
            worker.change.answers.append(effect)
            if not taken:
                log.warning("a change that was asked for here is not made", request=name, why=text)
        case _:
            assert_never(effect)


def _begin_staging(worker: Worker, call: Callable[[], Awaitable[None]]) -> None:
    """Stage, or copy ahead: one ends the other."""
    worker.change.end_staging()
    scope = worker.change.staging = trio.CancelScope()

    async def run() -> None:
        with scope:
            await call()

    worker.nursery.start_soon(run)


def _prepare_states(worker: Worker, record: ClusterRecord) -> None:
    """What goes on in memory is put together beside all that is still to be done."""
    kept = worker.change.kept
    if kept is not None and kept.change == record.change:
        in_thread = partial(trio.to_thread.run_sync, kept.prepare, abandon_on_cancel=True)
        worker.nursery.start_soon(in_thread)


async def _write_vote(worker: Worker, turn: Turn, *, vote: Vote) -> None:
    await stored(worker, turn, lambda store: worker.store.changes_in(store).write_vote(vote))
    worker.post(VoteWritten(vote))


async def _distrust(worker: Worker, turn: Turn, *, why: str) -> None:
    await stored(worker, turn, lambda _: worker.store.trust(why))


async def _unstage(worker: Worker, turn: Turn) -> None:
    """Forget what is staged. A worker without a cluster may not have opened it since its start."""
    staged = worker.store.look_at_changes().staged
    of = staged[0].record.cluster_id if staged else None
    if of is None and worker.node.record is None:
        await worker.turns.run(turn, lambda: None)  # what is there is not whole, and goes next time
        return
    await stored(worker, turn, lambda store: worker.store.changes_in(store).unstage(), of=of)


async def _adopt(worker: Worker, turn: Turn, *, record: ClusterRecord) -> None:
    """Adopt what is staged; the record of the cluster follows, and is mended at a start if not."""
    cluster = worker.store.cluster_path

    def adopt(store: CheckpointStore) -> Mapping[str, int]:
        kept, change, line = dict(store.kept), record.change, store.line
        assert change is not None
        inherited, incoming = InheritedFiles(cluster), IncomingFiles(cluster)
        for staged in worker.store.look_at_changes().staged:
            if staged.record.change == change:
                number = staged.part.number
                for name in change.lost_to(record.worker):
                    inherited.take(name, change.layout, later=incoming.of_lost(number, name))
                put_in_place(worker, staged.record, number)
        worker.store.save_record(worker.store.changes_in(store).adopt(record))
        tell_line(change.line, change.basis, before=line)
        incoming.forget()
        return kept

    epoch = record.topology.epoch
    try:
        kept = await stored(worker, turn, adopt, of=record.cluster_id)
    except WallaroodError as error:
        log.error("the new epoch cannot be adopted", epoch=epoch, reason=error.message)
        worker.change.failure = RefusedError(
            f"the cluster is at epoch {epoch}, and {worker.member.name} lacks what it had made "
            "durable for that: its state directory is an older copy; put the newer one back"
        )
        raise
    if kept:
        names = ", ".join(map(repr, kept))
        log.warning(f"kept checkpoints are dropped, for they are of the epoch before: {names}")
    log.info("the cluster has changed", epoch=epoch)
