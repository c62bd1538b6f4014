"""A plan: its first worker leads, and a worker runs the stages that name it."""

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
