"""A worker that takes the place of a lost one: all that one had at the basis, from its holder."""
# Theory of operation
# ===================
# The holder has the lost worker's part of the basis, and copies of what its sources and sinks keep.
# Both are put where the lost worker had them, before anything is staged: from then on the new one
# stages as if it had always been there. What it fetches counts for nothing until it adopts: what an
# earlier try has left of files goes first, for the holder may have removed some of them since.
#
# One that had joined after the basis has no part of it: only its files are fetched, if it had any.
#
# A sink that cannot publish from such copies, as one whose files were on the lost disk, begins
# after what it had prepared: that is lost, as the operator was told.

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import structlog
import trio

from wallarood.control.change.effects import StageChange
from wallarood.model.change import Change, PartName, Why
from wallarood.model.errors import PeersGoneError
from wallarood.model.ids import WorkerName
from wallarood.model.messages.replicas import (
    Chunk,
    FilesWanted,
    PartHead,
    PartRefused,
    PartWanted,
)
from wallarood.planning.change import is_for_heirs
from wallarood.runtime.change.fetching import fetched_again
from wallarood.runtime.change.keepers import Keepers
from wallarood.runtime.peers.transfer import fetch_part
from wallarood.runtime.ports import ChangeStore
from wallarood.runtime.worker import Worker

Stored = Callable[[Callable[[ChangeStore], Any]], Awaitable[Any]]

log = structlog.get_logger(__name__)


def replaces(change: Change, name: WorkerName) -> bool:
    """Whether *name* is a new seat that takes the place of the one of that name."""
    return any(gone.name == name and gone.why is Why.REPLACED for gone in change.gone)


async def rebuild(worker: Worker, wanted: StageChange, stored: Stored) -> Any:
    """Put here what the lost worker had, and return its part of the basis; None: it had none.

    Raises PeersGoneError: the holder does not hand it over.
    """
    keepers, name = Keepers(worker, wanted), worker.member.name
    await _fetch_files(keepers, name)
    if all(each.name != name for each in wanted.old_members):
        return None
    change, member = keepers.change, keepers.of_part(name)
    log.info("taking the place of a lost worker", worker=name, copy_from=member.name)
    basis = change.basis
    part = PartName(change.layout, name, basis.round, basis.number)

    async def take(_: PartHead, chunks: list[Chunk]) -> None:
        await stored(lambda store: store.put_chunks(chunks))

    limit = worker.settings.links.frame_bytes_max
    head = await fetched_again(
        member.name,
        lambda: fetch_part(
            worker.dial_data(member.data),
            keepers.hello,
            PartWanted(part),
            take=take,
            frame_bytes_max=limit,
        ),
    )
    if isinstance(head, PartRefused):
        raise PeersGoneError(f"{member.name} has no copy of what {name} had: {head.reason}")
    manifest = without_lost_output(worker, head.manifest)
    await stored(partial(_put, manifest, change.layout))
    return manifest


async def _fetch_files(keepers: Keepers, name: WorkerName) -> None:
    """Put here what the sources and sinks of the lost worker have kept, and nothing else."""
    keeper, files = await keepers.of_files(name), keepers.worker.store.copied_files(None)
    await trio.to_thread.run_sync(files.clear)
    if keeper is not None:
        await keepers.fetch(keeper.member, FilesWanted(name), files.write)
        await trio.to_thread.run_sync(files.settle)


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
