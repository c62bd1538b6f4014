"""From what the members hold follows the whole change: basis, line, round, layout, heirs."""

from typing import Any

import attrs
import pytest
from support.nodes import changed, member, record

from wallarood.control.change.decided import adopted
from wallarood.control.change.proposing.composing import Plan, basis, compose, decides
from wallarood.control.change.view import View
from wallarood.model.change import Change, ChangeKind, Gone, PartName, Why
from wallarood.model.checkpoint import CheckpointId
from wallarood.model.cluster_record import ClusterRecord, Layout
from wallarood.model.errors import RefusedError
from wallarood.model.ids import NO_SEAT, WorkerName
from wallarood.model.messages import ChangeRequest, Holdings
from wallarood.model.topology import SourcePartition, Stage, StageKind, Topology

TRIO = ("alpha", "beta", "gamma")
HERE = record("alpha", *TRIO)
ONE, TWO, THREE = (CheckpointId(1, number) for number in (1, 2, 3))


def replan(previous: Topology, workers: tuple[WorkerName, ...], /, *, epoch: int) -> Topology:
    return attrs.evolve(previous, epoch=epoch, workers=workers)


def plan(kind: ChangeKind, *names: str, known: ClusterRecord | None = None, **options: Any) -> Plan:
    view = View(member("alpha"), known or record("alpha", *TRIO))
    for name in TRIO:
        view.is_up(member(name))
    return Plan(ChangeRequest("r", kind, names, **options), view)


def holds(*checkpoints: CheckpointId, copies: tuple[CheckpointId, ...] = (), known: int = 0) -> Any:
    replicas = tuple(PartName(1, "gamma", each.round, each.number) for each in copies)
    committed = max((c for c in checkpoints if c.number <= known), key=lambda c: c.number)
    return Holdings("a", 4, checkpoints, committed, 9, 2, replicas=replicas)


EVICT = plan(ChangeKind.EVICT, "gamma")


def test_the_basis_is_the_highest_that_survivors_hold_and_of_which_a_lost_part_has_a_copy() -> None:
    alpha = holds(ONE, TWO, THREE, copies=(ONE, TWO), known=1)
    assert basis(EVICT, {"alpha": alpha, "beta": holds(ONE, TWO, THREE, known=1)}) == (TWO, 1)
    assert basis(EVICT, {"alpha": alpha, "beta": holds(ONE, known=1)}) == (ONE, 1)


def test_without_a_copy_of_a_lost_part_there_is_no_basis() -> None:
    both = {name: holds(ONE, TWO, known=1) for name in ("alpha", "beta")}
    with pytest.raises(RefusedError, match="a copy of the part of gamma"):
        basis(EVICT, both)


def test_what_would_be_lost_for_lack_of_a_copy_is_named() -> None:
    read = SourcePartition("0.0.0.0:7800", "gamma")
    stages = (
        Stage(0, "in", StageKind.SOURCE, ("in",), "", TRIO, source_partitions=(read,)),
        Stage(1, "totals", StageKind.PARTITIONED, ("totals",), "", TRIO, (0, 1, 2)),
        Stage(2, "one", StageKind.STATEFUL, ("one",), "", ("alpha",)),
    )
    known = attrs.evolve(HERE, topology=attrs.evolve(HERE.topology, stages=stages))
    both = {name: holds(ONE, TWO, known=1) for name in ("alpha", "beta")}
    with pytest.raises(RefusedError) as refused:
        basis(plan(ChangeKind.EVICT, "gamma", known=known), both)
    assert refused.value.message.endswith(
        "a copy of the part of gamma: lost would be what source 'in' has taken in there "
        "(0.0.0.0:7800), state of 'totals'"
    )


@pytest.mark.parametrize("kind", [ChangeKind.EVICT, ChangeKind.REPLACE])
def test_below_what_is_known_committed_only_where_an_operator_wants_it(kind: ChangeKind) -> None:
    held = {"alpha": holds(ONE, TWO, copies=(ONE,), known=2), "beta": holds(ONE, TWO, known=1)}
    with pytest.raises(RefusedError, match="--back-to 1"):
        basis(plan(kind, "gamma"), held)
    back = plan(kind, "gamma", back_to=1)
    assert basis(back, held) == (ONE, 1)
    change = compose(back, held, replan)
    assert change.line == 3, "what was published after it is made again in another line"


