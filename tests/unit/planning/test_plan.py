"""Planning: what is joined, where it goes, and that it is the same everywhere."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import wallarood as w
from wallarood.model.messages import Listing
from wallarood.model.topology import Routing, StageKind, Topology
from wallarood.planning.explain import as_text
from wallarood.planning.listings import list_partitions
from wallarood.planning.plan import plan

FIVE = ("alpha", "beta", "gamma", "delta", "epsilon")


class Total:
    count = 0


@w.state_computation(state=Total)
def per_key(record: Any, total: Total) -> Any:
    return record


@w.state_computation(state=Total)
def for_all(record: Any, total: Total) -> Any:
    return record


def step(record: Any) -> Any:
    return record


def lines(name: str = "lines") -> w.Stream:
    return w.source(name, w.ListSource([]))


def placed(application: w.Application, workers: tuple[str, ...] = FIVE) -> Topology:
    mine = list_partitions(application)
    return plan(application, workers, tuple((worker, mine) for worker in workers))


def sink() -> w.ListSink:
    return w.ListSink([])


def test_simple_computations_in_a_row_are_one_stage_with_the_source() -> None:
    app = w.application(
        "a", lines().map(step, name="b").map(step, name="c").map(step, name="d").to_sink(sink())
    )
    source, end = placed(app).stages
    assert source.steps == ("lines", "b", "c", "d")
    assert source.kind is StageKind.SOURCE
    assert end.kind is StageKind.SINK
    assert end.workers == source.workers
    assert len(source.workers) == 1


def test_a_stateful_computation_stands_alone_and_its_neighbours_may_live_elsewhere() -> None:
    app = w.application(
        "a",
        lines().map(step, name="before").collect().to(for_all).map(step, name="after")
        .to_sink(sink()),
    )  # fmt: skip
    topology = placed(app)
    by_name = {stage.steps[-1]: stage for stage in topology.stages}
    assert by_name["for_all"].steps == ("for_all",)
    assert by_name["for_all"].kind is StageKind.STATEFUL
    singles = [by_name[name].workers for name in ("collect", "for_all", "after")]
    assert all(len(each) == 1 for each in singles)
    assert len(set(singles)) == 3, "five workers, three single stages: each on its own"


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_single_stages_differ_by_at_most_one_between_workers(count: int) -> None:
    ends = [
        lines(f"in-{n}").collect(name=f"c{n}").to(for_all, name=f"s{n}").map(step, name=f"m{n}")
        .to_sink(sink())
        for n in range(3)
    ]  # fmt: skip
    topology = placed(w.application("a", *ends), FIVE[:count])
    held = Counter(
        stage.workers[0] for stage in topology.stages if stage.kind is not StageKind.SINK
    )
    numbers = [held[worker] for worker in FIVE[:count]]
    assert sum(numbers) == 9
    assert max(numbers) - min(numbers) <= 1


def test_a_partitioned_computation_is_everywhere_and_joined_by_what_follows() -> None:
    app = w.application(
        "a", lines().key_by(str).to(per_key).map(step, name="after").to_sink(sink())
    )
    topology = placed(app)
    keyed = next(each for each in topology.stages if each.kind is StageKind.PARTITIONED)
    assert keyed.steps == ("per_key", "after")
    assert keyed.workers == FIVE
    counts = Counter(keyed.partition_owners)
    assert sum(counts.values()) == 256
    assert max(counts.values()) - min(counts.values()) <= 1
    (edge,) = (each for each in topology.edges if each.target == keyed.index)
    assert edge.routing is Routing.KEYED


def test_a_branch_and_a_stream_used_twice_end_a_stage_on_the_same_worker() -> None:
    yes, no = lines().branch(bool, name="which")
    app = w.application(
        "a",
        yes.map(step, name="y").to_sink(sink()),
        no.map(step, name="n").to_sinks(sink(), sink()),
    )
    topology = placed(app)
    by_name = {stage.steps[0]: stage for stage in topology.stages}
    assert by_name["lines"].steps == ("lines", "which")
    outputs = {
        topology.stages[each.target].steps[0]: each.output
        for each in topology.edges
        if each.source == by_name["lines"].index
    }
    assert outputs == {"y": 0, "n": 1}
    assert {stage.workers for stage in topology.stages} == {by_name["lines"].workers}


def test_merged_single_streams_become_a_single_stage_and_spread_ones_stay_where_they_are() -> None:
    single = w.application("a", w.merge(lines("x"), lines("y")).map(step, name="m").to_sink(sink()))
    stage = next(each for each in placed(single).stages if each.steps[0] == "merge")
    assert stage.steps == ("merge", "m")
    assert len(stage.workers) == 1
    spread = w.application(
        "a",
        w.merge(
            w.source("x", w.GeneratorSource(count=1, partitions=5)), lines("y")
        ).to_sink(sink()),
    )  # fmt: skip
    topology = placed(spread)
    stage = next(each for each in topology.stages if each.steps[0] == "merge")
    assert stage.workers == FIVE
    assert all(
        each.routing is Routing.FORWARD for each in topology.edges if each.target == stage.index
    )


def test_merged_single_streams_stay_on_their_workers_when_state_per_key_follows() -> None:
    both = w.merge(lines("x"), lines("y")).key_by(step).map(step, name="m")
    topology = placed(w.application("a", both.to(per_key).to_sink(sink())))
    by_name = {stage.steps[0]: stage for stage in topology.stages}
    readers = {*by_name["x"].workers, *by_name["y"].workers}
    assert len(readers) == 2
    assert set(by_name["merge"].workers) == readers
    edges = [each for each in topology.edges if each.target == by_name["merge"].index]
    assert all(each.routing is Routing.FORWARD for each in edges)


def test_what_is_redistributed_runs_on_every_worker_and_so_does_what_follows() -> None:
    stream = lines().key_by(step).redistribute().map(step, name="m")
    topology = placed(w.application("a", stream.to_sink(sink())))
    source, dealt, end = topology.stages
    assert (source.workers, dealt.workers, end.workers) == (("alpha",), FIVE, FIVE)
    assert dealt.steps == ("redistribute", "m")
    assert source.stopped_by == "redistribute deals records to all workers"
    (edge,) = (each for each in topology.edges if each.target == dealt.index)
    assert edge.routing is Routing.SPREAD
    assert "its records to all workers in turn" in as_text(topology)


def test_a_redistributed_stream_has_no_key() -> None:
    with pytest.raises(w.PipelineError, match="the stream has no key"):
        lines().key_by(step).redistribute().to(per_key)


def test_a_merge_with_a_spread_stream_is_placed_the_same_in_either_order() -> None:
    def workers_of_merge(*, stateful_first: bool) -> tuple[str, ...]:
        one = lines().collect().to(for_all)
        spread = w.source("x", w.GeneratorSource(count=1, partitions=5))
        both = (one, spread) if stateful_first else (spread, one)
        topology = placed(w.application("a", w.merge(*both).to_sink(sink())))
        stage = next(each for each in topology.stages if each.steps[0] == "merge")
        edges = [each for each in topology.edges if each.target == stage.index]
        assert all(each.routing is Routing.FORWARD for each in edges)
        return stage.workers

    assert workers_of_merge(stateful_first=True) == FIVE
    assert workers_of_merge(stateful_first=False) == FIVE


def test_dead_letters_have_an_edge_of_their_own_from_the_step_that_failed() -> None:
    letters = w.dead_letter(sink())
    app = w.application(
        "a", lines().map(step, name="x", on_error=letters).map(step, name="y").to_sink(sink())
    )
    topology = placed(app)
    (edge,) = (each for each in topology.edges if each.output == -1)
    assert (edge.origin, edge.routing) == ("x", Routing.FORWARD)


def test_local_partitions_go_to_the_worker_that_listed_them(tmp_path: Any) -> None:
    source = w.FileSource(tmp_path, scope="local")
    app = w.application("a", w.source("files", source).to_sink(sink()))
    listings = tuple((worker, (Listing("files", (f"{worker}.txt", "same")),)) for worker in FIVE)
    stage = plan(app, FIVE, listings).stages[0]
    assert stage.workers == FIVE
    assert {(each.partition, each.worker) for each in stage.source_partitions} == {
        (name, worker) for worker in FIVE for name in (f"{worker}.txt", "same")
    }


@given(st.integers(0, 40), st.integers(1, 5))
def test_shared_partitions_are_read_once_each_and_dealt_evenly(parts: int, count: int) -> None:
    workers = FIVE[:count]
    app = w.application("a", w.source("files", w.ListSource([])).to_sink(sink()))
    names = tuple(f"file-{n}" for n in range(parts))
    listings = tuple((worker, (Listing("files", names),)) for worker in workers)
    topology = plan(app, workers, listings)
    stage = topology.stages[0]
    assert [each.partition for each in stage.source_partitions] == list(names)
    read = Counter(each.worker for each in stage.source_partitions)
    assert max(read.values(), default=0) - min(read[each] for each in workers) <= 1
    assert set(read) <= set(stage.workers)
    assert plan(app, workers, listings) == topology
