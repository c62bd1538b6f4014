"""A data connection that a peer has made: for records of a round, or for parts of checkpoints."""

from collections.abc import Iterator

import attrs

from wallarood.model.errors import RemoteProtocolError
from wallarood.model.ids import WorkerName
from wallarood.model.messages.replicas import (
    Chunk,
    PartHead,
    PartWanted,
    ReplicaHello,
    TransferHello,
)
from wallarood.runtime.peers.greeting import Greeted, greeted
from wallarood.runtime.peers.links import refuse_data
from wallarood.runtime.peers.parts import Conversation
from wallarood.runtime.peers.ports import CopiedFiles
from wallarood.runtime.peers.transfer import serve_parts
from wallarood.runtime.ports import DataChannel
from wallarood.runtime.profile import profile_accepted
from wallarood.runtime.replicas import keep_replicas
from wallarood.runtime.worker import Worker


async def accept_data(worker: Worker, channel: DataChannel) -> None:
    """Use a data connection until it ends.

    Raises RemoteProtocolError: the peer is no member, or sent what it must not.
    """
    frame_bytes_max = worker.settings.links.frame_bytes_max
    came = await greeted(channel, frame_bytes_max=frame_bytes_max)
    match came.first:
        case TransferHello():
            await _serve_transfer(worker, came, came.first)
        case ReplicaHello():
            check_certified(came, came.first.worker)
            conversation = Conversation.after(came.channel, came.frames, came.rest)
            await keep_replicas(worker, conversation, came.first)
        case _:
            await _accept_link(worker, came)


async def _accept_link(worker: Worker, came: Greeted) -> None:
    links = worker.running.links if worker.running is not None else None
    if links is None:
        await refuse_data(came.channel, "no round runs here yet")
    elif worker.profile is not None:
        channel = profile_accepted(worker.profile, came.channel)
        await links.accept(attrs.evolve(came, channel=channel))
    else:
        await links.accept(came)


async def _serve_transfer(worker: Worker, came: Greeted, hello: TransferHello) -> None:
    """Whoever has the key of this cluster may have a part of it: a joiner is no member yet."""
    check_certified(came, hello.worker)
    record = worker.node.record
    if record is None or record.cluster_id != hello.cluster_id:
        raise RemoteProtocolError(f"{hello.worker} wants parts of cluster {hello.cluster_id}")
    conversation = Conversation.after(came.channel, came.frames, came.rest)
    # When parts are first asked for: what chooses of them is not needed before.
    from wallarood.runtime.change.exporting import Exporter  # noqa: PLC0415

    def read(wanted: PartWanted) -> tuple[PartHead, Iterator[list[Chunk]]]:
        change, round_ = worker.change, worker.round
        job = round_.job if round_ is not None else None
        of_all = (worker.store, record, worker.application, change.gone)
        return Exporter(*of_all, job, change.resting).read(wanted)

    def copied(owner: WorkerName) -> CopiedFiles:
        own = owner == worker.member.name
        return worker.store.copied_files(None if own else owner, layout=hello.epoch)

    await serve_parts(
        conversation,
        read,
        files=lambda wanted: copied(wanted.owner).pieces(wanted.under),
        kept=lambda asked: copied(asked.owner).kept_since,
    )


def check_certified(came: Greeted, name: str) -> None:
    """Raises RemoteProtocolError: the certificate of the peer has another name."""
    if came.channel.certified not in (None, name):
        raise RemoteProtocolError(
            f"the certificate of {came.channel.certified} was shown by {name}"
        )
