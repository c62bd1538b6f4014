"""Indexes by time: what is due is drawn once, and not before."""

from random import Random

import pytest

from wallarood.flow.timed.agenda import SLICE_ITEMS, Schedule


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("step", [0, 1, 7, 1000])
def test_each_item_is_drawn_once_at_the_earliest_time_asked_for(seed: int, step: int) -> None:
    chance = Random(seed)
    schedule: Schedule[str] = Schedule(step)
    due: dict[str, int] = {}
    now = -100
    for _ in range(100):
        for _ in range(chance.randrange(20)):
            item, time = f"i{chance.randrange(30)}", now + 1 + chance.randrange(60)
            schedule.put(time, item)
            due[item] = min(time, due.get(item, time))
        now += chance.randrange(10)
        drawn = [item for items in schedule.take(now) for item in items]
        expected = {item for item, time in due.items() if time <= now}
        assert len(drawn) == len(expected)
        assert set(drawn) == expected
        for item in drawn:
            del due[item]


def test_what_is_drawn_at_once_is_in_order_of_time() -> None:
    schedule: Schedule[str] = Schedule(10)
    for time in (27, 3, 25, 14, 9):
        schedule.put(time, f"at {time}")
    assert list(schedule.take(25)) == [["at 3", "at 9", "at 14", "at 25"]]


def test_what_is_put_again_while_it_is_drawn_is_drawn_again_when_it_is_due() -> None:
    schedule: Schedule[str] = Schedule(10)
    schedule.put(5, "a")
    for items in schedule.take(7):
        schedule.put(8, *items)
    assert list(schedule.take(7)) == []
    assert list(schedule.take(8)) == [["a"]]


def test_many_items_are_drawn_in_slices_whether_they_are_due_or_not() -> None:
    schedule: Schedule[int] = Schedule(1000)
    for number in range(5 * SLICE_ITEMS):
        schedule.put(number % 1000, number)
    slices = list(schedule.take(499))
    assert len(slices) == 5
    assert all(0 < len(each) < SLICE_ITEMS for each in slices)
