"""What records and states show, and where they show nothing yet."""

import pytest
from support.clusters import COUNT, Made, with_source, with_stage

from wallarood.admin.figures.values import StateSize
from wallarood.admin.why.finding import Fault
from wallarood.admin.why.records import find_in_records
from wallarood.model.time import MAX_TIME, SECOND


def faults(made: Made) -> list[Fault]:
    return [each.fault for each in find_in_records(made.cluster)]


@pytest.mark.parametrize(
    ("watermark", "rate", "held"),
    [
        (100 * SECOND, 0.0, True),
        (None, 0.0, True),
        (100 * SECOND, 5.0, False),  # it comes along
        (4995 * SECOND, 0.0, False),
    ],
)
def test_a_partition_holds_time_if_it_is_far_behind_and_nothing_comes(
    healthy: Made, watermark: int | None, rate: float, held: bool
) -> None:
    made = healthy.everywhere(with_source(condition="active", watermark=5000 * SECOND))
    made = made.changed("beta", with_source(condition="active", watermark=watermark, rate=rate))
    assert faults(made) == ([Fault.IDLE_PARTITION] if held else [])


def test_partitions_that_have_ended_hold_nothing_and_are_no_measure(healthy: Made) -> None:
    made = healthy.everywhere(with_source(condition="ended", watermark=MAX_TIME, rate=0.0))
    made = made.changed("beta", with_source(condition="active", watermark=SECOND, rate=0.0))
    assert faults(made) == []


@pytest.mark.parametrize(
    ("keys", "before", "settled", "grows"),
    [
        (50_000, 20_000, 1, True),
        (50_000, 20_000, 0, False),  # every state grows at first
        (50_000, 48_000, 1, False),
        (20, 2, 1, False),
    ],
)
def test_state_grows_if_it_has_many_more_keys_than_minutes_ago(
    healthy: Made, keys: int, before: int, settled: int, grows: bool
) -> None:
    size = StateSize("count", keys, 0, before, 600.0, bool(settled))
    made = healthy.everywhere(with_stage(COUNT, states=(size,)))
    assert faults(made) == ([Fault.GROWING_STATE] if grows else [])


def test_a_few_late_records_among_many_are_no_flood(healthy: Made) -> None:
    assert faults(healthy.everywhere(with_stage(COUNT, late_rate=2.0))) == []
    assert faults(healthy.everywhere(with_stage(COUNT, late_rate=20.0))) == [Fault.LATE_RECORDS]
