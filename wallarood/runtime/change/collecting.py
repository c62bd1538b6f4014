"""What comes from other workers of the states that this one takes over."""
# Theory of operation
# ===================
# State by key comes chunk by chunk, and is put over what has come before in memory, so that the
# next epoch begins with it. Each chunk is written as it is, for keys are deleted one by one in it,
# and no other worker has the same. Where whole buckets are deleted, what has come from each worker
# is written when all of it is there, without tombstones: among the chunks of another worker one
# would take out what is not meant.
#
# Part of it may have come while records flowed. What has changed since is all that is asked for
# then, if those chunks are still what the state is made of.

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, TypeVar

import attrs
import structlog
import trio

from wallarood.disk.incoming import IncomingFiles
from wallarood.flow.state.state import State
from wallarood.model.change import PartName
from wallarood.model.errors import PeersGoneError, RemoteProtocolError, WallaroodError
from wallarood.model.ids import ClusterId, Member, WorkerName
from wallarood.model.messages.replicas import (
    Chunk,
    ChunkGroup,
    PartHead,
    PartRefused,
    PartWanted,
    Slots,
    TransferHello,
)
from wallarood.runtime.change.takeover import How, Part, Takeover
from wallarood.runtime.peers.transfer import fetch_part
from wallarood.runtime.ports import ChangeStore
from wallarood.runtime.store.calls import stored
from wallarood.runtime.worker import Worker

FETCH_S = 60.0
"""How long a worker that does not answer is asked."""
AGAIN_S = 0.2

T = TypeVar("T")

log = structlog.get_logger(__name__)


class OutdatedError(Exception):
    """What has come before is not what the state is made of any longer."""


async def all_of(calls: Iterable[Callable[[], Awaitable[None]]]) -> None:
    """Do all *calls* at the same time; the first that fails ends the others, and raises here."""
    failed: list[Exception] = []
    async with trio.open_nursery() as nursery:

        async def run(call: Callable[[], Awaitable[None]]) -> None:
            try:
                await call()
            except (WallaroodError, OutdatedError) as error:
                failed.append(error)
                nursery.cancel_scope.cancel()

        for call in calls:
            nursery.start_soon(run, call)
    for error in failed:
        raise error


@attrs.define(eq=False)
class Collected:
    """What has come to *worker* for *takeover*, and is written under staging `number`.

    `staged` is how many chunks of each computation are written, `states` what they make of those
    by key, by computation and owner, and `there` which chunks of an owner they were.
    """

    worker: Worker
    takeover: Takeover
    cluster_id: ClusterId
    number: int = 0
    staged: dict[str, int] = attrs.field(factory=dict)
    states: dict[tuple[str, WorkerName], State] = attrs.field(factory=dict)
    there: dict[WorkerName, tuple[ChunkGroup, ...]] = attrs.field(factory=dict)
    _come: dict[WorkerName, tuple[int, int]] = attrs.field(factory=dict)
    """How many chunks have come of how many, by owner."""

    async def stored(self, call: Callable[[ChangeStore], T]) -> T:
        """Have the store do *call*."""
        worker = self.worker
        return await stored(
            worker,
            worker.turns.take(),
            lambda store: call(worker.store.changes_in(store)),
            of=self.cluster_id,
        )

    async def begin(self) -> None:
        """Begin to stage."""
        self.number = await self.stored(lambda store: store.begin())
        whole = {each.part.number for each in self.worker.store.look_at_changes().staged}
        incoming = IncomingFiles(self.worker.store.cluster_path)
        await trio.to_thread.run_sync(incoming.forget, whole)

    async def add(self, name: str, chunks: Sequence[bytes]) -> None:
        """Write chunks of a computation."""
        if not chunks:
            return
        after = self.staged.get(name, 0)
        self.staged[name] = after + len(chunks)  # now: another owner's may come meanwhile
        await self.stored(lambda store: store.add(self.number, name, chunks, after=after))

    def tell(self, owner: WorkerName = "", chunks: int = 0, total: int = 0) -> None:
        """How far it has come, for status: of *owner* so many chunks of a *total*."""
        if not (moving := self.takeover.moving):
            return
        if total:
            self._come[owner] = chunks, total
        come, expected = (sum(each) for each in zip((0, 1), *self._come.values(), strict=True))
        self.worker.change.moving = f"{moving}: {100 * come // expected} %"
        self.worker.notify()

    def state_of(self, part: Part, owner: WorkerName) -> State:
        """What has come of *part* from *owner*."""
        state = self.states.get((part.name, owner))
        if state is None:
            state = self.states[part.name, owner] = self.takeover.part(part.name).state
        return state


