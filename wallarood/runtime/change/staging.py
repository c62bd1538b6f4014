"""Staging: this worker's part of the basis in the next epoch, made durable beside what is there."""
# Theory of operation
# ===================
# The job is halted, and what the disks hold does not change: so what is asked of others is what it
# will be. A part is fetched from each of the other workers in turn. State by key is put together
# computation by computation, in a thread, and written before the next has come: memory holds what
# one computation gains, which it is to hold anyway.
#
# Nothing of it counts until it is adopted. A worker that dies here stages from the beginning; what
# is staged as a whole is not staged again.

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

import attrs
import structlog
import trio

from wallarood.control.change.effects import StageChange
from wallarood.control.change.events import ChangeStaged, StagingFailed
from wallarood.control.replicas.ring import keeper_of
from wallarood.flow.state.at_once import AtOnce
from wallarood.flow.state.moving import chosen, met, put_together
from wallarood.model.change import Change, PartName
from wallarood.model.errors import (
    PeersGoneError,
    RemoteProtocolError,
    WallaroodError,
)
from wallarood.model.ids import WorkerName
from wallarood.model.messages.replicas import (
    Chunk,
    PartHead,
    PartRefused,
    PartWanted,
    TransferHello,
)
from wallarood.model.staging import StagedChain, StagedChange, StagedPart
from wallarood.runtime.change.opening import open_gained
from wallarood.runtime.change.rebuilding import rebuild, replaces
from wallarood.runtime.change.takeover import How, Part, Position, Takeover
from wallarood.runtime.change.versions import former_names
from wallarood.runtime.peers.transfer import fetch_part
from wallarood.runtime.ports import ChangeStore
from wallarood.runtime.store.calls import stored
from wallarood.runtime.worker import Worker

FETCH_S = 60.0
"""How long a worker that does not answer is asked."""
AGAIN_S = 0.2

T = TypeVar("T")

log = structlog.get_logger(__name__)


async def stage(worker: Worker, wanted: StageChange) -> None:
    """Stage the change, and say that it is staged, or why it cannot be."""
    try:
        await _Staging.of(worker, wanted).run()
    except WallaroodError as error:
        log.warning("the change cannot be staged", reason=error.message)
        worker.post(StagingFailed(wanted.ballot, error.message))
    else:
        worker.post(ChangeStaged(wanted.ballot))
    finally:
        worker.change.moving = ""
        worker.notify()


