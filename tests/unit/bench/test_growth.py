"""Growth: ratios to linear, what dominates, and a run at a point of a curve."""

import sys

import pytest
from bench import growth, processes
from bench.job import Job


def test_linear_growth_has_the_ratio_one_and_a_cliff_shows_at_its_point() -> None:
    assert growth.ratios([[2.0], [2.0], [6.0], [6.0]]) == [(1, 1), (1, 1), (3, 3), (1, 3)]
    assert growth.ratios([[2.0, 4.0], [3.0, 6.0]])[1] == (1.5, 1.5)


def test_the_two_greatest_shares_of_the_work_are_named() -> None:
    assert growth.shares({"a": 1.0, "b": 6.0, "c": 3.0}) == "b 60%, c 30%"


def test_a_unit_of_work_is_a_record_a_byte_or_a_record_in_a_stage() -> None:
    first = Job("W7", growth.RECORDS, 1, 1, 1024, "")
    for name, curve in growth.CURVES.items():
        for point in curve.points:
            assert curve.units(curve.job(first, point)) > 0, name


# That of stages has a loop beside it, and takes less.
@pytest.mark.parametrize("curve", ["stages", pytest.param("workers", marks=pytest.mark.long)])
def test_every_record_comes_out_of_a_point(curve: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "python_of", lambda *_: sys.executable)
    job = growth.CURVES[curve].job(Job("W7", 1000, 1, 1, 64, "", keys=10), 2)
    job = job._replace(size=1000)
    facts = growth.measured(curve, 2, job, sys.executable)
    assert facts["cost"] > 0
    assert facts.get("loop", 0) > 0 if curve in growth.LOOPED else "loop" not in facts
    assert "%" in growth.dominating(job, sys.executable)
