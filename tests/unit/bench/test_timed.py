"""`make bench-time`: contestants come to the same results, and an oracle finds what is wrong."""

import sys

import pytest
from bench import processes, timedata, windowing
from bench.job import Job
from bench.oracle import mistake_in


def job_of(workload: str, parts: int = 1) -> Job:
    return Job(workload, 6_000, seed=7, parts=parts, batch=64, out="")


@pytest.mark.parametrize(
    ("workload", "workers"),
    # Two workers show what one does, and the oracle by keys besides.
    [*(pytest.param(each, 1, marks=pytest.mark.long) for each in timedata.SIZES), ("T1", 2)],
)
def test_ours_is_right_and_the_oracle_takes_nothing_else(workload, workers, monkeypatch) -> None:
    monkeypatch.setattr(processes, "python_of", lambda *_: sys.executable)
    job = job_of(workload, workers)
    outputs = processes.run_once("ours", job, workers=workers).outputs
    taken = range(workers)
    assert mistake_in(outputs, job, taken) == ""
    first = outputs[0][0]
    assert mistake_in([*outputs, [first]], job, taken).startswith("1 are too many")
    assert "missing" in mistake_in([outputs[0][1:], *outputs[1:]], job, taken)


@pytest.mark.parametrize("name", [n for n, each in windowing.CONTESTS.items() if each.same])
def test_windows_by_hand_come_to_the_same(name, monkeypatch) -> None:
    monkeypatch.setattr(windowing, "KEYS", 300)
    contest = windowing.CONTESTS[name]
    work = windowing.batches(contest.rate // 40, 5_000)
    ours = windowing.shown(contest.ours(work))
    assert sorted(ours) == sorted(contest.other(work))
    assert len({start for _, start, _, _ in ours}) > 1
