"""The benchmarks: the oracle finds mistakes, statistics are right, ours passes a tiny input."""

import json
import sys

import pytest
from bench import figures, latency, processes, report
from bench.contestants import loop
from bench.data import records_of
from bench.job import Job
from bench.oracle import mistake_in
from bench.throughput import mistake_of, row

WORKLOADS = ("W1", "W2", "W3")


def job_of(workload: str, parts: int = 1) -> Job:
    return Job(workload, 400, seed=7, parts=parts, batch=64, out="")


def outputs_of(job: Job, part: int = 0) -> list:
    records = records_of(job.workload, job.size, part=part, parts=job.parts, seed=job.seed)
    if job.workload == "W3":  # without orjson, which only the environments of the benchmarks have
        orders = [json.loads(record) for record in records]
        changed = [order | {"amount": order["amount"] * 2} for order in orders]
        return [json.dumps(order, separators=(",", ":")).encode() for order in changed]
    return loop.MAKERS[job.workload]()(records)


def test_the_input_is_the_same_for_the_same_seed_and_another_for_another() -> None:
    for workload in WORKLOADS:
        made = [records_of(workload, 50, part=0, parts=1, seed=seed) for seed in (1, 1, 2)]
        assert made[0] == made[1] != made[2]
        assert len(made[0]) == 50


@pytest.mark.parametrize("workload", WORKLOADS)
def test_the_oracle_takes_what_is_right_and_nothing_else(workload: str) -> None:
    job = job_of(workload)
    right = outputs_of(job)
    assert mistake_in([right], job, [0]) == ""
    assert mistake_in([right[:-1]], job, [0])
    assert mistake_in([[*right, right[-1]]], job, [0])
    assert mistake_in([right[::-1]], job, [0])
    other = job._replace(seed=8)
    assert mistake_in([outputs_of(other)], job, [0])


def test_a_key_on_two_processes_is_a_mistake() -> None:
    job = job_of("W1", parts=2)
    assert mistake_in([outputs_of(job, 0), outputs_of(job, 1)], job, [0, 1])
    assert mistake_of("loop", [outputs_of(job, 0), outputs_of(job, 1)], job) == ""


def test_medians_ratios_and_percentiles() -> None:
    assert figures.median([3, 1, 2]) == 2
    assert figures.ratio([2, 9, 8], [1, 3, 2]) == 3  # of pairs 2, 3, 4; not of the medians
    assert figures.percentile(range(1, 1001), 0.99) == 990
    assert figures.percentile([5], 0.999) == 5
    with pytest.raises(ValueError, match="no value"):
        figures.median([])


def test_a_table_is_text_or_markdown() -> None:
    text = report.table(["a", "b"], [["one", "1"]])
    assert text.splitlines() == ["a    b", "one  1"]
    marked = report.table(["a", "b"], [["one", "1"]], style="markdown")
    assert marked.splitlines() == ["| a   | b |", "| --- | : |", "| one | 1 |"]


@pytest.mark.parametrize("workers", [pytest.param(1, marks=pytest.mark.long), 2])
def test_ours_is_right_on_a_tiny_input(workers, monkeypatch) -> None:
    monkeypatch.setattr(processes, "python_of", lambda *_: sys.executable)
    job = job_of("W1", parts=workers)
    result = processes.run_once("ours", job, workers=workers)
    assert mistake_in(result.outputs, job, range(workers)) == ""


def test_a_line_has_ratios_of_rates_and_of_cpu_and_says_what_failed() -> None:
    measured = {
        "rates": {"ours": [20_000.0, 40_000.0], "loop": [10_000.0, 20_000.0], "other": []},
        "us of CPU": {"ours": [1.0, 1.0], "loop": [3.0, 3.0], "other": []},
    }
    cells = row("W1", 1, measured, ["ours", "loop", "other"])
    assert cells == ["W1, 1 worker", "30 k ±33%", "15 k ±33%", "failed", "2.00 (3.00)", ""]


@pytest.mark.parametrize("name", ["ours", "timer"])
def test_every_record_is_measured_once_from_when_it_was_due(name, monkeypatch) -> None:
    monkeypatch.setattr(processes, "python_of", lambda *_: sys.executable)
    job = job_of("W4")._replace(rate=1000.0)
    [arrived] = processes.run_once(name, job, workers=1).outputs
    scheduled = sorted(due for due, _ in arrived)
    assert len(scheduled) == job.size
    assert scheduled[-1] - scheduled[0] == pytest.approx((job.size - 1) / job.rate)
    assert min(delay for _, delay in arrived) >= 0


def test_a_line_of_delays_compares_neighbours_and_says_what_failed_and_what_was_not_measured() -> (
    None
):
    names = ["ours", "bytewax", "timer"]
    found = {"ours": [[1.0, 4.0], [2.0, 6.0]], "bytewax": [[2.0, 2.0], [2.0, 6.0]], "timer": []}
    assert latency.row("x", found, names) == [
        "x",
        "1.50 / 5.00",
        "2.00 / 4.00",
        "failed",
        "0.75 / 1.50",
    ]
    del found["timer"]
    found["bytewax"].pop()
    assert latency.row("x", found, names) == ["x", "1.50 / 5.00", "2.00 / 2.00", "", ""]