@attrs.define(eq=False)
class Collector:
    """Gets what *owner* brings, into *collected*.

    `brought` are the chunks of states that are not by key, by computation.
    """

    collected: Collected
    owner: WorkerName
    brought: dict[str, list[bytes]] = attrs.field(factory=dict)
    began: bool = False
    _outdated: bool = False
    _chunks: int = 0
    _of: str = ""
    _some: list[bytes] = attrs.field(factory=list)

    async def fetch(self, member: Member, part: PartName, slots: Slots) -> PartHead:
        """Fetch it from *member*; the head of the part.

        Raises PeersGoneError: it does not answer for long, or refuses. Raises OutdatedError.
        """
        worker, there = self.collected.worker, self.collected.there.get(self.owner, ())
        wanted = PartWanted(part, slots, there)
        me, cluster_id = worker.member, self.collected.cluster_id
        hello = TransferHello(cluster_id, part.layout, me.name, me.incarnation)
        until = trio.current_time() + FETCH_S
        while True:
            try:
                answer = await fetch_part(
                    worker.dial_data(member.data),
                    hello,
                    wanted,
                    take=self._take,
                    frame_bytes_max=worker.settings.links.frame_bytes_max,
                )
            except (OSError, trio.TooSlowError, trio.BrokenResourceError, RemoteProtocolError) as e:
                reason = str(e) or type(e).__name__
                if self.began or trio.current_time() > until:
                    what = f"{self.owner} does not hand over its part: {reason}"
                    raise PeersGoneError(what) from e
                log.debug("a part is not handed over yet", peer=self.owner, reason=reason)
                await trio.sleep(AGAIN_S)
                continue
            if isinstance(answer, PartRefused):
                raise PeersGoneError(f"{self.owner} does not hand over its part: {answer.reason}")
            if self._outdated:
                raise OutdatedError
            await self._end()
            self.collected.there[self.owner] = (*there, *answer.groups)
            return answer

    async def _take(self, head: PartHead, chunks: list[Chunk]) -> None:
        if not self.began:
            self.began, self._outdated = True, self._is_outdated(head)
        if self._outdated:  # to be said outside of the connection
            return
        for chunk in chunks:
            if chunk.computation != self._of:
                await self._end()
                self._of = chunk.computation
            self._some.append(chunk.data)
        part = self._part() if self._of else None
        if part is not None and part.how is How.BY_SLOT:
            await self._end()
        self._chunks += len(chunks)
        before = sum(each.count for each in self.collected.there.get(self.owner, ()))
        self.collected.tell(self.owner, before + self._chunks, before + head.chunks)

    def _is_outdated(self, head: PartHead) -> bool:
        """Whether the state is not made of what is there any longer."""
        links: set[tuple[str, int, int]] = {
            (chain["computation"], *link)
            for chain in head.manifest["chains"]
            for link in chain["links"]
        }
        there = self.collected.there.get(self.owner, ())
        return any((each.computation, each.number, each.count) not in links for each in there)

    def _part(self) -> Part:
        return self.collected.takeover.part_was(self._of)

    async def _end(self) -> None:
        """Take what has come of a computation in one piece: all of it, or some if that will do."""
        some, self._some = self._some, []
        if not self._of or not some:
            return
        part = self._part()
        if part.how is How.BY_SLOT:
            state = self.collected.state_of(part, self.owner)
            await trio.to_thread.run_sync(state.restore, some)
            if part.comes_by_key:
                await self.collected.add(part.name, [each for each in some if each])
        else:
            self.brought.setdefault(part.name, []).extend(some)


def chain_in(head: Any, name: str) -> dict[str, Any] | None:
    """The chunks of a computation in a manifest, as it is said to others; None: there are none."""
    chains = head.get("chains", ())
    own = next((each for each in chains if each["computation"] == name), None)
    return None if own is None else {"narrowed": False, **own}
