"""Joins as values: what lays out state, and what is kept until when."""

import attrs
import pytest

from wallarood.model.timing.joins import AsOfSpec, EnrichSpec, How, IntervalSpec

SECOND = 1_000_000
BEFORE_AND_AFTER = IntervalSpec(lo=-2 * SECOND, hi=5 * SECOND)


def test_the_fingerprint_of_an_interval_has_its_bounds_and_kind_and_not_its_grace() -> None:
    assert BEFORE_AND_AFTER.fingerprint == "inner join within -2000000 to 5000000 µs"
    assert attrs.evolve(BEFORE_AND_AFTER, grace=1).fingerprint == BEFORE_AND_AFTER.fingerprint
    outer = attrs.evolve(BEFORE_AND_AFTER, how=How.OUTER)
    assert outer.fingerprint.startswith("outer join")


@pytest.mark.parametrize(
    ("spec", "left", "right"),
    [
        (BEFORE_AND_AFTER, "5s", "2s"),
        (attrs.evolve(BEFORE_AND_AFTER, grace=SECOND), "6s", "3s"),
        (IntervalSpec(lo=SECOND, hi=3 * SECOND), "3s", "0s"),
        (IntervalSpec(lo=-3 * SECOND, hi=-SECOND), "0s", "3s"),
    ],
)
def test_each_side_is_kept_for_as_long_as_the_other_may_meet_it(
    spec: IntervalSpec, left: str, right: str
) -> None:
    kept = f"records until the watermark is above their time + {left} (left), + {right} (right)"
    assert spec.keeps == kept


def test_as_of_keeps_the_last_of_the_right_for_as_long_as_it_is_not_too_old() -> None:
    assert AsOfSpec(None).keeps.endswith("the last of the right of each key forever")
    assert AsOfSpec(SECOND).keeps.endswith("the last of the right of each key for 1s")
    assert AsOfSpec(SECOND).fingerprint != AsOfSpec(None).fingerprint == "as-of join"


def test_a_table_is_kept_by_event_time_or_by_the_clock() -> None:
    spec = EnrichSpec(stamped=True, ttl=SECOND)
    row = "the newest record of the table of each key, until 1s after it"
    assert spec.keeps == row
    assert attrs.evolve(spec, stamped=False).keeps == f"{row} by the clock of the worker"
    assert attrs.evolve(spec, at_event=True).keeps.startswith(f"{row}; records until")
    assert attrs.evolve(spec, ttl=None).keeps.endswith("forever")
    assert attrs.evolve(spec, ttl=None).fingerprint == spec.fingerprint
    assert attrs.evolve(spec, at_event=True).fingerprint != spec.fingerprint
