"""Opening the checkpoints; what is damaged of them is had back from the worker that has a copy."""
# Theory of operation
# ===================
# The store is opened in its turn, in a thread, and all that is decided later waits for it. So a
# part that is damaged is fetched there and then: from the holder's disk, which needs no round to
# be asked. A holder that is starting as well is waited for. Only if it has no copy, or does not
# come in time, the damage ends this worker.

from collections.abc import Callable
from functools import partial

import structlog
import trio

from wallarood.control.replicas.ring import holder_of
from wallarood.model.change import PartName
from wallarood.model.errors import (
    DamagedStateError,
    KeyRefusedError,
    PeersGoneError,
    RemoteProtocolError,
)
from wallarood.model.ids import Address, ClusterId
from wallarood.model.messages.replicas import (
    Chunk,
    PartHead,
    PartRefused,
    PartWanted,
    TransferHello,
)
from wallarood.runtime.peers.transfer import fetch_part
from wallarood.runtime.ports import CheckpointStore
from wallarood.runtime.worker import Worker

FETCH_S = 60.0
"""How long the holder is waited for, and each time for more of a part."""
AGAIN_S = 0.5

log = structlog.get_logger(__name__)


def open_or_mend(worker: Worker, cluster_id: ClusterId) -> CheckpointStore:
    """Open the checkpoints of *cluster_id*; blocks, in a thread of the worker's loop.

    Raises DamagedStateError: they are damaged, and no copy could be had. Raises CannotCreateError.
    """
    record, copies = worker.node.record, worker.node.machines.copies
    try:
        return worker.store.open_checkpoints(cluster_id)
    except DamagedStateError as damage:
        if record is None or copies is None or copies.replicator is None:
            raise
        damaged = worker.store.damaged_parts(record.cluster_id)
        if not damaged:
            raise
        log.warning("checkpoints are damaged: fetching the copies", damage=damage.message)
        for checkpoint in damaged:
            part = PartName(
                record.topology.epoch, worker.member.name, checkpoint.round, checkpoint.number
            )
            head, chunks = trio.from_thread.run(partial(_fetched, worker, part, damage))
            worker.store.mend_part(record.cluster_id, head, chunks)
            log.warning("a damaged checkpoint was replaced by its copy", checkpoint=str(checkpoint))
        return worker.store.open_checkpoints(record.cluster_id)


async def _fetched(
    worker: Worker, part: PartName, damage: DamagedStateError
) -> tuple[PartHead, list[Chunk]]:
    """The copy of *part*. Raises DamagedStateError: it cannot be had."""
    record = worker.node.record
    assert record is not None
    holder = holder_of(worker.member.name, record.topology.workers)
    worker.waiting_for = f"waiting for {holder} to send back checkpoint {part.number}"
    worker.notify()
    try:
        answer, chunks = await copy_of(
            part, worker, cluster_id=record.cluster_id, where=lambda: worker.node.known(holder).data
        )
    except PeersGoneError as gone:
        text = f"{damage.message}; {holder} did not send its copy back: {gone.message}"
        raise DamagedStateError(text) from gone
    worker.waiting_for = ""
    if isinstance(answer, PartRefused):
        raise DamagedStateError(f"{damage.message}; {holder} has no copy")
    return answer, chunks


async def copy_of(
    part: PartName, worker: Worker, *, cluster_id: ClusterId, where: Callable[[], Address]
) -> tuple[PartHead | PartRefused, list[Chunk]]:
    """The copy of *part* that is had from *where*: waited for as long as some of it comes.

    Raises PeersGoneError: nothing of it has come for long.
    """
    me, why = worker.member, "it could not be reached"
    hello = TransferHello(cluster_id, part.layout, me.name, me.incarnation)
    chunks: list[Chunk] = []

    async def take(_: PartHead, some: list[Chunk]) -> None:
        await trio.lowlevel.checkpoint()
        chunks.extend(some)
        scope.deadline = trio.current_time() + FETCH_S  # a large one may take longer than that

    with trio.move_on_after(FETCH_S) as scope:
        while True:
            chunks.clear()
            try:
                dialled = worker.dial_data(where())
                limit = worker.settings.links.frame_bytes_max
                wanted = PartWanted(part)
                return await fetch_part(
                    dialled, hello, wanted, take=take, frame_bytes_max=limit
                ), chunks
            except (OSError, trio.TooSlowError, trio.BrokenResourceError) as error:
                why = str(error) or type(error).__name__
            except (KeyRefusedError, RemoteProtocolError) as error:
                why = str(error)
            await trio.sleep(AGAIN_S)
    raise PeersGoneError(why)
