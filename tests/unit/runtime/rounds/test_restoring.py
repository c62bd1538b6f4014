"""A round goes on from its checkpoint: positions, states and what was prepared are as they were."""

import itertools
from pathlib import Path
from typing import Any

import attrs
from structlog.testing import capture_logs
from support.lone import Lone, lone_worker

import wallarood as w
from wallarood.model.pipeline import Application
from wallarood.runtime.rounds.restoring import _say_what_is_pickled
from wallarood.wire.records.codec import RecordCodec
from wallarood.wire.records.untyped import PickleRule

VALUES = {"worker__cluster_id": "auto", "checkpoint__interval": "50ms"}


@attrs.define
class Seen:
    count: int = 0


@w.state_computation(state=Seen)
def seen(number: int, state: Seen) -> tuple[int, int, int]:
    state.count += 1
    return number % 3, number // 3, state.count


def counting(found: list[Any]) -> Application:
    """Numbers, the remainder of each, and how many of its remainder were seen."""
    source = w.source("numbers", w.GeneratorSource(rate=2000))
    return w.application(
        "counting", source.key_by(_rest, name="rest").to(seen).to_sink(w.ListSink(found))
    )


def _rest(number: int) -> int:
    return number % 3


async def some_are_committed(lone: Lone, found: list[Any]) -> None:
    await lone.running()
    store = lone.worker.checkpoints
    assert store is not None
    before = store.committed.number
    await lone.until(lambda: store.committed.number > before + 1 and len(found) > 20)


def restarts_in(places: list[int]) -> list[int]:
    return [n for n, (a, b) in enumerate(itertools.pairwise(places)) if b <= a]


async def test_state_and_positions_come_from_one_checkpoint(tmp_path: Path) -> None:
    """The n-th record of a remainder is counted n in every life: nothing is lost or repeated."""
    found: list[tuple[int, int, int]] = []
    places: list[int] = []
    for _ in range(20):  # one may end just when all that it has read is in a checkpoint
        async with lone_worker(tmp_path, counting(found), **VALUES) as lone:
            await some_are_committed(lone, found)
        places = [place for rest, place, _ in found if rest == 0]
        if len(restarts_in(places)) == 2:
            break
    restarts = restarts_in(places)
    assert {count - place for _, place, count in found} == {1}
    assert len(restarts) == 2, "lives go on below where the last one has read"
    assert all(places[n + 1] > 0 for n in restarts), "and none from the beginning"


def test_a_type_that_costs_speed_is_named_with_what_makes_its_records() -> None:
    class Unknown:
        pass

    rule = PickleRule.ALLOWED
    typed, untyped = RecordCodec.for_types(int, rule=rule), RecordCodec.for_types(Any, rule=rule)
    slow = RecordCodec.for_types(Unknown, rule=rule)
    with capture_logs() as logs:
        _say_what_is_pickled({0: typed, 1: untyped, 2: slow, 3: slow})
    assert [each["event"] for each in logs] == ["records are pickled between workers"]
    assert logs[0]["reason"]
