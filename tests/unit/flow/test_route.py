"""Routing: each key to exactly one worker, in order, and nothing lost."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from wallarood.flow.keys import Partitioner
from wallarood.flow.route import Router
from wallarood.model.batch import Batch
from wallarood.model.topology import Edge, Routing, Stage, StageKind, Topology
from wallarood.planning.partitions import assign

WORKERS = ("alpha", "beta", "gamma")


def router(count: int, routing: Routing = Routing.KEYED, worker: str = "alpha") -> Router:
    workers = WORKERS[:count]
    owners = assign(16, range(count))
    stages = (
        Stage(0, "s", StageKind.SOURCE, ("s",), "", ("alpha",)),
        Stage(1, "k", StageKind.PARTITIONED, ("k",), "", workers, owners),
    )
    edge = Edge(0, 0, "s", 0, 1, routing)
    return Router(edge, Topology(1, "a", workers, stages, (edge,)), worker)


keys: st.SearchStrategy[Any] = st.text(max_size=3) | st.integers() | st.tuples(st.text(max_size=2))


@given(st.lists(st.lists(keys, max_size=20), max_size=4), st.integers(1, 3))
def test_each_key_goes_to_the_owner_of_its_partition_in_order(
    batches: list[list[Any]], count: int
) -> None:
    route = router(count)
    partition_of = Partitioner(16)
    number = 0
    got: dict[str, list[tuple[Any, int]]] = {worker: [] for worker in WORKERS}
    sent: list[tuple[Any, int]] = []
    for batch in batches:
        values = list(range(number, number + len(batch)))
        number += len(batch)
        sent += zip(batch, values, strict=True)
        for worker, part in route.split(Batch(values, list(batch))):
            assert part.values
            assert part.keys is not None
            got[worker] += zip(part.keys, part.values, strict=True)
    owners = assign(16, WORKERS[:count])
    for worker, rows in got.items():
        assert rows == [(k, n) for k, n in sent if owners[partition_of(k)] == worker]


@given(st.lists(st.text(max_size=3)), st.integers(1, 3))
def test_where_the_records_are_the_keys_their_parts_are_too(words: list[str], count: int) -> None:
    route = router(count)
    apart = route.split(Batch(words, list(words)))
    assert route.split(Batch(words, words)) == apart
    assert sorted(word for _, part in apart for word in part.values) == sorted(words)


@given(st.lists(st.integers(0, 20)), st.integers(1, 3), st.integers(0, 2))
def test_dealt_records_are_as_many_everywhere_however_they_are_cut_into_batches(
    sizes: list[int], count: int, mine: int
) -> None:
    route = router(count, Routing.SPREAD, WORKERS[mine % count])
    got: dict[str, list[int]] = {worker: [] for worker in WORKERS[:count]}
    number = 0
    for size in sizes:
        values = list(range(number, number + size))
        number += size
        for worker, part in route.split(Batch(values, [str(each) for each in values])):
            assert part.keys is None
            assert part.values
            got[worker] += part.values
    assert sorted(value for part in got.values() for value in part) == list(range(number))
    assert max(map(len, got.values())) - min(map(len, got.values())) <= 1
    assert all(part == sorted(part) for part in got.values())


def test_forward_stays_here_and_single_goes_to_the_one() -> None:
    batch = Batch([1, 2])
    assert router(3, Routing.FORWARD, "beta").split(batch) == [("beta", batch)]
    assert router(1, Routing.SINGLE, "beta").split(batch) == [("alpha", batch)]
    assert router(3, Routing.FORWARD, "beta").targets == ("beta",)
    assert router(3).targets == WORKERS
    assert router(3).split(Batch([], [])) == []
