"""Rates and shares of the last seconds, from looks at counters."""

import pytest

from wallarood.admin.figures.window import LOOKS_MAX, Growth, Look, Window


def test_shares_are_those_of_the_window_and_with_what_is_left_make_one() -> None:
    window = Window()
    for second in range(20):
        busy = 0.0 if second < 10 else 0.6 * (second - 10)
        window.add(Look(second, busy, 0.3 * second, 100 * second, 50 * second, second, 2 * second))
    shares = window.shares()
    assert shares.busy == pytest.approx(0.6)
    assert shares.blocked == pytest.approx(0.3)
    assert (shares.rate_in, shares.rate_out) == (100, 50)
    assert (shares.late_rate, shares.failed_rate) == (1, 2)
    assert len(window.looks) == LOOKS_MAX


def test_one_look_says_nothing_yet() -> None:
    window = Window()
    assert window.shares().rate_in == 0
    window.add(Look(1.0, records_in=100))
    assert window.shares().rate_in == 0


def test_counters_of_a_job_that_began_again_give_no_rate_below_zero() -> None:
    window = Window()
    window.add(Look(1.0, records_in=1000))
    window.add(Look(2.0, records_in=100))
    assert window.shares().rate_in == 0
    window.add(Look(3.0, records_in=150))
    assert window.shares().rate_in == 50


def test_shares_are_never_more_than_one() -> None:
    window = Window()
    window.add(Look(0.0))
    window.add(Look(1.0, busy_s=0.9, blocked_s=0.9))
    shares = window.shares()
    assert shares.busy + shares.blocked == pytest.approx(1.0)


def test_growth_remembers_what_there_was() -> None:
    growth = Growth()
    assert growth.before(10.0) == (0, 0.0)
    for minute in range(20):
        growth.add(60.0 * minute, 1000 * minute)
    assert growth.before(60.0 * 20) == (1000 * (20 - LOOKS_MAX), 60.0 * LOOKS_MAX)
    assert growth.rate() == pytest.approx(1000 / 60)
