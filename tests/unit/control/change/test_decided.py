"""What is decided is obeyed: adopted by who is in it, in its seat; all others put theirs aside."""

import attrs
import pytest
from support.nodes import changed, failure, member, of, record

from wallarood.control.change.decided import DEPARTED_MAX, adopted, goes_back, obey
from wallarood.control.change.effects import AdoptChange, SetAside
from wallarood.model.change import Departed, Gone, PartName, Why
from wallarood.model.cluster_record import ClusterRecord, RecordState, WayBack
from wallarood.model.errors import RefusedError
from wallarood.model.ids import NO_SEAT, Seat
from wallarood.wire.strict import structure, unstructure

BEFORE = record("beta", "alpha", "beta")
BETA = member("beta")


def test_a_member_of_the_new_epoch_adopts_it() -> None:
    change = changed(BEFORE, "beta", "gamma")
    (adopts,) = of(AdoptChange, obey(BETA, BEFORE, change))
    assert adopts.record == adopted(BEFORE, change)
    assert adopts.record.state is RecordState.STARTED
    assert adopts.record.worker == "beta"


def test_what_is_not_newer_changes_nothing() -> None:
    change = changed(BEFORE, "beta", "gamma")
    assert obey(BETA, adopted(BEFORE, change), change) == []


@pytest.mark.parametrize(
    ("why", "says", "exit_code"),
    [
        (Why.LEFT, "beta has left the cluster at epoch 2", 0),
        (Why.EVICTED, "beta was evicted at epoch 2", RefusedError.exit_code),
        (Why.REPLACED, "beta was replaced at epoch 2", RefusedError.exit_code),
    ],
)
def test_who_is_not_in_it_is_told_why(why: Why, says: str, exit_code: int) -> None:
    change = changed(BEFORE, "alpha", gone=(Gone("beta", NO_SEAT, why),))
    (aside,) = of(SetAside, obey(BETA, BEFORE, change))
    assert (aside.reason, aside.exit_code) == (says, exit_code)
    assert aside.members == change.members


def test_the_same_name_in_another_seat_is_another_worker() -> None:
    change = changed(BEFORE, "alpha", "beta")
    members = tuple(attrs.evolve(each, seat=Seat(each.name)) for each in change.members)
    change = attrs.evolve(change, members=members)
    (aside,) = obey(attrs.evolve(BETA, seat=Seat("an older one")), BEFORE, change)
    assert isinstance(aside, SetAside)
    assert aside.exit_code == RefusedError.exit_code


def test_a_member_two_epochs_behind_is_an_older_copy() -> None:
    """It has taken part in each change: what it has now was made before one of them."""
    error = failure(obey(BETA, BEFORE, changed(BEFORE, "alpha", "beta", epochs=2)))
    assert "its state directory is an older copy" in str(error)


NEWER = attrs.evolve(changed(BEFORE, "alpha", "beta"), fingerprint=("newer",))


def test_an_upgrade_keeps_the_way_back_and_nothing_else_does() -> None:
    upgraded = adopted(BEFORE, NEWER)
    assert upgraded.back == WayBack(BEFORE.fingerprint, BEFORE.topology, NEWER.basis)
    assert upgraded.back.part_of("beta") == PartName(1, "beta", NEWER.basis.round, 0)
    assert adopted(BEFORE, changed(BEFORE, "alpha", "beta", "gamma")).back is None
    shrunk = attrs.evolve(changed(upgraded, "beta"), layout=2)
    assert adopted(upgraded, shrunk).back is None, "its parts are not those of the members any more"


def test_who_went_back_is_where_it_was_before_the_upgrade_and_there_is_no_way_forth() -> None:
    upgraded = adopted(BEFORE, NEWER)
    back = attrs.evolve(changed(upgraded, "alpha", "beta"), fingerprint=BEFORE.fingerprint)
    assert goes_back(upgraded, back)
    assert adopted(upgraded, back).back is None
    assert adopted(upgraded, back).fingerprint == BEFORE.fingerprint
    same = attrs.evolve(back, layout=2)
    assert not goes_back(upgraded, same), "the same version, as an upgrade from what runs"
    again = adopted(upgraded, same).back
    assert again is not None
    assert again.topology.epoch == 2


def test_how_seats_went_is_remembered_of_the_last_ones_and_a_record_of_before_has_none() -> None:
    known = BEFORE
    assert "departed" not in unstructure(known)
    for epoch in range(2, DEPARTED_MAX + 4):
        gone = Gone("gamma", Seat(f"seat {epoch}"), Why.REPLACED)
        known = adopted(known, changed(known, "alpha", "beta", gone=(gone,)))
    assert [each.epoch for each in known.departed] == list(range(4, DEPARTED_MAX + 4))
    assert structure(unstructure(known), ClusterRecord) == known
    went = known.went(attrs.evolve(member("gamma"), seat=Seat("seat 5")))
    assert went == Departed("gamma", Seat("seat 5"), Why.REPLACED, 5)
    assert known.went(attrs.evolve(member("gamma"), seat=Seat("seat 3"))) is None
    assert known.went(attrs.evolve(member("beta"), seat=Seat("seat 5"))) is None
