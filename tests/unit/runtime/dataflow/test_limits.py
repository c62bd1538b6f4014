"""How much a stage takes at once, and how much its source reads."""

from operator import itemgetter

import pytest

import wallarood as w
from wallarood.app.connector import SourceLimits
from wallarood.model.pipeline import Application
from wallarood.planning.listings import list_partitions
from wallarood.planning.plan import plan
from wallarood.runtime.dataflow.build.wiring import Wiring
from wallarood.runtime.dataflow.limits import (
    AGGREGATED_BATCHES,
    BEFORE_BARRIER_S,
    SPLIT_BATCHES_MAX,
    JobLimits,
    Pace,
    batches_at_once,
    before_slow,
    slow_stages,
)

WORKERS = ("alpha", "beta", "gamma", "delta", "epsilon")


@pytest.mark.parametrize("count", [1, 2, 5])
def test_what_is_aggregated_or_parted_among_workers_is_taken_in_larger_batches(count: int) -> None:
    records = w.source("in", w.ListSource([], record=tuple[str, int])).key_by(itemgetter(0))
    counts = records.aggregate(w.count(), name="counts")
    app = w.application("a", counts.map(str, name="shown").to_sink(w.ListSink([])))
    workers = WORKERS[:count]
    topology = plan(app, workers, (("alpha", list_partitions(app)),))
    wiring = Wiring(topology, "alpha")
    taken = {stage.steps[0]: batches_at_once(app, wiring, stage) for stage in topology.stages}
    assert taken["in"] == min(count, SPLIT_BATCHES_MAX)
    assert taken["counts"] == AGGREGATED_BATCHES
    assert {each for name, each in taken.items() if name not in ("in", "counts")} == {1}


@pytest.mark.parametrize("count", [1, 2, 5])
def test_parts_that_come_from_several_workers_are_put_together_again(count: int) -> None:
    @w.state_computation(state=list)
    def seen(word: str, before: list[str]) -> str:
        return word

    app = w.application(
        "a",
        w.source("in", w.ListSource([""]))
        .key_by(lambda word: word, name="key")
        .to(seen)
        .to_sink(w.ListSink([])),
    )
    workers = WORKERS[:count]
    topology = plan(app, workers, (("alpha", list_partitions(app)),))
    wiring = Wiring(topology, "alpha")
    taken = {stage.steps[0]: batches_at_once(app, wiring, stage) for stage in topology.stages}
    assert taken["in"] == taken["seen"] == min(count, SPLIT_BATCHES_MAX)


def test_a_source_of_larger_batches_heeds_changes_too() -> None:
    limits = JobLimits(SourceLimits(10, 20, 30), 4, 0.005, 60.0)
    plain, larger = limits.source_with(1), limits.source_with(3)
    assert (plain, larger) == (SourceLimits(10, 20, 30), SourceLimits(30, 20, 30))
    limits.change_source(SourceLimits(11, 21, 31))
    assert (plain, larger) == (SourceLimits(11, 21, 31), SourceLimits(33, 21, 31))
    assert limits.source == SourceLimits(11, 21, 31)
    assert limits.source_with(3) is larger


def slow_application() -> Application:
    @w.computation(blocking=True)
    def block(word: str) -> str:
        return word

    @w.computation(concurrency=6)
    async def wait(word: str) -> str:
        return word

    @w.state_computation(state=list)
    def seen(word: str, before: list[str]) -> str:
        return word

    words = w.source("in", w.ListSource([""])).to(wait)
    keyed = words.key_by(lambda word: word, name="key").to(seen)
    return w.application("a", keyed.to(block).to_sink(w.ListSink([])))


def test_a_slow_stage_and_all_before_it_are_found() -> None:
    app = slow_application()
    topology = plan(app, WORKERS[:2], (("alpha", list_partitions(app)),))
    slow = slow_stages(app, topology)
    names = {topology.stages[index].steps[0]: count for index, count in slow.items()}
    assert names == {"in": 6, "seen": 1}
    assert before_slow(app, topology) == frozenset(slow)


def test_a_source_reads_what_slow_stages_get_done_in_seconds() -> None:
    most = SourceLimits(2048, 20, 30)
    pace = Pace(most, {0: 6, 3: 2}, {0: 2, 3: 3})
    assert pace.limits == SourceLimits(2, 20, 30)
    for _ in range(9):
        pace.took(3, 10, 0.001)
    assert pace.limits.batch_records_max == 6
    for _ in range(9):
        pace.took(0, 64, 1.0)
    assert pace.limits.batch_records_max == 64 * BEFORE_BARRIER_S / 2
    pace.took(0, 6, 60.0)
    assert pace.limits.batch_records_max == 6
    pace.took(7, 1, 600.0)  # a stage that it does not lead to
    assert pace.limits.batch_records_max == 6


def test_a_pace_grows_step_by_step_and_heeds_what_is_configured() -> None:
    most = SourceLimits(100, 20, 30)
    pace = Pace(most, {0: 1}, {0: 2})
    reads = []
    for _ in range(5):
        pace.took(0, 1000, 0.001)
        reads.append(pace.limits.batch_records_max)
    assert reads == [4, 16, 64, 100, 100]
    most.batch_records_max = 10
    pace.took(0, 1000, 0.001)
    assert pace.limits.batch_records_max == 10


@pytest.mark.parametrize(
    ("records", "made", "most"),
    [(10, 10, 20), (10, 0, 20), (10, 40, 20), (10, 80, 10), (1, 1000, 1)],
)
def test_a_slice_is_smaller_where_it_grows_to_more_than_some_full_batches(
    records: int, made: int, most: int
) -> None:
    limits = JobLimits(SourceLimits(10, 20, 30), 4, 0.005, 60.0)
    assert limits.slice_max(2, records, made) == most
