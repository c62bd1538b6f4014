"""How far sources are behind, and when they will have caught up."""

import pytest
from support.clusters import Made, healthy_cluster, with_source

from wallarood.admin.text.lag import lag_text, lags
from wallarood.model.time import MAX_TIME, SECOND


def first(before: Made, after: Made) -> object:
    return next(iter(lags(before.cluster, after.cluster, passed_s=2.0, now=100 * SECOND)))


@pytest.mark.parametrize(
    ("before", "after", "caught_up_s"),
    [
        ({"lag_records": 500}, {"lag_records": 300}, 3.0),
        ({"lag_records": 500}, {"lag_records": 700}, None),
        ({"lag_records": 500}, {"lag_records": 0}, 0.0),
        ({"bytes_read": 0, "bytes_total": 80}, {"bytes_read": 40, "bytes_total": 80}, 2.0),
        ({}, {}, None),
        ({"lag_records": 500}, {"lag_records": 300, "ended": True}, 0.0),
    ],
)
def test_the_time_until_it_is_caught_up_follows_from_two_looks(
    before: dict[str, int], after: dict[str, int], caught_up_s: float | None
) -> None:
    made = healthy_cluster()
    found = first(
        made.changed("alpha", with_source(**before)), made.changed("alpha", with_source(**after))
    )
    assert found.caught_up_s == caught_up_s  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("watermark", "behind_s"), [(40 * SECOND, 60.0), (MAX_TIME, None), (None, None)]
)
def test_event_time_tells_how_many_seconds_it_is_behind(
    watermark: int | None, behind_s: float | None
) -> None:
    made = healthy_cluster().changed("alpha", with_source(watermark=watermark))
    assert first(made, made).behind_s == behind_s  # type: ignore[attr-defined]


def test_the_partition_with_most_left_comes_first() -> None:
    made = healthy_cluster().changed("alpha", with_source(lag_records=1))
    made = made.changed("gamma", with_source(lag_records=5000))
    lines = lag_text(lags(made.cluster, made.cluster, passed_s=2.0, now=0), ("delta",)).splitlines()
    assert "gamma" in lines[1]
    assert "not at this rate" in lines[1]
    assert "no answer from delta" in lines[-1]
    assert lag_text([], ()) == "no source partition is read here"
