"""A plan: its first worker leads, and a worker runs the stages that name it."""

import attrs

from wallarood.model.topology import Stage, StageKind, Topology

STAGES = (
    Stage(0, "in", StageKind.SOURCE, ("in",), "", ("beta",)),
    Stage(1, "count", StageKind.PARTITIONED, ("count",), "", ("alpha", "beta"), (0, 1)),
)


def test_the_first_worker_leads() -> None:
    assert Topology(1, "app", ("beta", "alpha"), STAGES, ()).leader == "beta"


def test_a_worker_has_the_stages_that_name_it() -> None:
    topology = Topology(1, "app", ("alpha", "beta", "gamma"), STAGES, ())
    assert topology.stages_on("alpha") == STAGES[1:]
    assert topology.stages_on("beta") == STAGES
    assert topology.stages_on("gamma") == ()


def test_writers_are_numbered_by_their_places_until_a_change_has_given_numbers() -> None:
    sink = Stage(2, "out", StageKind.SINK, ("out",), "", ("alpha", "beta"))
    assert [sink.writer_of(each) for each in sink.workers] == [0, 1]
    changed = attrs.evolve(sink, workers=("beta", "gamma"), writers=(1, 2), writers_given=3)
    assert [changed.writer_of(each) for each in changed.workers] == [1, 2]


def test_the_owners_of_partitions_are_known_by_name() -> None:
    assert STAGES[1].owners == ("alpha", "beta")
    assert STAGES[0].owners == ()
