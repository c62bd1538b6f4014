"""What a worker runs of a topology: its instances, and who feeds each of them."""

from wallarood.model.topology import Edge, Routing, Stage, StageKind, Topology
from wallarood.runtime.dataflow.build.wiring import SOURCE_EDGE, Wiring

ALL = ("alpha", "beta", "gamma")
SOURCE = Stage(0, "in", StageKind.SOURCE, ("in",), "", ("alpha", "beta"))
COUNT = Stage(1, "count", StageKind.PARTITIONED, ("count",), "", ALL, (0, 1, 2, 0))
SHOW = Stage(2, "show", StageKind.PARTITIONED, ("show",), "", ALL, (0, 1, 2, 0))
KEYED = Edge(0, 0, "in", 0, 1, Routing.KEYED)
FORWARD = Edge(1, 1, "count", 0, 2, Routing.FORWARD)
TOPOLOGY = Topology(1, "app", ALL, (SOURCE, COUNT, SHOW), (KEYED, FORWARD))


def test_a_worker_runs_the_stages_that_have_an_instance_on_it() -> None:
    assert Wiring(TOPOLOGY, "beta").stages == (SOURCE, COUNT, SHOW)
    assert Wiring(TOPOLOGY, "gamma").stages == (COUNT, SHOW)


def test_a_source_is_fed_by_its_task_on_the_same_worker() -> None:
    assert Wiring(TOPOLOGY, "beta").inputs(SOURCE) == ((SOURCE_EDGE, "beta"),)


def test_a_keyed_edge_comes_from_every_instance_before_it() -> None:
    """Also from those that are not on this worker: a barrier is awaited of each."""
    assert Wiring(TOPOLOGY, "gamma").inputs(COUNT) == ((0, "alpha"), (0, "beta"))


def test_a_forward_edge_never_leaves_its_worker() -> None:
    assert Wiring(TOPOLOGY, "gamma").inputs(SHOW) == ((1, "gamma"),)


def test_edges_are_found_from_both_of_their_ends() -> None:
    wiring = Wiring(TOPOLOGY, "alpha")
    assert wiring.edges_from(COUNT) == (FORWARD,)
    assert wiring.edges_of(COUNT) == (KEYED, FORWARD)
    assert wiring.edges_from(SHOW) == ()


def test_only_a_keyed_edge_splits_its_records() -> None:
    wiring = Wiring(TOPOLOGY, "alpha")
    assert [wiring.parts(edge) for edge in (KEYED, FORWARD)] == [3, 1]
