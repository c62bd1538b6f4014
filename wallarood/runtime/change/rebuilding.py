"""A worker that takes the place of a lost one: all that one had at the basis, from its holder."""
# Theory of operation
# ===================
# The holder has the lost worker's part of the basis, and copies of what its sources and sinks keep.
# Both are put where the lost worker had them, before anything is staged: from then on the new one
# stages as if it had always been there. What it fetches counts for nothing until it adopts.
#
# A sink that cannot publish from such copies, as one whose files were on the lost disk, begins
# after what it had prepared: that is lost, as the operator was told.

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import structlog
import trio

from wallarood.control.change.effects import StageChange
from wallarood.control.replicas.ring import keeper_of
from wallarood.model.change import Change, PartName, Why
from wallarood.model.errors import PeersGoneError
from wallarood.model.ids import WorkerName
from wallarood.model.messages.replicas import (
    Chunk,
    FilesWanted,
    PartHead,
    PartRefused,
    PartWanted,
    TransferHello,
)
from wallarood.planning.change import is_for_heirs
from wallarood.runtime.change.fetching import fetched_again
from wallarood.runtime.peers.transfer import fetch_files, fetch_part
from wallarood.runtime.ports import ChangeStore
from wallarood.runtime.worker import Worker

Stored = Callable[[Callable[[ChangeStore], Any]], Awaitable[Any]]

log = structlog.get_logger(__name__)


def replaces(change: Change, name: WorkerName) -> bool:
    """Whether *name* is a new seat that takes the place of the one of that name."""
    return any(gone.name == name and gone.why is Why.REPLACED for gone in change.gone)


async def rebuild(worker: Worker, wanted: StageChange, stored: Stored) -> Any:
    """Put here what the lost worker had, and return its part of the basis.

    Raises PeersGoneError: the holder does not hand it over.
    """
    change, name = wanted.record.change, worker.member.name
    assert change is not None
    members = {each.name: each for each in wanted.old_members}
    keeper = keeper_of(members[name], wanted.previous.workers, change)
    member = members[keeper]
    log.info("taking the place of a lost worker", worker=name, copy_from=keeper)
    me, basis = worker.member, change.basis
    hello = TransferHello(wanted.record.cluster_id, wanted.previous.epoch, me.name, me.incarnation)
    part = PartName(change.layout, name, basis.round, basis.number)

    async def take(_: PartHead, chunks: list[Chunk]) -> None:
        await stored(lambda store: store.put_chunks(chunks))

    limit = worker.settings.links.frame_bytes_max
    head = await fetched_again(
        keeper,
        lambda: fetch_part(
            worker.dial_data(member.data),
            hello,
            PartWanted(part),
            take=take,
            frame_bytes_max=limit,
        ),
    )
    if isinstance(head, PartRefused):
        raise PeersGoneError(f"{keeper} has no copy of what {name} had: {head.reason}")
    files = worker.store.copied_files(None)
    await fetched_again(
        keeper,
        lambda: fetch_files(
            worker.dial_data(member.data),
            hello,
            FilesWanted(name),
            take=lambda pieces: trio.to_thread.run_sync(files.write, pieces),
            frame_bytes_max=limit,
        ),
    )
    await trio.to_thread.run_sync(files.settle)
    manifest = without_lost_output(worker, head.manifest)
    await stored(partial(_put, manifest, change.layout))
    return manifest


def _put(manifest: Any, layout: int, store: ChangeStore) -> None:
    store.put_part(manifest, layout)


def without_lost_output(worker: Worker, manifest: Any) -> Any:
    """A part in which no sink is to publish what was on the lost disk alone."""
    steps = {step.name: step for step in worker.application.steps}
    sinks = []
    for step, state, unpublished in manifest["sinks"]:
        connector = steps[step].connector if step in steps else None
        kept = list(unpublished) if is_for_heirs(connector) else []
        if len(kept) < len(unpublished):
            log.warning("output that was prepared on the lost disk is lost", sink=step)
        sinks.append([step, state, kept])
    return {**manifest, "sinks": sinks}
