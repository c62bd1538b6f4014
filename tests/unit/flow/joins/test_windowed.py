"""Joins of what two streams have in a window."""

import random
from typing import Any

import pytest
from support.timed import SECOND, Driven, computation

from wallarood.flow.joins.windowed import WindowJoin
from wallarood.flow.windows.making import state_of_windows
from wallarood.model.pipeline import Step, StepKind
from wallarood.model.timing.windows import Gathers, WindowKind, Windows, WindowSpec

LEFT, RIGHT = 0, 1


def join(kind: WindowKind, seconds: int) -> Driven:
    us = seconds * SECOND
    windows = Windows(kind, "windows", size=us, every=us)
    made = computation(WindowSpec(windows, Gathers.COLLECT))
    step = Step("work", StepKind.PARTITIONED, (), made.where, made)
    return Driven(WindowJoin, made, new_state=lambda: state_of_windows(step))


def test_a_window_has_the_records_of_both_sides_and_no_product() -> None:
    work = join(WindowKind.TUMBLING, 10)
    work.feed([("a", 1, "l1"), ("a", 2, "l2"), ("b", 3, "lb"), ("a", 11, "l3")], side=LEFT)
    work.feed([("a", 9, "r1"), ("c", 9, "rc")], side=RIGHT)
    work.checkpoint()
    work.crash()
    work.watermark(10)
    found = {key: (each.start, each.end, each.value) for key, each, _ in work.out}
    end = 10 * SECOND
    assert found == {
        "a": (0, end, (["l1", "l2"], ["r1"])),
        "b": (0, end, (["lb"], [])),
        "c": (0, end, ([], ["rc"])),
    }
    assert {time for _, _, time in work.out} == {end - 1}


def test_a_late_record_is_named_as_it_is() -> None:
    work = join(WindowKind.TUMBLING, 10)
    work.watermark(10)
    work.one("a", 1, "late", side=RIGHT)
    assert work.late == ["'late'"]


@pytest.mark.parametrize("kind", [WindowKind.TUMBLING, WindowKind.SESSION])
@pytest.mark.parametrize("seed", range(5))
def test_random_streams_equal_the_oracle(kind: WindowKind, seed: int) -> None:
    chance = random.Random(seed)
    work = join(kind, 10)
    records = [
        (chance.choice("ab"), chance.randrange(300), chance.randrange(2), number)
        for number in range(60)
    ]
    for key, seconds, side, number in records:
        work.one(key, seconds, number, side=side)
        if chance.random() < 0.1:
            work.checkpoint()
            work.crash()
    work.end()
    found = sorted((key, sorted(each.value[0]), sorted(each.value[1])) for key, each, _ in work.out)
    assert found == sorted(_expected(kind, records))


def _expected(kind: WindowKind, records: list[Any]) -> list[Any]:
    groups: dict[Any, list[Any]] = {}
    last: dict[str, tuple[int, int]] = {}
    for key, seconds, side, number in sorted(records, key=lambda each: each[1]):
        if kind is WindowKind.TUMBLING:
            group = seconds // 10
        else:
            before, group = last.get(key, (-100, -1))
            group += seconds - before >= 10
            last[key] = (seconds, group)
        groups.setdefault((key, group), []).append((side, number))
    return [
        (
            key,
            sorted(number for side, number in group if side == LEFT),
            sorted(number for side, number in group if side == RIGHT),
        )
        for (key, _), group in groups.items()
    ]