@pytest.mark.parametrize("back_to", [2, 3, 9])
def test_no_further_back_than_an_operator_wants(back_to: int) -> None:
    held = {"alpha": holds(ONE, TWO, copies=(ONE,), known=2), "beta": holds(ONE, TWO, known=1)}
    with pytest.raises(RefusedError, match="--back-to 1"):
        basis(plan(ChangeKind.EVICT, "gamma", back_to=back_to), held)


def test_not_back_where_what_is_committed_is_there() -> None:
    held = {name: holds(ONE, TWO, copies=(ONE, TWO), known=2) for name in ("alpha", "beta")}
    assert basis(plan(ChangeKind.EVICT, "gamma", back_to=1), held) == (TWO, 1)


def test_a_copy_of_what_a_lost_one_had_in_the_epoch_before_is_not_of_its_part() -> None:
    """It may have gained slots since: what is of them there is nowhere, or stale."""
    second = adopted(HERE, attrs.evolve(changed(HERE, *TRIO), basis=ONE, layout=1))
    held = {name: holds(ONE, copies=(ONE,), known=1) for name in ("alpha", "beta")}
    with pytest.raises(RefusedError, match="a copy of the part of gamma"):
        basis(plan(ChangeKind.EVICT, "gamma", known=second), held)


def test_a_planned_change_needs_what_all_hold_and_no_copies() -> None:
    shrink = plan(ChangeKind.SHRINK, "gamma")
    held = {name: holds(ONE, TWO, known=2) for name in TRIO}
    change = compose(shrink, held, replan)
    assert (change.basis, change.line, change.round) == (TWO, 2, 5)
    assert change.workers == ("alpha", "beta")
    assert change.gone == (Gone("gamma", NO_SEAT, Why.LEFT),)
    assert [(heir.lost, heir.heir) for heir in change.heirs] == [("gamma", "alpha")]
    assert change.topology.epoch == change.epoch == 2


def test_who_joins_comes_last() -> None:
    grow = plan(ChangeKind.GROW, joiner=member("aaron"))
    change = compose(grow, {name: holds(ONE, known=1) for name in TRIO}, replan)
    assert change.workers == (*TRIO, "aaron")
    assert change.gone == ()


def test_what_may_be_committed_above_the_basis_is_made_again_in_another_line() -> None:
    """All that stay hold 2, and its copy of the lost part is damaged: it may be committed."""
    held = {
        "alpha": holds(ONE, TWO, copies=(ONE,), known=1),
        "beta": holds(ONE, TWO, known=1),
    }
    assert compose(EVICT, held, replan).line == 3
    held["beta"] = holds(ONE, known=1)
    assert compose(EVICT, held, replan).line == 2


@pytest.fixture(name="second")
def second_epoch() -> ClusterRecord:
    """delta has joined, and the cluster has gone on from ONE; epoch 1 was without it."""
    change = attrs.evolve(changed(HERE, *TRIO, "delta"), basis=ONE, layout=1)
    return adopted(HERE, change, Layout(HERE.topology, HERE.members))


@pytest.mark.parametrize("lost", ["gamma", "delta"])
def test_before_a_commit_of_this_epoch_parts_are_had_as_they_were_in_the_one_before(
    second: ClusterRecord, lost: str
) -> None:
    owned = {name: PartName(1, name, ONE.round, ONE.number) for name in TRIO}
    kept = {name: (owned[name],) for name in TRIO if name != lost}
    kept["alpha"] += (owned["gamma"],)
    held = {
        name: attrs.evolve(holds(ONE, known=1), replicas=kept.get(name, ()))
        for name in (*TRIO, "delta")
        if name != lost
    }
    view = View(member("alpha"), second)
    evict = Plan(ChangeRequest("r", ChangeKind.EVICT, (lost,)), view)
    change = compose(evict, held, replan)
    assert (change.epoch, change.basis, change.layout) == (3, ONE, 1)
    assert view.layout(1).topology.workers == TRIO
    del held["beta"]
    with pytest.raises(RefusedError, match=f"a copy of the part of {lost}"):
        basis(attrs.evolve(evict, request=attrs.evolve(evict.request, names=(lost, "beta"))), held)