@attrs.define(eq=False)
class _Staging:
    worker: Worker
    wanted: StageChange
    change: Change
    takeover: Takeover
    number: int = 0
    heads: dict[WorkerName, Any] = attrs.field(factory=dict)
    """The manifests of all, by their names."""
    brought: dict[str, list[list[bytes]]] = attrs.field(factory=dict)
    """The chunks of states that are not by slot: of each worker that was asked, its own."""
    staged: dict[str, int] = attrs.field(factory=dict)
    """How many chunks of each computation are staged."""

    @classmethod
    def of(cls, worker: Worker, wanted: StageChange) -> "_Staging":
        change = wanted.record.change
        assert change is not None
        takeover = Takeover(
            worker.application,
            wanted.previous,
            change.topology,
            worker.member.name,
            former_names(worker, change),
        )
        return cls(worker, wanted, change, takeover)

    async def run(self) -> None:
        """Stage it, unless it is staged. Raises WallaroodError: it cannot be."""
        cluster_id = self.wanted.record.cluster_id
        if await self._stored(lambda store: store.is_staged(self.change)):
            return
        log.info(self.takeover.moving, epoch=self.change.epoch)
        self._tell(0, 1)
        self.number = await self._stored(lambda store: store.begin())
        own = await self._stored(lambda store: store.own_part(self.change.basis))
        if own is None and replaces(self.change, self.takeover.worker):
            own = await rebuild(self.worker, self.wanted, self._stored)
        if own is not None:
            self.heads[self.takeover.worker] = own
        for name in self.takeover.others:
            await self._fetch(name, cluster_id)
        had = {name: _positions_in(head) for name, head in self.heads.items()}
        self.takeover.check_leavers(had)
        positions = self.takeover.positions(had)
        await open_gained(self.worker, self.takeover, positions, cluster_id=cluster_id)
        chains = [await self._chain_of(part) for part in self.takeover.parts()]
        writers = (own or {}).get("sinks", ())
        self.takeover.check_sinks(writers)
        sinks = [
            (step, state, tuple(unpublished))
            for step, state, unpublished in writers
            if self.takeover.keeps_sink(step)
        ]
        staged = StagedChange(
            self.wanted.ballot,
            self.wanted.record,
            self.wanted.previous,
            self.wanted.old_members,
            StagedPart(
                self.number, self.change.basis, tuple(positions), tuple(sinks), tuple(chains)
            ),
        )
        await self._stored(lambda store: store.finish(staged))

    async def _stored(self, call: Callable[[ChangeStore], T]) -> T:
        worker = self.worker
        return await stored(
            worker,
            worker.turns.take(),
            lambda store: call(worker.store.changes_in(store)),
            of=self.wanted.record.cluster_id,
        )

    # ---- what others have ------------------------------------------------------------------------

    async def _fetch(self, name: WorkerName, cluster_id: str) -> None:
        """Fetch what *name* brings. Raises PeersGoneError: it does not answer for long."""
        me, basis, members = self.worker.member, self.change.basis, self.wanted.old_members
        keeper = keeper_of(name, self.wanted.previous.workers, self.change.gone)
        member = next((each for each in members if each.name == keeper != me.name), me)
        wanted = PartWanted(
            PartName(self.wanted.previous.epoch, name, basis.round, basis.number),
            self.takeover.wanted_of(name),
        )
        hello = TransferHello(cluster_id, self.wanted.previous.epoch, me.name, me.incarnation)
        until = trio.current_time() + FETCH_S
        while True:
            taking = _Taking(self, name)
            try:
                answer = await fetch_part(
                    self.worker.dial_data(member.data),
                    hello,
                    wanted,
                    take=taking.take,
                    frame_bytes_max=self.worker.settings.links.frame_bytes_max,
                )
            except (OSError, trio.TooSlowError, trio.BrokenResourceError, RemoteProtocolError) as e:
                reason = str(e) or type(e).__name__
                if taking.began or trio.current_time() > until:
                    raise PeersGoneError(f"{name} does not hand over its part: {reason}") from e
                log.debug("a part is not handed over yet", peer=name, reason=reason)
                await trio.sleep(AGAIN_S)
                continue
            if isinstance(answer, PartRefused):
                raise PeersGoneError(f"{name} does not hand over its part: {answer.reason}")
            await taking.end()
            self.heads[name] = answer.manifest
            return

    async def gained(self, part: Part, chunks: Sequence[bytes]) -> None:
        """Chunks of state by key have come, all of one worker's: stage them as a base."""
        new = next(each for each in self.takeover.parts() if each.name == part.name).state
        base = await trio.to_thread.run_sync(put_together, new, chunks)
        await self._add(part.name, base)

    async def _add(self, name: str, chunks: Sequence[bytes]) -> None:
        if not chunks:
            return
        after, number = self.staged.get(name, 0), self.number
        await self._stored(lambda store: store.add(number, name, chunks, after=after))
        self.staged[name] = after + len(chunks)

    def _tell(self, chunks: int, total: int) -> None:
        done = 100 * chunks // max(1, total)
        self.worker.change.moving = f"{self.takeover.moving}: {done} %"
        self.worker.notify()

    # ---- what this worker has then ---------------------------------------------------------------

    async def _chain_of(self, part: Part) -> StagedChain:
        """The chunks of a state in the next epoch: its own of now, and those that are staged."""
        own = self._own_chain(part.was) if part.had_here else None
        if own is not None and self.takeover.former is not None:
            await self._check(part)
        if own is not None and part.was != part.name and part.how is not How.MET:
            # Chunks are stored under the name of their computation.
            await self._add(part.name, await self._own_chunks(part.was))
            own = {**own, "links": []}
        match part.how:
            case How.BY_SLOT if own is not None and own["narrowed"] and part.gained:
                await self._put_own_together(part)
                own = None
            case How.MET:
                chunks = [each for some in self.brought.get(part.name, ()) for each in some]
                if own is not None:
                    chunks += await self._own_chunks(part.was)
                if chunks:
                    assert isinstance(part.state, AtOnce)
                    await self._add(part.name, [met(part.state, part.stage.kind, chunks)])
                own = None
            case How.WHOLE:
                for some in self.brought.get(part.name, ()):
                    await self._add(part.name, some)
            case _:
                pass
        links = [tuple(each) for each in own["links"]] if own is not None else []
        if count := self.staged.get(part.name, 0):
            links.append((-self.number, count))
        narrowed = own is not None and (own["narrowed"] or part.loses)
        by_slot = part.how is How.BY_SLOT or self.takeover.former is not None
        return StagedChain(part.name, tuple(links), narrowed and by_slot)

    async def _check(self, part: Part) -> None:
        """Raises ApplicationError: the new version cannot take what is stored."""
        chunks = await self._own_chunks(part.was)
        await trio.to_thread.run_sync(part.state.restore, chunks)

    def _own_chain(self, name: str) -> dict[str, Any] | None:
        chains = self.heads.get(self.takeover.worker, {}).get("chains", ())
        own = next((each for each in chains if each["computation"] == name), None)
        return None if own is None else {"narrowed": False, **own}

    async def _own_chunks(self, name: str) -> list[bytes]:
        number = self.change.basis.number
        chunks: list[bytes] = await self._stored(lambda store: store.chunks_of(number, name))
        return chunks

    async def _put_own_together(self, part: Part) -> None:
        slots, partitions = part.had & part.owned, len(part.stage.partition_owners)
        own = await self._own_chunks(part.name)
        choose = partial(chosen, slots=slots, partitions=partitions, of=part.state)
        kept = await trio.to_thread.run_sync(lambda: list(map(choose, own)))
        await self.gained(part, kept)


@attrs.define(eq=False)
class _Taking:
    """What comes from *name*, sorted by computation; all chunks of one come one after another."""

    staging: _Staging
    name: WorkerName
    began: bool = False
    _chunks: int = 0
    _of: str = ""
    _some: list[bytes] = attrs.field(factory=list)

    async def take(self, head: PartHead, chunks: list[Chunk]) -> None:
        self.began = True
        for chunk in chunks:
            if chunk.computation != self._of:
                await self.end()
                self._of = chunk.computation
            self._some.append(chunk.data)
        self._chunks += len(chunks)
        self.staging._tell(self._chunks, head.chunks)

    async def end(self) -> None:
        """All chunks of a computation have come."""
        name, some = self._of, self._some
        self._of, self._some = "", []
        if not name:
            return
        part = next(each for each in self.staging.takeover.parts() if each.was == name)
        if part.how is How.BY_SLOT:
            await self.staging.gained(part, some)
        else:
            self.staging.brought.setdefault(part.name, []).append(some)


def _positions_in(manifest: Any) -> list[Position]:
    return [
        (source, name, position, ended) for source, name, position, ended in manifest["sources"]
    ]
