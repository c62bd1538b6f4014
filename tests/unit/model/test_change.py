"""A change says who is in the new epoch by name and seat; ballots have one order."""

from wallarood.model.change import Change
from wallarood.model.checkpoint import CheckpointId
from wallarood.model.ids import NO_BALLOT, Address, Ballot, Incarnation, Member, Seat
from wallarood.model.topology import Topology


def member(name: str, seat: str, starts: int = 1) -> Member:
    return Member(name, Address("h", 1), Address("h", 2), Incarnation(starts, "n"), Seat(seat))


def test_a_member_is_a_name_in_a_seat_whatever_its_life() -> None:
    topology = Topology(2, "app", ("alpha", "beta"), (), ())
    members = (member("alpha", "a"), member("beta", "b"))
    change = Change(2, members, (), topology, (), CheckpointId(1, 4), 1, 3, 0)
    assert change.has(member("beta", "b", starts=9))
    assert not change.has(member("beta", "another"))
    assert change.workers == ("alpha", "beta")


def test_ballots_are_ordered_by_counter_then_by_name() -> None:
    assert NO_BALLOT < Ballot(1, "alpha") < Ballot(1, "beta") < Ballot(2, "alpha")
