"""Members of a cluster in which gamma has come after the basis; each can be asked for files."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import attrs

from support.handing import BALLOT, dialling
from support.lone import Lone, endless, lone_worker
from support.nodes import record
from wallarood.control.change.effects import StageChange
from wallarood.model.change import Change, Gone, Why
from wallarood.model.checkpoint import CheckpointId
from wallarood.model.ids import NO_SEAT, Address
from wallarood.model.topology import Topology
from wallarood.net.tcp import DataChannel

NAMES = ("alpha", "beta", "gamma")
KNOWN = record("alpha", *NAMES)
MEMBERS = tuple(
    attrs.evolve(each, data=Address("127.0.0.1", place))
    for place, each in enumerate(KNOWN.members, 1)
)
ALPHA, BETA, GAMMA = MEMBERS


def wanted(*, epoch: int = 3, gone: str = "beta", why: Why = Why.EVICTED) -> StageChange:
    """A change to *epoch* from a basis that alpha and beta have; gamma came after it."""
    stay = tuple(each for each in MEMBERS if each.name != gone or why is Why.REPLACED)
    topology = Topology(epoch, "app", tuple(each.name for each in stay), (), ())
    change = Change(
        epoch, stay, (Gone(gone, NO_SEAT, why),), topology, (), CheckpointId(1, 5), 1, 4, 0
    )
    after = attrs.evolve(KNOWN, topology=topology, members=stay, change=change)
    before = Topology(1, "app", ("alpha", "beta"), (), ())
    return StageChange(BALLOT, after, before, (ALPHA, BETA))


def dialling_each(lones: dict[int, Lone]) -> Any:
    @asynccontextmanager
    async def dial(address: Address) -> AsyncIterator[DataChannel]:
        async with dialling(lones[address.port])(address) as channel:
            yield channel

    made: AbstractAsyncContextManager[DataChannel] = dial  # type: ignore[assignment]
    return made


@asynccontextmanager
async def members_in(directory: Path, *names: str) -> AsyncIterator[dict[str, Lone]]:
    """Those of the members that are there, each of which can ask the others."""
    async with AsyncExitStack() as stack:
        lones = {}
        for name in names:
            lone = await stack.enter_async_context(
                lone_worker(directory / name, endless([]), driven=False, worker__name=name)
            )
            lone.worker.node.record = attrs.evolve(KNOWN, worker=name)
            lones[name] = lone
        by_port = {MEMBERS[NAMES.index(name)].data.port: lone for name, lone in lones.items()}
        for lone in lones.values():
            lone.worker.dial_data = dialling_each(by_port)
        yield lones


def copies_at(lone: Lone, owner: str = "beta") -> Path:
    return lone.worker.store.cluster_path / "replicas" / owner
