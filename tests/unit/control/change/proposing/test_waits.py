"""A step of a change may wait, and not for ever; what may be decided is never given up."""

from support.nodes import changed, member, record

from wallarood.control.change.proposing.bids import Bids
from wallarood.control.change.proposing.changer_phases import ASK_AGAIN_S, STAGING_WAITS, Phase
from wallarood.control.change.proposing.proposal import Proposal
from wallarood.control.change.proposing.requests import Door
from wallarood.control.change.proposing.waits import BOUND_WAIT_S, Waits, next_turn
from wallarood.control.change.view import View

HERE = record("alpha", "alpha", "beta")


def proposal(phase: Phase) -> Proposal:
    view = View(member("alpha"), HERE)
    view.is_up(member("beta"))
    change = changed(HERE, "alpha", "beta")
    return Proposal(view, Door(view), Bids("alpha"), phase=phase, change=change)


def test_a_step_is_over_after_its_time_unless_it_may_be_decided() -> None:
    for phase in (Phase.COLLECTING, Phase.ACCEPTING):
        waits = Waits(60.0)
        waits.begin(100.0)
        assert waits.ask_at == 100.0 + ASK_AGAIN_S
        assert not waits.is_over(proposal(phase), 102.0)
        assert waits.ask_at == 102.0 + ASK_AGAIN_S
        assert waits.is_over(proposal(phase), 160.0) is (phase is Phase.COLLECTING)


def test_what_is_copied_may_take_long_as_long_as_all_are_there() -> None:
    for there in (True, False):
        staging, waits = proposal(Phase.STAGING), Waits(10.0)
        waits.begin(0.0)
        if not there:
            staging.view.is_down("beta")
        times = [float(at) for at in range(2, 12 * STAGING_WAITS, 2)]
        over = next(at for at in times if waits.is_over(staging, at))
        assert over == (10.0 * STAGING_WAITS if there else 10.0)


def test_who_is_later_in_the_topology_waits_longer_before_it_proposes() -> None:
    first, second = (next_turn(View(member(n), HERE), 1.0) for n in ("alpha", "beta"))
    assert (first, second) == (1.0 + BOUND_WAIT_S, 1.0 + 1.5 * BOUND_WAIT_S)