def test_what_only_lost_ones_have_acknowledged_is_lost_only_where_an_operator_wants_it(
    second: ClusterRecord,
) -> None:
    """gamma had its copies with alpha in epoch 1, and with delta since."""
    read = SourcePartition("0.0.0.0:7800", "gamma")
    stage = Stage(0, "in", StageKind.SOURCE, ("in",), "", TRIO, source_partitions=(read,))
    known = attrs.evolve(second, topology=attrs.evolve(second.topology, stages=(stage,)))
    parts = [PartName(1, name, ONE.round, ONE.number) for name in TRIO]
    held = {
        "alpha": attrs.evolve(holds(ONE, known=1), replicas=(parts[0], parts[2])),
        "beta": attrs.evolve(holds(ONE, known=1), replicas=(parts[1],)),
    }

    def asked(**options: Any) -> Plan:
        view = View(member("alpha"), known)
        request = ChangeRequest("r", ChangeKind.EVICT, ("gamma", "delta"), **options)
        return Plan(request, view)

    for options in ({}, {"back_to": 3}, {"certified": True, "lose_output": True}):
        with pytest.raises(RefusedError, match=r"'in' on gamma \(copied to delta\).*--back-to 1 "):
            basis(asked(**options), held)
    assert basis(asked(back_to=1), held) == (ONE, 1)
    plan = asked()
    plan.view.journalled = lambda name: name != "in"
    assert basis(plan, held) == (ONE, 1)


def test_after_a_commit_of_this_epoch_they_are_had_as_they_are_now(second: ClusterRecord) -> None:
    copy = PartName(2, "gamma", TWO.round, TWO.number)
    held = {
        name: attrs.evolve(holds(ONE, TWO, known=2), replicas=(copy,))
        for name in ("alpha", "beta", "delta")
    }
    change = compose(plan(ChangeKind.EVICT, "gamma", known=second), held, replan)
    assert (change.basis, change.layout) == (TWO, 2)


def test_a_planned_change_has_the_parts_as_they_are_now(second: ClusterRecord) -> None:
    held = {name: holds(ONE, known=1) for name in (*TRIO, "delta")}
    change = compose(plan(ChangeKind.SHRINK, "gamma", known=second), held, replan)
    assert (change.basis, change.layout) == (ONE, 2)


def gone(*names: str, certified: bool) -> Change:
    seats = tuple(Gone(name, NO_SEAT, Why.EVICTED, certified) for name in names)
    return changed(record("alpha", *TRIO), "alpha", gone=seats)


def test_a_majority_of_all_seats_decides() -> None:
    view = EVICT.view
    assert not decides(view, gone("gamma", certified=False), {"alpha"})
    assert decides(view, gone("gamma", certified=False), {"alpha", "gamma"})


def test_what_a_certified_seat_says_is_never_counted_and_all_others_must_accept() -> None:
    view, change = EVICT.view, gone("gamma", certified=True)
    assert not decides(view, change, {"alpha", "gamma"})
    assert decides(view, change, {"alpha", "beta"})
    assert not decides(view, gone("beta", "gamma", certified=True), {"alpha"}), "less than half"


@pytest.fixture(name="back")
def way_back() -> Plan:
    """The cluster was upgraded from TWO of epoch 1."""
    newer = attrs.evolve(changed(HERE, *TRIO), fingerprint=("newer",), basis=TWO)
    return plan(ChangeKind.BACK, known=adopted(HERE, newer))


def keeps(name: str, part: CheckpointId = TWO) -> Holdings:
    held = holds(THREE, known=3)
    return attrs.evolve(held, replicas=(PartName(1, name, part.round, part.number),))


def test_the_way_back_goes_on_from_what_the_upgrade_did_in_another_line(back: Plan) -> None:
    change = compose(back, {name: keeps(name) for name in TRIO}, replan)
    assert (change.basis, change.layout, change.line) == (TWO, 1, 3)
    assert (change.epoch, change.fingerprint) == (3, HERE.fingerprint)
    assert change.topology == attrs.evolve(HERE.topology, epoch=3)
    assert (change.workers, change.gone) == (TRIO, ())
    assert back.view.layout(1).topology == HERE.topology


def test_whoever_has_dropped_its_part_is_named(back: Plan) -> None:
    held = {name: keeps(name) for name in TRIO} | {"beta": holds(THREE, known=3)}
    with pytest.raises(RefusedError, match="of epoch 1 is not kept any more on beta"):
        compose(back, held, replan)


def test_where_nothing_was_upgraded_there_is_no_way_back() -> None:
    with pytest.raises(RefusedError, match="there is no version to go back to"):
        compose(plan(ChangeKind.BACK), {name: keeps(name) for name in TRIO}, replan)
