"""What was acknowledged since an older layout is at risk where no copy of it can be left."""

import attrs
import pytest
from support.nodes import changed, record

from wallarood.control.change.decided import adopted
from wallarood.control.change.proposing.acknowledged import AtRisk, at_risk, refusal
from wallarood.model.checkpoint import CheckpointId
from wallarood.model.cluster_record import ClusterRecord, Layout
from wallarood.model.topology import SourcePartition, Stage, StageKind

FIVE = ("alpha", "beta", "gamma", "delta", "rho")
LEFT = "0.0.0.0:7800, left by sigma at epoch 4"


def known(epoch: int, *, left: str = "", rounds: int = 1) -> ClusterRecord:
    """The cluster in *epoch*, in which the parts of the basis are had as in epoch 1.

    So many *rounds* have run since.
    """
    first, basis = record("alpha", *FIVE), CheckpointId(1, 7)
    read = [SourcePartition("0.0.0.0:7800", name) for name in FIVE]
    read += [SourcePartition(LEFT, left, left_by="sigma", was="0.0.0.0:7800")] if left else []
    stages = tuple(
        Stage(place, name, StageKind.SOURCE, (name,), "", FIVE, source_partitions=tuple(read))
        for place, name in enumerate(("in", "replayed"))
    )
    topology = attrs.evolve(first.topology, epoch=epoch, stages=stages)
    change = attrs.evolve(changed(first, *FIVE), epoch=epoch, basis=basis, layout=1)
    change = attrs.evolve(change, topology=topology, round=basis.round + epoch - 1 + rounds)
    return adopted(first, change, Layout(first.topology, first.members))


def found(
    epoch: int, *lost: str, left: str = "", rounds: int = 1, **whole: int
) -> list[tuple[str, str]]:
    cluster = known(epoch, left=left, rounds=rounds)
    risks = at_risk(cluster, lost, whole, journalled=lambda name: name == "in")
    assert {each.source for each in risks} <= {"in"}, "the other can be read again"
    return [(each.worker, each.holder) for each in risks]


def test_an_owner_is_at_risk_where_its_holder_is_lost_as_well() -> None:
    assert found(2, "gamma", "delta") == [("gamma", "delta")]
    assert found(2, "delta", "gamma") == [("gamma", "delta")]
    assert found(2, "rho", "alpha") == [("rho", "alpha")]
    assert found(2, "gamma", "rho") == [], "both holders are there"
    assert found(2, "gamma") == []


def test_no_older_copy_has_what_was_acknowledged_in_this_epoch() -> None:
    assert found(3, "gamma", "delta", gamma=2, delta=2) == [("gamma", "delta")]


def test_where_epochs_were_between_a_copy_of_the_last_of_them_will_do() -> None:
    """The holder that is there has none of this epoch: then nothing was acknowledged in it."""
    assert found(3, "gamma") == [("gamma", "delta")], "who was lost before may have had the copy"
    assert found(3, "gamma", gamma=2) == []
    assert found(3, "gamma", gamma=3) == []
    assert found(4, "gamma", gamma=2) == [("gamma", "delta")]


def test_where_no_round_ran_in_the_epochs_between_the_older_copy_will_do() -> None:
    assert found(3, "gamma", rounds=0) == []
    assert found(4, "gamma", rounds=0) == []
    assert found(3, "gamma", "delta", rounds=0) == [("gamma", "delta")], "one may run now"
    assert found(3, "gamma", left="gamma", rounds=0) == [("gamma", "delta")]


def test_a_journal_that_came_after_the_basis_is_in_copies_of_this_epoch_only() -> None:
    assert found(3, "gamma", gamma=2, left="gamma") == [("gamma", "delta")]
    assert found(3, "gamma", gamma=3, left="gamma") == []
    assert found(3, "gamma", gamma=2, left="beta") == []
    assert found(2, "gamma", left="gamma") == [], "it came with the basis"


def test_in_the_first_epoch_nothing_is_older() -> None:
    first = attrs.evolve(known(2), change=None)
    assert at_risk(first, ("gamma", "delta"), {}, journalled=lambda _: True) == ()


def test_it_is_said_what_may_be_lost_and_what_to_do() -> None:
    text = refusal([AtRisk("in", "gamma", "delta")], known(2))
    for part in (
        "no checkpoint of epoch 2 is committed",
        "acknowledged since checkpoint 7",
        "source 'in' on gamma (copied to delta)",
        "start these workers again if their disks are whole",
        "--back-to 7 goes on from checkpoint 7 and loses it",
    ):
        assert part in text


@pytest.mark.parametrize("journalled", [True, False])
def test_a_source_that_can_be_read_again_is_at_no_risk(journalled: bool) -> None:
    risks = at_risk(known(2), ("gamma", "delta"), {}, journalled=lambda _: journalled)
    assert bool(risks) == journalled
