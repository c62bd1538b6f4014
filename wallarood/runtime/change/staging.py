"""Staging: this worker's part of the basis in the next epoch, made durable beside what is there."""
# Theory of operation
# ===================
# The job is halted, and what the disks hold does not change: so what is asked of others is what it
# will be. A part is fetched from each of the other workers, written as it comes, and what was
# copied before, while records flowed, is not asked for again.
#
# Nothing of it counts until it is adopted. A worker that dies here stages from the beginning; what
# is staged as a whole is not staged again.

from functools import partial
from typing import Any

import attrs
import structlog
import trio

from wallarood.control.change.effects import StageChange
from wallarood.control.change.events import ChangeStaged, StagingFailed
from wallarood.flow.state.at_once import AtOnce
from wallarood.flow.state.keyed import KeyedState
from wallarood.flow.state.moving import Choice, as_base, met, put_together, times_renamed
from wallarood.model.change import Change, PartName
from wallarood.model.checkpoint import FIRST_CHECKPOINT
from wallarood.model.errors import DamagedStateError, WallaroodError
from wallarood.model.ids import WorkerName
from wallarood.model.staging import StagedChain, StagedChange, StagedPart
from wallarood.runtime.change.collecting import (
    Collected,
    Collector,
    OutdatedError,
    all_of,
    chain_in,
)
from wallarood.runtime.change.inheriting import fetch_lost, left_sinks
from wallarood.runtime.change.keepers import Keepers
from wallarood.runtime.change.kept import Kept, KeptState
from wallarood.runtime.change.rebuilding import rebuild, replaces
from wallarood.runtime.change.sources.journals import Journals
from wallarood.runtime.change.sources.opening import open_gained
from wallarood.runtime.change.sources.reading import Position
from wallarood.runtime.change.takeover import How, Part, Takeover
from wallarood.runtime.change.versions import former_names
from wallarood.runtime.worker import Worker

log = structlog.get_logger(__name__)


