"""What a worker stages and adopts is its share of what the cluster had, to the last key."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import trio
from support.lone import Lone, lone_worker
from support.wires import data_channels, ended_with

import wallarood as w
from wallarood.control.change.effects import StageChange
from wallarood.control.change.events import ChangeStaged, StagingFailed
from wallarood.flow.keys import Partitioner
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
    count = 0


@w.state_computation(state=Seen)
def seen(number: int, state: Seen) -> int:
    state.count += 1
    return number


def counting(rate: int = 20_000) -> Application:
    numbers = w.source("numbers", w.GeneratorSource(rate=rate))
    return w.application(
        "counting", numbers.key_by(lambda n: n % 50).to(seen).to_sink(w.ListSink([]))
    )


@asynccontextmanager
async def halted(directory: Path) -> AsyncIterator[Lone]:
    """alpha, with a checkpoint that all of a cluster of one hold, and no job that runs."""
    async with lone_worker(directory, counting(), checkpoint__interval="50ms") as lone:
        await lone.running()
        await lone.until(
            lambda: lone.worker.checkpoints and lone.worker.checkpoints.committed.number > 3
        )
        assert lone.worker.round is not None
        lone.worker.round.scope.cancel()
        await lone.worker.round.ended.wait()
        await lone.worker.turns.wait_idle()
        yield lone


def change_of(lone: Lone, *others: Member) -> StageChange:
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


def counts_in(lone: Lone, record: ClusterRecord, number: int) -> dict[int, int]:
    """What each key has been counted to in a checkpoint here, as the epoch of *record* has it."""
    assert lone.worker.checkpoints is not None
    restored = lone.worker.checkpoints.restore(number)
    wiring = Wiring(record.topology, lone.worker.member.name)
    states = restore_states(lone.worker.application, wiring, restored)
    (state,) = [each for some in states.values() for name, each in some.items() if name == "seen"]
    by_key: dict[int, Seen] = state.by_key  # type: ignore[attr-defined]
    return {key: each.count for key, each in by_key.items()}


async def staged(lone: Lone, wanted: StageChange) -> ChangeStaged | StagingFailed:
    await stage(lone.worker, wanted)
    event = lone.worker.posted.pop()
    assert isinstance(event, ChangeStaged | StagingFailed)
    return event


async def test_two_workers_have_together_what_the_one_had_and_each_its_own_slots(
    tmp_path: Path,
) -> None:
    beta_directory = tmp_path / "beta"
    async with (
        halted(tmp_path / "alpha") as alpha,
        lone_worker(
            beta_directory,
            counting(),
            driven=False,
            worker__name="beta",
            worker__join=True,
        ) as beta,
    ):
        before = alpha.worker.node.record
        assert before is not None
        wanted = change_of(alpha, BETA)
        change = wanted.record.change
        assert change is not None
        number = change.basis.number
        had = counts_in(alpha, before, number)
        assert len(had) == 50
        beta.worker.dial_data = dialling(alpha)
        own = attrs.evolve(wanted.record, worker="beta")
        for lone, asked in (
            (alpha, wanted),
            (beta, StageChange(BALLOT, own, wanted.previous, wanted.old_members)),
        ):
            assert await staged(lone, asked) == ChangeStaged(BALLOT)
            # A second time it is there already.
            assert await staged(lone, asked) == ChangeStaged(BALLOT)
            assert lone.worker.checkpoints is not None
            rows = lone.worker.store.changes_in(lone.worker.checkpoints)
            assert rows.is_staged(change)
            rows.adopt(asked.record)
        topology = change.topology
        (keyed,) = [each for each in topology.stages if each.partition_owners]
        slot = Partitioner(256)
        found = {}
        for lone in (alpha, beta):
            counts = counts_in(lone, wanted.record, number)
            assert {keyed.owners[slot(key)] for key in counts} == {lone.worker.member.name}
            found |= counts
        assert found == had
        assert alpha.worker.checkpoints is not None
        assert alpha.worker.checkpoints.restore(number).sources[0].position is not None
        assert beta.worker.checkpoints is not None
        assert beta.worker.checkpoints.restore(number).sources == ()


async def test_a_worker_that_hands_nothing_over_is_named(tmp_path: Path) -> None:
    async with (
        halted(tmp_path / "alpha") as alpha,
        lone_worker(
            tmp_path / "beta", counting(), driven=False, worker__name="beta", worker__join=True
        ) as beta,
    ):
        wanted = change_of(alpha, BETA)
        change = wanted.record.change
        assert change is not None
        other = attrs.evolve(change, basis=attrs.evolve(change.basis, number=99))
        own = attrs.evolve(wanted.record, worker="beta", change=other)
        beta.worker.dial_data = dialling(alpha)
        asked = StageChange(BALLOT, own, wanted.previous, wanted.old_members)
        failed = await staged(beta, asked)
        assert isinstance(failed, StagingFailed)
        assert "alpha does not hand over its part" in failed.reason
        assert "no part 1.99 of alpha" in failed.reason


async def test_a_worker_that_runs_another_version_than_the_change_is_for_stages_nothing(
    tmp_path: Path,
) -> None:
    async with halted(tmp_path / "alpha") as alpha:
        wanted = change_of(alpha)
        change = wanted.record.change
        assert change is not None
        newer = attrs.evolve(change, fingerprint=(*change.fingerprint, "another step"))
        asked = attrs.evolve(wanted.record, fingerprint=newer.fingerprint, change=newer)
        failed = await staged(
            alpha, StageChange(BALLOT, asked, wanted.previous, wanted.old_members)
        )
        assert failed == StagingFailed(
            BALLOT, "it runs another version of the application than that of epoch 2"
        )
        assert alpha.worker.checkpoints is not None
        assert not alpha.worker.store.changes_in(alpha.worker.checkpoints).is_staged(newer)
