"""The watermark of an operator outlives a restart, and its alignment goes on from there."""

import pytest

from wallarood.flow.state.at_once import AtOnce
from wallarood.flow.watermarks import Clock, restored_watermark
from wallarood.model.batch import Watermark
from wallarood.model.time import MIN_TIME


@pytest.mark.parametrize("time", [MIN_TIME, -1, 0, 1, 2**63 - 1])
def test_a_watermark_comes_back_as_it_was_captured(time: int) -> None:
    clock = Clock()
    clock.decode(Clock(time).encode())
    assert clock.time == time


def test_before_anything_has_come_there_is_no_time() -> None:
    assert Clock().time == MIN_TIME


def test_an_instance_goes_on_from_the_furthest_of_its_operators() -> None:
    states = [object(), AtOnce("a", Clock(5)), AtOnce("b", Clock(9)), AtOnce("c", Clock(7))]
    assert restored_watermark(states) == Watermark(9)


def test_an_instance_without_operators_of_event_time_has_none() -> None:
    assert restored_watermark([object()]) == Watermark(MIN_TIME)
    assert restored_watermark([]) == Watermark(MIN_TIME)