async def stage(worker: Worker, wanted: StageChange) -> None:
    """Stage the change, and say that it is staged, or why it cannot be."""
    ahead, worker.change.ahead = worker.change.ahead, None
    try:
        staging = _Staging.of(worker, wanted)
        fits = ahead is not None and ahead.takeover == staging.takeover
        try:
            await staging.run(ahead if fits else None)
        except OutdatedError:
            log.info("what was copied while records flowed has been overtaken: copying all again")
            await _Staging.of(worker, wanted).run(None)
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
    collected: Collected
    heads: dict[WorkerName, Any] = attrs.field(factory=dict)
    """The manifests of all, by their names."""
    brought: dict[str, list[bytes]] = attrs.field(factory=dict)
    """The chunks of states that are not by slot."""

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
        collected = Collected(worker, takeover, wanted.record.cluster_id)
        return cls(worker, wanted, change, takeover, collected)

    @property
    def keepers(self) -> Keepers:
        """Who has what those have had who are gone."""
        return Keepers(self.worker, self.wanted)

    async def run(self, ahead: Collected | None) -> None:
        """Stage it, unless it is staged. Raises WallaroodError: it cannot be.

        Raises OutdatedError: what came *ahead* of it does not help.
        """
        cluster_id = self.wanted.record.cluster_id
        if await self.collected.stored(lambda store: store.is_staged(self.change)):
            return
        moving = self.takeover.moving or "nothing moves here: this worker keeps what it has"
        log.info(moving, epoch=self.change.epoch)
        self.collected.tell()
        part = self._part_of(self.takeover.worker)
        own = await self.collected.stored(lambda store: store.own_part(part))
        lacks = own is None or self.change.basis == FIRST_CHECKPOINT  # which each new database has
        if lacks and replaces(self.change, self.takeover.worker):
            own = await rebuild(self.worker, self.wanted, self.collected.stored)
        if ahead is None:  # after that: the lost worker has given numbers, too
            await self.collected.begin()
        else:
            self.collected = ahead
        if own is not None:
            self.heads[self.takeover.worker] = own
        elif self.takeover.worker in self.wanted.previous.workers:
            found = f"{part.owner} has no part {part.round}.{part.number} of epoch {part.layout}"
            raise DamagedStateError(f"{found}, which it had in it: nothing can go on from that")
        await all_of(partial(self._fetch, name) for name in self.takeover.others)
        had = {name: _positions_in(head) for name, head in self.heads.items()}
        self.takeover.check_leavers(had)
        reading = self.takeover.reading
        positions = reading.positions(had)
        await open_gained(self.worker, self.takeover, positions, cluster_id=cluster_id)
        number = self.collected.number
        journals = Journals(self.worker, reading, cluster_id, number=number, keepers=self.keepers)
        await journals.fetch()
        await fetch_lost(self.keepers, number)
        await journals.check(positions)
        chains = [await self._chain_of(part) for part in self.takeover.parts()]
        writers = (own or {}).get("sinks", ())
        self.takeover.check_sinks(writers)
        sinks = [
            (step, state, tuple(unpublished))
            for step, state, unpublished in writers
            if self.takeover.keeps_sink(step)
        ]
        left = tuple(left_sinks(self.change, self.takeover, self.heads))
        of_basis = tuple(positions), tuple(sinks), tuple(chains)
        staged = StagedChange(
            self.wanted.ballot,
            self.wanted.record,
            self.wanted.previous,
            self.wanted.old_members,
            StagedPart(number, self.change.basis, *of_basis, left),
        )
        await self.collected.stored(lambda store: store.finish(staged))
        is_as_now = self.wanted.previous.epoch == self.change.epoch - 1
        self.worker.change.kept = self._kept() if is_as_now else None

    # ---- what others have ------------------------------------------------------------------------

    async def _fetch(self, name: WorkerName) -> None:
        """Fetch what *name* brings. Raises PeersGoneError: it does not answer for long."""
        collector = Collector(self.collected, name)
        part, wanted = self._part_of(name), self.takeover.wanted_of(name)
        head = await collector.fetch(self.keepers.of_part(name), part, wanted)
        self.heads[name] = head.manifest
        for computation, chunks in collector.brought.items():
            names = self.takeover.reading.times_from(name, computation)
            self.brought.setdefault(computation, []).extend(
                chunks if names is None else [times_renamed(each, names) for each in chunks]
            )

    def _part_of(self, name: WorkerName) -> PartName:
        layout, basis = self.wanted.previous.epoch, self.change.basis
        return PartName(layout, name, basis.round, basis.number)

    # ---- what this worker has then ---------------------------------------------------------------

    async def _chain_of(self, part: Part) -> StagedChain:
        """The chunks of a state in the next epoch: its own of now, and those that are staged."""
        own = self._own_chain(part.was) if part.had_here else None
        if own is not None and self.takeover.former is not None:
            await self._check(part)
        if own is not None and part.was != part.name and part.how is not How.MET:
            # Chunks are stored under the name of their computation.
            await self.collected.add(part.name, await self._own_chunks(part.was))
            own = {**own, "links": []}
        if part.how is How.BY_SLOT and not part.comes_by_key:
            for owner in part.gained:
                state = self.collected.state_of(part, owner)
                base = await trio.to_thread.run_sync(as_base, state)
                await self.collected.add(part.name, base)
        match part.how:
            case How.BY_SLOT if own is not None and own["narrowed"] and part.gained:
                await self._put_own_together(part)
                own = None
            case How.MET:
                chunks = list(self.brought.get(part.name, ()))
                if own is not None:
                    chunks += await self._own_chunks(part.was)
                if chunks:
                    assert isinstance(part.state, AtOnce)
                    await self.collected.add(part.name, [met(part.state, part.stage.kind, chunks)])
                own = None
            case How.WHOLE:
                await self.collected.add(part.name, self.brought.get(part.name, ()))
            case _:
                pass
        links = [tuple(each) for each in own["links"]] if own is not None else []
        if count := self.collected.staged.get(part.name, 0):
            links.append((-self.collected.number, count))
        narrowed = own is not None and (own["narrowed"] or bool(part.lost))
        by_slot = part.how is How.BY_SLOT or self.takeover.former is not None
        return StagedChain(part.name, tuple(links), narrowed and by_slot)

    async def _check(self, part: Part) -> None:
        """Raises ApplicationError: the new version cannot take what is stored."""
        chunks = await self._own_chunks(part.was)
        await trio.to_thread.run_sync(part.state.restore, chunks)

    def _own_chain(self, name: str) -> dict[str, Any] | None:
        return chain_in(self.heads.get(self.takeover.worker, {}), name)

    async def _own_chunks(self, name: str) -> list[bytes]:
        part = self._part_of(self.takeover.worker)
        return await self.collected.stored(lambda store: store.chunks_of(part, name))

    async def _put_own_together(self, part: Part) -> None:
        slots, partitions = part.had & part.owned, len(part.stage.partition_owners)
        own = await self._own_chunks(part.name)
        choice = Choice(part.state, slots, partitions)
        new = self.takeover.part(part.name).state
        base = await trio.to_thread.run_sync(
            lambda: put_together(new, [choice.of(chunk) for chunk in own])
        )
        await self.collected.add(part.name, base)

    # ---- what need not be read again -------------------------------------------------------------

    def _kept(self) -> Kept:
        """What goes on in memory as it is, where this worker adopts the change in this life."""
        kept = {part.name: self._kept_of(part) for part in self.takeover.parts()}
        states = {name: state for name, state in kept.items() if state is not None}
        return Kept(self.change, states, self.worker.change.gone)

    def _kept_of(self, part: Part) -> KeptState | None:
        if not isinstance(part.state, KeyedState) or self.takeover.former is not None:
            return None
        own = self._own_state(part.name) if part.had_here else None
        if part.had_here and own is None:
            return None
        if part.how is How.BY_SLOT:
            came = (self.collected.state_of(part, owner) for owner in part.gained)
            gained = tuple(each for each in came if isinstance(each, KeyedState))
            links = (self._own_chain(part.was) or {}).get("links", ())
            chunks = frozenset((number, place) for number, n in links for place in range(n))
            slots = len(part.stage.partition_owners)
            return KeptState(own, gained, part.lost, slots, chunks)
        return KeptState(own) if own is not None else None

    def _own_state(self, name: str) -> KeyedState | None:
        """That of the job here, if nothing has changed in it since the basis."""
        round_ = self.worker.round
        if round_ is None or round_.job is None or self.worker.job is not None:
            return None
        for states in round_.job.collector.states.values():
            state = states.get(name)
            if isinstance(state, KeyedState) and state.is_at(self.change.basis.number):
                return state
        return None


def _positions_in(manifest: Any) -> list[Position]:
    return [
        (source, name, position, ended) for source, name, position, ended in manifest["sources"]
    ]
