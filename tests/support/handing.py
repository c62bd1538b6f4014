"""alpha runs alone in this process, and beta, which is to join it, takes its share from there."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import trio

import wallarood as w
from support.lone import Lone, lone_worker
from support.wires import data_channels, ended_with
from wallarood.control.change.effects import StageChange
from wallarood.control.change.events import ChangeStaged, StagingFailed
from wallarood.flow.state.buckets import BucketState
from wallarood.flow.state.state import State
from wallarood.model.change import Change
from wallarood.model.cluster_record import ClusterRecord
from wallarood.model.ids import Address, Ballot, Incarnation
from wallarood.model.messages import Member
from wallarood.model.pipeline import Application
from wallarood.net.tcp import DataChannel
from wallarood.planning.change import replan
from wallarood.runtime.change.staging import stage
from wallarood.runtime.dataflow.build.job import restore_states
from wallarood.runtime.dataflow.build.wiring import Wiring
from wallarood.runtime.peers.accepting import accept_data

BALLOT = Ballot(1, "alpha")
BETA = Member("beta", Address("127.0.0.1", 2), Address("127.0.0.1", 3), Incarnation(1, "b"))


class Seen:
    """How often a key has come."""

    count = 0


@w.state_computation(state=Seen)
def seen(number: int, state: Seen) -> int:
    """Count."""
    state.count += 1
    return number


def counting(rate: int = 20_000) -> Application:
    """How often each of 50 keys comes."""
    numbers = w.source("numbers", w.GeneratorSource(rate=rate))
    return w.application(
        "counting", numbers.key_by(lambda n: n % 50).to(seen).to_sink(w.ListSink([]))
    )


def windowing(rate: int = 20_000) -> Application:
    """How often each of 50 keys comes in each ten seconds: some fifty windows end in a second."""
    numbers = w.source(
        "numbers",
        w.GeneratorSource(rate=rate),
        time=w.event_time(lambda n: n / 40, unit="s", out_of_order="60s", future="3650d"),
    )
    counts = numbers.key_by(lambda n: n % 50).window(w.tumbling("10s")).aggregate(w.count())
    return w.application("windowing", counts.to_sink(w.ListSink([])))


@asynccontextmanager
async def running(directory: Path, application: Application | None = None) -> AsyncIterator[Lone]:
    """alpha, which runs, with a checkpoint that all of a cluster of one hold."""
    made = application or counting()
    async with lone_worker(directory, made, checkpoint__interval="50ms") as lone:
        await lone.running()
        await committed_after(lone, 3)
        yield lone


async def committed_after(lone: Lone, number: int) -> None:
    """Wait until a checkpoint above *number* is committed."""
    await lone.until(
        lambda: lone.worker.checkpoints and lone.worker.checkpoints.committed.number > number
    )


async def committed_from_now(lone: Lone) -> None:
    """Wait until a checkpoint is committed that has all that was so when this was called.

    One that was asked for before may have been captured before: it is not the one.
    """
    await committed_after(lone, lone.worker.checkpoint_log.runs[-1].number)


async def halt(lone: Lone) -> None:
    """Let the job come to rest."""
    assert lone.worker.round is not None
    lone.worker.round.scope.cancel()
    await lone.worker.round.ended.wait()
    await lone.worker.turns.wait_idle()


@asynccontextmanager
async def halted(directory: Path) -> AsyncIterator[Lone]:
    """As `running`, and no job runs any more."""
    async with running(directory) as lone:
        await halt(lone)
        yield lone


def joining(
    directory: Path, application: Application | None = None
) -> AbstractAsyncContextManager[Lone]:
    """beta, which wants to join."""
    named = {"worker__name": "beta", "worker__join": True}
    return lone_worker(directory, application or counting(), driven=False, **named)


def change_of(lone: Lone, *others: Member) -> StageChange:
    """The change to a cluster with *others* as well, from the last checkpoint."""
    record, store = lone.worker.node.record, lone.worker.checkpoints
    assert record is not None
    assert store is not None
    members = (*record.members, *others)
    names = tuple(each.name for each in members)
    topology = replan(lone.worker.application, record.topology, names, epoch=2)
    change = Change(
        2, members, (), topology, record.fingerprint, store.committed, 1, store.round + 1, 0
    )
    after = attrs.evolve(record, topology=topology, members=members, change=change)
    return StageChange(BALLOT, after, record.topology, record.members)


def dialling(to: Lone) -> Any:
    """How another worker dials *to*, which listens nowhere."""

    @asynccontextmanager
    async def dial(_: Address) -> AsyncIterator[DataChannel]:
        async with data_channels() as (ours, theirs), trio.open_nursery() as nursery:
            nursery.start_soon(accept_data, to.worker, theirs)
            async with ended_with(ours) as channel:
                yield channel
            nursery.cancel_scope.cancel()

    made: AbstractAsyncContextManager[DataChannel] = dial  # type: ignore[assignment]
    return made


def counts_in(
    lone: Lone,
    record: ClusterRecord,
    number: int,
    *,
    kept: Callable[[State], bool] = lambda _: False,
) -> dict[int, int]:
    """What each key has been counted to in a checkpoint here, as the epoch of *record* has it."""
    assert lone.worker.checkpoints is not None
    restored = lone.worker.checkpoints.restore(number)
    wiring = Wiring(record.topology, lone.worker.member.name)
    states = restore_states(lone.worker.application, wiring, restored, kept=kept)
    (state,) = [each for some in states.values() for name, each in some.items() if name == "seen"]
    by_key: dict[int, Seen] = state.by_key  # type: ignore[attr-defined]
    return {key: each.count for key, each in by_key.items()}


def windows_in(lone: Lone, record: ClusterRecord, number: int) -> dict[tuple[Any, Any], Any]:
    """The rows of all windows in a checkpoint here, as the epoch of *record* has it."""
    assert lone.worker.checkpoints is not None
    restored = lone.worker.checkpoints.restore(number)
    states = restore_states(
        lone.worker.application, Wiring(record.topology, lone.worker.member.name), restored
    )
    kept = [each for some in states.values() for each in some.values()]
    (state,) = [each for each in kept if isinstance(each, BucketState)]
    return {(span, key): row for span, rows in state.buckets.items() for key, row in rows.items()}


async def staged(lone: Lone, wanted: StageChange) -> ChangeStaged | StagingFailed:
    """What becomes of it."""
    await stage(lone.worker, wanted)
    event = lone.worker.posted.pop()
    assert isinstance(event, ChangeStaged | StagingFailed)
    return event
