"""An owner and its holder with real stores, connected over a real socket, without workers."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import trio

from support.patience import patiently
from wallarood.control.events import Event
from wallarood.model.change import PartName
from wallarood.model.checkpoint import FIRST_CHECKPOINT, CheckpointId, CheckpointPart, StatePart
from wallarood.model.ids import Address, Incarnation
from wallarood.model.messages.replicas import PartWanted, ReplicaHello
from wallarood.net.tcp import DataChannel
from wallarood.runtime.peers.greeting import greeted
from wallarood.runtime.peers.holder_link import HolderLink
from wallarood.runtime.peers.links import LinkLimits
from wallarood.runtime.peers.owner_link import OwnerLink
from wallarood.runtime.peers.parts import WINDOW_BYTES, Conversation
from wallarood.runtime.peers.ports import ReplicaStore
from wallarood.runtime.replicas import KeptFiles
from wallarood.storage.checkpoint_files import create_checkpoints, open_checkpoints
from wallarood.storage.checkpoints import CheckpointStore
from wallarood.storage.copies.copied_files import CopiedFiles
from wallarood.storage.copies.files_to_copy import FilesToCopy
from wallarood.storage.part_reader import read_own_part

from .wires import data_channels, ended_with, that_may_break

CLUSTER = "wc-0123456789abcdef0123"
ROUND = 1
FRAME_BYTES_MAX = 1 << 20
HELLO = ReplicaHello(CLUSTER, 1, "alpha", Incarnation(1, "n"), ROUND)
OWNER = (1, "alpha")


def store_at(path: Path) -> CheckpointStore:
    """A new store, in its first round."""
    create_checkpoints(path, CLUSTER)
    store = open_checkpoints(path, CLUSTER)
    store.choose(ROUND, FIRST_CHECKPOINT, highest=0)
    return store


def part_at(number: int) -> PartName:
    """A part of the owner."""
    return PartName(1, "alpha", ROUND, number)


def write_part(store: CheckpointStore, number: int, *chunks: bytes) -> None:
    """The owner writes a part: the first is the base, the others build on it."""
    state = StatePart("count", number == 1, 1, chunks, 1)
    store.write(CheckpointPart(CheckpointId(ROUND, number), "alpha", (), (), (state,)))


@attrs.define(eq=False)
class Copied:
    """Both disks, and what happens on both sides; `connections` are the holder's ends, in order."""

    owner: CheckpointStore
    holder: CheckpointStore
    at_owner: list[Event] = attrs.field(factory=list)
    at_holder: list[Event] = attrs.field(factory=list)
    connections: list[OwnerLink] = attrs.field(factory=list)
    round_over: bool = False
    probe_s: float = 5.0
    silent: int = 0
    """So many connections are made over which nothing comes."""

    def link(self, nursery: trio.Nursery) -> HolderLink:
        """The owner's link, which finds the holder wherever it dials."""

        @asynccontextmanager
        async def dial(_: Address) -> AsyncIterator[Any]:
            async with data_channels() as (ours, theirs):
                nursery.start_soon(self._accept, theirs)
                async with ended_with(ours):
                    yield ours

        return HolderLink(
            "beta",
            HELLO,
            address=lambda: Address("beta", 1),
            dial=dial,
            read=lambda part, there: read_own_part(
                self.owner.path, CLUSTER, PartWanted(part), there=there
            ),
            post=self.at_owner.append,
            limits=LinkLimits(WINDOW_BYTES, FRAME_BYTES_MAX, 0.1, self.probe_s, 3 * self.probe_s),
            on_moved=lambda _: None,
            files=FilesToCopy(self.owner.path.parent / "here"),
        )

    @asynccontextmanager
    async def begun(self) -> AsyncIterator[HolderLink]:
        """The owner's link, on which the holder has said what it has."""
        async with trio.open_nursery() as nursery:
            link = self.link(nursery)
            nursery.start_soon(link.run)
            await self.until(lambda: self.connections)
            self.says_what_it_has()
            await self.until(lambda: self.at_owner)
            yield link
            nursery.cancel_scope.cancel()

    async def _accept(self, channel: DataChannel) -> None:
        async with that_may_break(), ended_with(channel):
            if self.silent:
                self.silent -= 1
                await trio.sleep_forever()
            came = await greeted(channel, frame_bytes_max=FRAME_BYTES_MAX)
            assert came.first == HELLO
            conversation = Conversation.after(channel, came.frames, came.rest)
            link = self.owner_link(conversation)
            self.connections.append(link)
            await link.serve()

    def owner_link(self, conversation: Conversation) -> OwnerLink:
        """The holder's end of a connection."""
        files = KeptFiles(CopiedFiles(self.holder.path.parent / "there" / "replicas" / "alpha"))
        return OwnerLink(HELLO, conversation, self._stored, files, self.at_holder.append)

    async def _stored(self, call: Callable[[ReplicaStore], bool]) -> bool | None:
        await trio.lowlevel.checkpoint()
        return None if self.round_over else call(self.holder.replicas)

    def says_what_it_has(self) -> None:
        """The holder, on the newest connection."""
        self.connections[-1].say(self.holder.replicas.has(OWNER))

    async def until(self, so: Callable[[], object]) -> None:
        """Wait until something is so."""
        with patiently(20):
            while not so():  # noqa: ASYNC110 - two sides and two disks tell nobody
                await trio.sleep(0.002)
