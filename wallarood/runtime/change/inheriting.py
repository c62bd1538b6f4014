"""What lost workers' sinks have prepared is published by their heirs, under their own names."""
# Theory of operation
# ===================
# The heir of a lost worker has a copy of its part, and of the files of its sinks. What a writer has
# prepared for the basis is committed by that, and may not be visible: the heir opens the writer as
# it was, where the copy of its directory is, publishes what the basis lists, and never opens it
# again. Whatever was published before is found so by the writer, as after any restart. The round
# waits for that, so nothing new comes before it; the first checkpoint after it has no list.
#
# A sink whose output is on the lost disk alone has nothing to publish elsewhere. The operator has
# said that this may be lost; it is tried all the same, since the directory may be a shared one.

import random
from collections.abc import Awaitable, Callable, Iterator, Mapping
from functools import partial
from typing import Any

import structlog
import trio

from wallarood.app.connector import AllCopied, SinkContext
from wallarood.control.replicas.ring import owner_of
from wallarood.disk.incoming import IncomingFiles
from wallarood.disk.inherited import InheritedFiles
from wallarood.flow.failures import pass_on
from wallarood.model.change import Change
from wallarood.model.checkpoint import CheckpointId, LeftSink, Restored, SinkPart
from wallarood.model.errors import DamagedStateError, NeverTakenError
from wallarood.model.ids import WorkerName
from wallarood.model.messages.replicas import FilesWanted
from wallarood.planning.change import is_for_heirs
from wallarood.runtime.change.keepers import Keepers
from wallarood.runtime.change.takeover import Takeover
from wallarood.runtime.dataflow.tasks.sink_task import PUBLISH_AGAIN_MAX_S, PUBLISH_AGAIN_S
from wallarood.runtime.worker import Worker

log = structlog.get_logger(__name__)


def left_sinks(
    change: Change, takeover: Takeover, heads: Mapping[WorkerName, Any]
) -> Iterator[LeftSink]:
    """What this worker is to publish for others, by their parts of the basis in *heads*."""
    previous, lost_here = takeover.previous, change.lost_to(takeover.worker)
    for name in (takeover.worker, *lost_here):  # what these have not published for others yet
        for worker, instance, layout, (step, state, some) in heads.get(name, {}).get("left", ()):
            yield LeftSink(worker, instance, layout, SinkPart(step, state, tuple(some)))
    for lost in lost_here:
        for step, state, unpublished in heads.get(lost, {}).get("sinks", ()):
            stage = next(each for each in previous.stages if step in each.steps)
            part = SinkPart(step, state, tuple(unpublished))
            if unpublished:
                yield LeftSink(lost, stage.writer_of(lost), previous.epoch, part)


async def fetch_lost(keepers: Keepers, number: int) -> None:
    """Fetch with staging *number* what lost workers have left here, where others have it later.

    A sink may have taken note since of what must not come back. Raises PeersGoneError: who has it
    does not answer. Raises CannotCreateError.
    """
    if not keepers.is_older:
        return
    me, incoming = keepers.worker.member.name, IncomingFiles(keepers.worker.store.cluster_path)
    for lost in keepers.change.lost_to(me):
        keeper = await keepers.of_files(lost)
        if keeper is None or keeper.member.name == me:
            continue
        await keepers.fetch(
            keeper.member, FilesWanted(lost), partial(incoming.write_lost, number, lost)
        )
        await trio.to_thread.run_sync(incoming.settle_lost, number, lost, keeper.epoch)


async def publish_left(
    worker: Worker, restored: Restored, line: int, *, all_copied: AllCopied | None
) -> None:
    """Publish what others have left here, if *restored* lists any; returns when all is visible.

    *all_copied* is what their sinks wait for, as those of this worker do.

    Raises DamagedStateError or NeverTakenError: it can never be.
    """
    record = worker.node.record
    change = record.change if record is not None else None
    if not restored.left and change is not None and restored.checkpoint == change.basis:
        return  # what a second loss before the next checkpoint would be rebuilt from
    if not restored.left:
        await trio.to_thread.run_sync(InheritedFiles(worker.store.cluster_path).forget)
        return
    try:
        for left in restored.left:
            worker.change.moving = f"publishing what {left.worker} has left of {left.part.step!r}"
            worker.notify()
            await _publish(worker, left, line, all_copied=all_copied)
    finally:
        worker.change.moving = ""
        worker.notify()


async def forget_copies(worker: Worker, checkpoint: CheckpointId) -> None:
    """Remove copies for workers whose holder is another now, once a checkpoint is committed there.

    A round that starts from *checkpoint* tells so: before, only these copies may be whole.
    """
    record = worker.node.record
    if record is None or record.change is None or checkpoint.number <= record.change.basis.number:
        return
    owner, files = owner_of(worker.member.name, record.topology.workers), worker.store.cluster_path
    await trio.to_thread.run_sync(InheritedFiles(files).forget_copies, owner)


async def _publish(
    worker: Worker, left: LeftSink, line: int, *, all_copied: AllCopied | None
) -> None:
    record, step = worker.node.record, left.part.step
    assert record is not None
    directory = InheritedFiles(worker.store.cluster_path).of(left.worker, left.layout) / "sinks"
    sink = worker.application.step(step).connector
    context = SinkContext(
        application=worker.application.name,
        cluster_id=record.cluster_id,
        worker=left.worker,
        step=step,
        instance=left.instance,
        directory=str(directory / f"{step}-{left.instance}".replace("/", "_")),
        life=worker.member.incarnation.short,
        line=line,
        all_copied=all_copied,
    )
    count = len(left.part.unpublished)
    try:
        writer = await sink.open(context, left.part.state)
        try:
            for transaction in left.part.unpublished:
                await _commit(worker, left, partial(writer.commit, transaction))
        finally:
            await writer.aclose()
    except (DamagedStateError, NeverTakenError) as error:
        if is_for_heirs(sink):
            raise
        log.warning("output is lost", sink=step, of=left.worker, reason=error.message)
    else:
        log.info("output was published for a lost worker", sink=step, of=left.worker, count=count)


async def _commit(worker: Worker, left: LeftSink, commit: Callable[[], Awaitable[None]]) -> None:
    """Publish one transaction; tried until it is done."""
    again_s, said = PUBLISH_AGAIN_S, worker.change.moving
    while True:
        try:
            await commit()
        except (DamagedStateError, NeverTakenError):
            raise
        except BaseException as error:
            pass_on(error)
            log.warning(
                "sink cannot publish", sink=left.part.step, of=left.worker, reason=str(error)
            )
            worker.change.moving = f"{said}: {error}"
            worker.notify()
            await trio.sleep(again_s * random.uniform(0.5, 1))
            again_s = min(2 * again_s, PUBLISH_AGAIN_MAX_S)
        else:
            worker.change.moving = said
            return
