"""What follows from what the members hold."""

import attrs
from support.nodes import STARTS_AT, changed, record

from wallarood.control.effects import Level
from wallarood.control.rounds import choosing
from wallarood.model.change import Vote
from wallarood.model.checkpoint import CheckpointId
from wallarood.model.ids import Ballot
from wallarood.model.messages import Holdings

ONE, TWO = CheckpointId(1, 1), CheckpointId(1, 2)
HELD = Holdings("a", 1, (STARTS_AT, ONE), ONE, 4, 0)


def test_common_is_what_all_hold() -> None:
    other = attrs.evolve(HELD, checkpoints=(ONE, TWO))
    assert choosing.common([HELD, other]) == {ONE}


def test_of_what_was_accepted_that_of_the_highest_ballot_counts() -> None:
    """A vote promises more than it has accepted: the promise does not count."""
    here = record("alpha", "alpha", "beta")
    low, high = changed(here, "alpha"), changed(here, "alpha", "gamma")
    votes = [
        Vote(1, Ballot(9, "x"), Ballot(2, "x"), low),
        Vote(1, Ballot(4, "y"), Ballot(3, "y"), high),
    ]
    held = [attrs.evolve(HELD, accepted=vote) for vote in (*votes, None)]
    assert choosing.accepted_change(held) == high
    assert choosing.accepted_change([HELD]) is None


def test_who_lacks_what_is_committed_is_told_what_it_holds() -> None:
    assert choosing.lacking(TWO, {"alpha": HELD}) == ["alpha"]
    report, refusal = choosing.refused("alpha", TWO, HELD)
    assert "alpha lacks checkpoint 1.2" in str(report)
    assert "it holds 0.0, 1.1" in str(refusal)


def test_a_round_that_goes_back_is_a_warning() -> None:
    assert choosing.starts(3, TWO, TWO).level is Level.INFO
    assert choosing.starts(3, ONE, TWO).level is Level.WARNING
