"""A slice that ended late is judged by its CPU where this thread has not waited."""

import gc
import time
from collections.abc import Callable, Iterator

import pytest

from wallarood.runtime.timing.preempted import CLOCK_COUNTS, Ran, fitting_records, own_s, ran

BOUND_S = 0.005


@pytest.fixture(autouse=True)
def _nothing_is_collected() -> Iterator[None]:
    """What all other tests have left may take longer to look through than the bound."""
    gc.disable()
    yield
    gc.enable()


def undisturbed(measured: Callable[[Ran], float]) -> float:
    """What is *measured* once this thread does not wait meanwhile, as it may for another one."""
    for _ in range(100):
        before = ran()
        found = measured(before)
        if ran().waits == before.waits:
            return found
    raise AssertionError("it waits each time")


def test_the_time_of_others_does_not_count() -> None:
    assert undisturbed(lambda before: own_s(BOUND_S * 4, before, bound_s=BOUND_S)) < BOUND_S


def test_what_waited_took_as_long_as_the_clock_says() -> None:
    before = ran()
    time.sleep(0.001)
    assert own_s(BOUND_S * 4, before, bound_s=BOUND_S) == BOUND_S * 4


def test_fewer_records_fit_if_their_own_time_was_long_and_not_that_of_others() -> None:
    def fit(before: Ran) -> int:
        return fitting_records(100, BOUND_S * 4, before, budget_s=BOUND_S)

    assert undisturbed(fit) > 100
    assert fitting_records(100, BOUND_S * 4, None, budget_s=BOUND_S) == 25


def test_within_the_bound_and_far_above_it_the_clock_counts() -> None:
    before = ran()
    for took_s in (BOUND_S, BOUND_S * CLOCK_COUNTS):
        assert own_s(took_s, before, bound_s=BOUND_S) == took_s


def test_the_cpu_of_this_thread_is_what_it_has_worked() -> None:
    def work(before: Ran) -> float:
        while ran().cpu_s - before.cpu_s < BOUND_S:
            pass
        return own_s(BOUND_S * 9, before, bound_s=BOUND_S)

    assert BOUND_S <= undisturbed(work) < BOUND_S * 9
