"""What the decisions about replicas want done: a branch for each effect, and who connects."""

from collections.abc import Callable
from functools import partial
from typing import TypeVar, assert_never

import attrs
import msgspec
import structlog
import trio

from wallarood.app.connector import AllCopied, Copied
from wallarood.control.events import SnapshotMoved
from wallarood.control.replicas import effects as do
from wallarood.control.replicas.events import OwnerCame, OwnerLost, PartCaptured
from wallarood.model.checkpoint import CheckpointPart
from wallarood.model.errors import CannotCreateError, RemoteProtocolError
from wallarood.model.ids import WorkerName
from wallarood.model.messages.replicas import (
    FileGone,
    FilePiece,
    FileState,
    Held,
    PartWanted,
    ReplicaHello,
)
from wallarood.runtime.peers.captured import CAPTURED_BYTES_MAX, Captured, Sent
from wallarood.runtime.peers.holder_link import HolderLink
from wallarood.runtime.peers.owner_link import OwnerLink
from wallarood.runtime.peers.parts import Conversation
from wallarood.runtime.peers.ports import CopiedFiles, ReplicaStore
from wallarood.runtime.ports import CheckpointStore
from wallarood.runtime.store.calls import WRITE_AGAIN_S, in_turn, stored
from wallarood.runtime.store.turns import Turn
from wallarood.runtime.worker import Round, Worker

MOVED_S = 0.5
"""How often it is said that a part is on its way."""

T = TypeVar("T")

log = structlog.get_logger(__name__)


def perform_replicas(worker: Worker, effect: do.OfReplicas) -> None:
    """Carry out one effect."""
    links = worker.replicas
    match effect:
        case do.SeekHolder(holder, round_):
            link = links.to_holder = _holder_link(worker, holder, round_)
            worker.nursery.start_soon(link.run)
        case do.LeaveHolder():
            if links.to_holder is not None:
                links.to_holder.leave()
                links.to_holder = None
        case do.SendPart(part):
            if links.to_holder is not None:
                links.to_holder.send(part)
        case do.TellReplicas(owner):
            in_turn(worker, partial(_tell_replicas, owner=owner))
        case do.SayHeld(part):
            if part.owner in links.of_owners:
                links.of_owners[part.owner].say(Held(part))
        case do.DropOwner(owner):
            if owner in links.of_owners:
                links.of_owners[owner].scope.cancel()
        case _:
            assert_never(effect)


def _holder_link(worker: Worker, holder: WorkerName, round_: int) -> HolderLink:
    record = worker.node.record
    assert record is not None
    cluster_id, epoch = record.cluster_id, record.topology.epoch
    moved_at = 0.0

    def on_moved(sent: Sent) -> None:
        nonlocal moved_at
        now = trio.current_time()
        running = worker.running
        if running is not None and sent.part.round == round_ and now >= moved_at + MOVED_S:
            moved_at = now
            running.awaiting = f"the copy on {holder} ({sent.sent_bytes >> 20} MiB sent)"
            worker.post(SnapshotMoved(sent.part.number, -sent.sent_bytes, running.awaiting))

    return HolderLink(
        holder,
        ReplicaHello(cluster_id, epoch, worker.member.name, worker.member.incarnation, round_),
        address=lambda: worker.node.known(holder).data,
        dial=worker.dial_data,
        read=lambda part, there: worker.store.read_part(cluster_id, PartWanted(part), there=there),
        post=worker.post,
        limits=worker.settings.links,
        on_moved=on_moved,
        files=worker.store.files_to_copy(),
        counters=worker.replicas.counters,
    )


def tell_copying(worker: Worker, round_: Round) -> None:
    """Say that the last part is written here, and waits for its copy, if it does.

    That is no progress: a holder that takes nothing is waited for as long as anything else.
    """
    link, last = worker.replicas.to_holder, worker.last_checkpoint
    copies = worker.node.machines.copies
    replicator = copies.replicator if copies is not None else None
    wanted = replicator.waits_for if replicator is not None else None
    if link is None or last is None or wanted is None or wanted.number != last.number:
        return
    sent = link.sending
    sent_bytes = sent.sent_bytes if sent is not None and sent.part.number == last.number else 0
    round_.awaiting = f"the copy on {link.holder}{link.how_far}"
    worker.post(SnapshotMoved(last.number, -sent_bytes, round_.awaiting))


async def _tell_replicas(worker: Worker, turn: Turn, *, owner: WorkerName) -> None:
    link = worker.replicas.of_owners.get(owner)
    if link is None:
        turn.over.set()
        return
    layout = link.hello.epoch
    has = await stored(worker, turn, lambda store: store.replicas.has((layout, owner)))
    link.say(msgspec.structs.replace(has, files=await link.files.states()))


