"""Which partitions a worker reads: by the topology, or those that it has found before."""

from typing import Any

from support.shelves import ShelvesSource

import wallarood as w
from wallarood.model.checkpoint import FIRST_CHECKPOINT, CheckpointId, Restored, SourcePosition
from wallarood.model.messages import Listing
from wallarood.model.topology import Stage
from wallarood.planning.plan import plan
from wallarood.runtime.dataflow.build.partitions import (
    expected,
    listed_of,
    partitions_here,
    readers_rule,
    restored_of,
    was_listed,
)
from wallarood.runtime.dataflow.tasks.source_task import LISTING

WORKERS = ("alpha", "beta")
RESTORED = Restored(
    FIRST_CHECKPOINT,
    (SourcePosition("in", "b", 7, False), SourcePosition("other", "b", 9, False)),
    (),
    {},
)


def planned(source: Any, *names: str) -> tuple[w.Application, Stage]:
    application = w.application("app", w.source("in", source).to_sink(w.StdoutSink()))
    listings = tuple((worker, (Listing("in", names),)) for worker in WORKERS)
    return application, plan(application, WORKERS, listings).stages[0]


def test_what_the_topology_deals_out_is_read_from_where_it_stands() -> None:
    application, stage = planned(w.ListSource([]), "a", "b", "c")
    step = application.step("in")
    read = {
        worker: partitions_here(application, RESTORED, stage=stage, worker=worker)
        for worker in WORKERS
    }
    assert {worker: list(names) for worker, names in read.items()} == {
        "alpha": ["a", "c"],
        "beta": ["b"],
    }
    assert read["beta"]["b"].position == 7
    assert listed_of(step, stage, "alpha") == ("a", "b", "c")
    assert expected(application, stage, read["alpha"]) == ["a", "c"]


def test_of_a_source_that_is_watched_what_was_found_is_read() -> None:
    application, stage = planned(ShelvesSource("x"))
    assert stage.workers == WORKERS
    found = partitions_here(application, RESTORED, stage=stage, worker="beta")
    assert {name: each.position for name, each in found.items()} == {"b": 7}
    assert expected(application, stage, found) == ["b", LISTING]
    rules = [readers_rule(application.step("in"), stage, worker) for worker in WORKERS]
    readers = [[rule(f"a-{n}") for rule in rules] for n in range(4)]
    assert [sum(each) for each in readers] == [1, 1, 1, 1]


def test_a_checkpoint_before_the_first_listing_says_so() -> None:
    unlisted = SourcePosition("in", LISTING, None, ended=False)
    restored = Restored(CheckpointId(1, 3), (*RESTORED.sources, unlisted))
    assert not was_listed(restored, "in")
    assert was_listed(restored, "other")
    assert list(restored_of(restored, "in")) == ["b"]
    assert not was_listed(RESTORED, "in"), "nothing was, before the first checkpoint"
    application, stage = planned(ShelvesSource("x"))
    assert list(partitions_here(application, restored, stage=stage, worker="alpha")) == ["b"]


def test_each_worker_reads_all_that_it_finds_of_its_own() -> None:
    application, stage = planned(ShelvesSource("x", scope=w.Scope.LOCAL))
    for worker in WORKERS:
        rule = readers_rule(application.step("in"), stage, worker)
        assert rule("a-0")
        assert rule("a-1")
