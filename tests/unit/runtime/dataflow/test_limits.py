"""How much a stage takes at once, and how much its source reads."""

from operator import itemgetter

import pytest

import wallarood as w
from wallarood.app.connector import SourceLimits
from wallarood.planning.listings import list_partitions
from wallarood.planning.plan import plan
from wallarood.runtime.dataflow.limits import (
    AGGREGATED_BATCHES,
    PARTED_BATCHES_MAX,
    JobLimits,
    batches_at_once,
)
from wallarood.runtime.dataflow.wiring import Wiring

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
    assert taken["in"] == min(count, PARTED_BATCHES_MAX)
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
    assert taken["in"] == taken["seen"] == min(count, PARTED_BATCHES_MAX)


def test_a_source_of_larger_batches_heeds_changes_too() -> None:
    limits = JobLimits(SourceLimits(10, 20, 30), 4, 0.005, 60.0)
    plain, larger = limits.source_with(1), limits.source_with(3)
    assert (plain, larger) == (SourceLimits(10, 20, 30), SourceLimits(30, 20, 30))
    limits.change_source(SourceLimits(11, 21, 31))
    assert (plain, larger) == (SourceLimits(11, 21, 31), SourceLimits(33, 21, 31))
    assert limits.source == SourceLimits(11, 21, 31)
    assert limits.source_with(3) is larger