@attrs.define(eq=False)
class KeptFiles:
    """The copies of an owner's files: one call at a time, also of connections that are gone."""

    copied: CopiedFiles
    _using: trio.Lock = attrs.field(factory=trio.Lock, init=False)

    async def states(self) -> tuple[FileState, ...]:
        """What is there."""
        return await self._done(self.copied.states)

    async def write(self, changes: list[FilePiece | FileGone]) -> None:
        """See `wallarood.runtime.peers.owner_link.Files`."""
        await self._done(partial(self.copied.write, changes))

    async def settle(self) -> None:
        """See `wallarood.runtime.peers.owner_link.Files`."""
        async with self._using:
            settled = self.copied.settled
        if not settled:  # in most jobs nothing keeps files: that would be a wait for a busy loop
            await self._done(self.copied.settle)

    async def _done(self, call: Callable[[], T]) -> T:
        async with self._using:
            while True:
                try:
                    return await trio.to_thread.run_sync(call)
                except CannotCreateError as error:
                    log.warning("copies of files cannot be written", reason=error.message)
                    await trio.sleep(WRITE_AGAIN_S)


async def keep_replicas(worker: Worker, conversation: Conversation, hello: ReplicaHello) -> None:
    """Take the parts of an owner that has connected, until it goes.

    Raises RemoteProtocolError: it is no owner of this cluster and epoch, or sent what it must not.
    """
    record, owner = worker.node.record, hello.worker
    here = (record.cluster_id, record.topology.epoch) if record is not None else None
    copies = worker.node.machines.copies
    if (hello.cluster_id, hello.epoch) != here or copies is None:
        raise RemoteProtocolError(f"no replicas of {owner} are kept here: {hello!r:.200}")
    links = worker.replicas.of_owners
    if owner in links:
        links[owner].scope.cancel()

    async def in_round(call: Callable[[ReplicaStore], bool]) -> bool | None:
        def if_same(store: CheckpointStore) -> bool | None:
            ours = store.round == hello.round and copies.holder.takes(hello.round)
            kept = links.get(owner) is link  # else the owner sends it again: the disk was full
            return call(store.replicas) if ours and kept else None

        return await _in_turn_done(worker, if_same)

    files = worker.replicas.files.get(owner)
    if files is None:
        files = worker.replicas.files[owner] = KeptFiles(
            worker.store.copied_files(owner, epoch=hello.epoch)
        )
    link = links[owner] = OwnerLink(hello, conversation, in_round, files, worker.post)
    worker.post(OwnerCame(owner, hello.round))
    try:
        await link.serve()
    finally:
        if links.get(owner) is link:
            del links[owner]
            worker.post(OwnerLost(owner))


def copying(
    worker: Worker, round_: Round, part: CheckpointPart
) -> Callable[[CheckpointStore, CheckpointPart], None] | None:
    """What has a part copied while it is written, called in the thread that writes it.

    None for a large one: it is read from the disk, some at a time, when it has been written.
    """
    record = worker.node.record
    size = sum(len(chunk) for state in part.states for chunk in state.chunks)
    if size > CAPTURED_BYTES_MAX or record is None:
        return None
    token, layout = trio.lowlevel.current_trio_token(), record.topology.epoch

    def begin(captured: Captured) -> None:
        link = worker.replicas.to_holder
        if worker.running is round_ and link is not None:
            link.captured = captured
            worker.post(PartCaptured(part.checkpoint))

    def copy(store: CheckpointStore, part: CheckpointPart) -> None:
        head, chunks = worker.store.captured_part(store, part, layout)
        token.run_sync_soon(begin, Captured(head, chunks))

    return copy


def copied_to_holder(worker: Worker) -> Copied:
    """What a journal calls, in a thread, when it has grown: it waits until the copy has, too."""

    async def wait(path: str, size: int) -> None:
        if worker.replicas.to_holder is None:  # the round is over: its sources are about to end
            await trio.sleep_forever()
        await worker.replicas.to_holder.copied_to(path, size)

    return lambda path, size: trio.from_thread.run(wait, path, size)


def all_copied_to_holder(worker: Worker) -> AllCopied:
    """What a sink awaits when it has removed what must not come back."""

    async def wait() -> None:
        if worker.replicas.to_holder is None:  # the round is over: its sinks are about to end
            await trio.sleep_forever()
        await worker.replicas.to_holder.all_copied()

    return wait


async def _in_turn_done(worker: Worker, call: Callable[[CheckpointStore], T]) -> T:
    """Have the store do *call* in its turn, to its end: whoever waits for it may be cancelled."""
    done = trio.Event()
    results: list[T] = []

    async def work(worker: Worker, turn: Turn) -> None:
        results.append(await stored(worker, turn, call))
        done.set()

    in_turn(worker, work)
    await done.wait()
    return results[0]
