"""Bids are above all that is known, none is made twice, and a round needs none before a change."""

from wallarood.control.change.proposing.bids import Bids
from wallarood.model.change import Vote
from wallarood.model.ids import NO_BALLOT, Ballot


def test_a_bid_is_above_all_that_is_known_and_none_is_made_twice() -> None:
    bids = Bids("beta", Ballot(3, "gamma"))
    assert bids.bid() == Ballot(4, "beta")
    assert bids.bid() == Ballot(5, "beta")
    bids.heard(Ballot(9, "alpha"))
    assert bids.outbid
    assert bids.bid() == Ballot(10, "beta")
    assert not bids.outbid


def test_no_bid_is_that_of_another_epoch() -> None:
    """A worker that joins may say late that it has staged what was proposed in another one."""
    first, second = (Bids.after("alpha", Vote(epoch)) for epoch in (1, 2))
    assert first.bid() == Ballot(1, "alpha")
    assert second.bid() > first.bid()
    again = Bids.after("alpha", Vote(2, second.ballot))
    assert again.bid() > second.ballot


def test_a_round_has_no_ballot_as_long_as_no_change_was_proposed() -> None:
    bids = Bids("alpha")
    assert [bids.bid_for_a_round(), bids.bid_for_a_round()] == [NO_BALLOT, NO_BALLOT]
    bids.heard(Ballot(1, "beta"))
    assert bids.bid_for_a_round() == Ballot(2, "alpha")
