"""The watermark of an operator outlives a restart, and its alignment goes on from there."""

import struct

import pytest

from wallarood.flow.state.at_once import AtOnce
from wallarood.flow.watermarks import Clock, restored_watermark
from wallarood.model.batch import Watermark
from wallarood.model.errors import DamagedStateError
from wallarood.model.time import MAX_TIME, MIN_TIME


@pytest.mark.parametrize("time", [MIN_TIME, -1, 0, 1, 2**63 - 1])
def test_a_watermark_comes_back_as_it_was_captured(time: int) -> None:
    clock = Clock()
    clock.decode(Clock(time).encode())
    assert clock.time == time


def test_one_that_was_captured_before_formats_had_numbers_is_read() -> None:
    clock = Clock()
    clock.decode(struct.pack(">qq", 7, 5))
    assert (clock.time, clock.bound) == (7, 7)


@pytest.mark.parametrize("data", [b"", b"\x02" + bytes(16), b"\x01" + bytes(8)])
def test_one_of_a_format_that_is_not_known_says_what_to_do(data: bytes) -> None:
    with pytest.raises(DamagedStateError, match="install the version that wrote it"):
        Clock().decode(data)


def test_before_anything_has_come_there_is_no_time() -> None:
    assert Clock().time == MIN_TIME


def test_an_instance_goes_on_from_the_furthest_of_its_operators() -> None:
    states = [object(), AtOnce("a", Clock(5)), AtOnce("b", Clock(9)), AtOnce("c", Clock(7))]
    assert restored_watermark(states) == Watermark(9)


def test_where_time_had_ended_it_begins_again_and_its_end_is_news_once_more() -> None:
    ended = Clock()
    ended.told(MAX_TIME)
    assert not ended.is_news(MAX_TIME)
    restored = Clock()
    restored.decode(ended.encode())
    assert restored_watermark([AtOnce("a", restored)]) == Watermark(MIN_TIME)
    assert not restored.is_news(5)
    assert restored.is_news(MAX_TIME)
    restored.told(MAX_TIME)
    assert not restored.is_news(MAX_TIME)


def test_an_instance_without_operators_of_event_time_has_none() -> None:
    assert restored_watermark([object()]) == Watermark(MIN_TIME)
    assert restored_watermark([]) == Watermark(MIN_TIME)
