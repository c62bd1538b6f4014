"""Parts of columns: what is asked for late is what would have been cut out at once."""

from wallarood.flow.windows.part import Part

HELD = list("abcdef")
VALUES = [1, 2, 3, 4, 5, 6]
TIMES = [10, 20, 30, 40, 50, 60]


def shown(part: Part) -> tuple[object, ...]:
    return part.held, part.values, part.times, list(part.columns)


def test_a_part_of_a_part_has_its_records_and_times() -> None:
    whole = Part(HELD, VALUES, TIMES, [VALUES, HELD])
    later = whole.sift(bytes([0, 1, 1, 0, 1, 1]))
    last = later.pick([3, 0])
    assert shown(last) == (["f", "b"], [6, 2], [60, 20], [[6, 2], ["f", "b"]])
    assert shown(later) == (
        list("bcef"), [2, 3, 5, 6], [20, 30, 50, 60], [[2, 3, 5, 6], list("bcef")],
    )  # fmt: skip
    assert len(last) == 2


def test_columns_that_are_one_list_are_cut_once() -> None:
    part = Part(HELD, VALUES, TIMES, [VALUES, VALUES, HELD]).sift(bytes([1, 0, 0, 0, 0, 1]))
    assert part.columns[0] is part.columns[1]
    assert part.columns[0] == part.values
    assert part.columns[2] is part.held


def test_without_times_a_part_has_none() -> None:
    part = Part(HELD, VALUES, None).pick([0])
    assert part.times is None
    assert part.values == [1]


def test_nothing_may_be_left() -> None:
    part = Part(HELD, VALUES, TIMES, [VALUES]).sift(bytes(6))
    assert shown(part) == ([], [], [], [[]])
