"""What a worker answers of its records and states, and when it refuses."""

from types import SimpleNamespace
from typing import Any

import attrs
import pytest
import trio
from trio.testing import MockClock

from wallarood.admin.gathering import UnansweredError
from wallarood.admin.peeking.peeking import Peeking
from wallarood.flow.state.keyed import KeyedState
from wallarood.model.batch import Batch
from wallarood.model.topology import Stage, StageKind
from wallarood.runtime.dataflow.looks import Looks

COUNT = Stage(1, "count", StageKind.PARTITIONED, ("count",), "", ("alpha",))
ELSEWHERE = Stage(2, "other", StageKind.SIMPLE, ("other", "last"), "", ("beta",))


def worker_of(job: Any) -> Any:
    steps = [SimpleNamespace(name="count", computation=object())]
    return SimpleNamespace(job=job, application=SimpleNamespace(steps=steps))


def job_of(looks: Looks) -> Any:
    state = KeyedState("count", list)
    state.of("a").append("x")
    return SimpleNamespace(
        wiring=SimpleNamespace(topology=SimpleNamespace(stages=[COUNT, ELSEWHERE]), stages=[COUNT]),
        stages=[SimpleNamespace(stage=COUNT, looks=looks)],
        sinks=[],
        collector=SimpleNamespace(states={1: {"count": state}}),
    )


@pytest.fixture
def looks() -> Looks:
    return Looks()


@pytest.fixture
def peeking(looks: Looks) -> Peeking:
    return Peeking(worker_of(job_of(looks)), True)


async def test_a_tap_waits_for_records_and_is_gone_afterwards(
    peeking: Peeking, looks: Looks, autojump_clock: MockClock
) -> None:
    async def pass_by() -> None:
        await trio.sleep(1)
        looks.look(Batch(["r"], ["k"]))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(pass_by)
        taken = await peeking.tap({"stage": "count", "count": "1", "seconds": 10})
    assert taken == [{"key": "'k'", "record": "'r'"}]
    assert trio.current_time() == pytest.approx(1)
    assert looks.taps == []
    assert await peeking.tap({"stage": "count", "seconds": 3}) == []
    assert trio.current_time() == pytest.approx(4)


async def test_a_stage_of_another_worker_is_not_waited_for_and_an_unknown_one_is_refused(
    peeking: Peeking, autojump_clock: MockClock
) -> None:
    assert await peeking.tap({"stage": "last"}) == []
    assert trio.current_time() == 0
    with pytest.raises(UnansweredError, match="no stage 'none'; stages: count, other") as refused:
        await peeking.tap({"stage": "none"})
    assert refused.value.code == 404
    with pytest.raises(ValueError, match="expected 1 to 1000"):
        await peeking.tap({"stage": "count", "count": "5000"})


async def test_states_are_told_of_computations_that_there_are(peeking: Peeking) -> None:
    assert await peeking.state({"computation": "count", "key": "a"}) == [{"value": "['x']"}]
    (key,) = await peeking.keys({"computation": "count"})
    assert key["key"] == "a"
    with pytest.raises(ValueError, match="no computation 'none'; with state: count"):
        await peeking.state({"computation": "none", "key": "a"})


async def test_where_it_is_not_allowed_nothing_is_shown(looks: Looks) -> None:
    closed = Peeking(worker_of(job_of(looks)), False)
    for name, kind in closed.kinds.items():
        if name == "slots":  # these are numbers
            assert await kind({"computation": "count"}) == []
            continue
        with pytest.raises(ValueError, match=r"security\.tap is false"):
            await kind({"stage": "count", "computation": "count", "key": "a"})


async def test_while_there_is_no_job_there_is_nothing_to_see() -> None:
    waiting = Peeking(worker_of(None), True)
    assert await waiting.tap({"stage": "count"}) == []
    assert await waiting.state({"computation": "count", "key": "a"}) == []


async def test_keys_are_counted_by_slots_of_computations_that_are_partitioned() -> None:
    job = job_of(Looks())
    worker = worker_of(job)
    worker.member = SimpleNamespace(name="alpha")
    stage = attrs.evolve(COUNT, partition_owners=(0, 0))
    job.wiring.stages = [stage]
    groups = await Peeking(worker, True).slots({"computation": "count"})
    assert [(each["first"], each["last"]) for each in groups] == [(0, 0), (1, 1)]
    assert sum(each["keys"] for each in groups) == 1
    with pytest.raises(ValueError, match="no computation"):
        await Peeking(worker, True).slots({"computation": "none"})
