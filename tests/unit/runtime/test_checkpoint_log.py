"""What became of checkpoints, and how long records took to be committed."""

import pytest

from wallarood.runtime.checkpoint_log import (
    DELIVERY_S,
    RUNS_MAX,
    CheckpointLog,
    Delivery,
    Outcome,
)


def test_each_phase_of_a_checkpoint_has_its_time() -> None:
    log = CheckpointLog()
    log.begun(4, 10.0, at=1000.0)
    log.collected(4, 10.5)
    log.written(4, 12.0, write_s=1.0, size_bytes=77)
    log.committed(4, 12.25)
    (run,) = log.runs
    assert (run.number, run.at, run.outcome, run.size_bytes) == (4, 1000.0, Outcome.COMMITTED, 77)
    assert (run.collect_s, run.queue_s, run.write_s, run.commit_s) == (0.5, 0.5, 1.0, 0.25)
    assert log.counts == {Outcome.COMMITTED: 1, Outcome.ABANDONED: 0, Outcome.FAILED: 0}


def test_an_abandoned_checkpoint_that_proves_to_be_committed_counts_once() -> None:
    log = CheckpointLog()
    log.begun(4, 10.0, at=1000.0)
    log.abandoned(4)
    log.abandoned(4)
    assert log.counts[Outcome.ABANDONED] == 1
    log.committed(4, 20.0)
    log.committed(4, 21.0)
    log.abandoned(4)
    assert log.counts == {Outcome.COMMITTED: 1, Outcome.ABANDONED: 0, Outcome.FAILED: 0}
    log.begun(5, 22.0, at=1012.0)
    log.failed(5)
    assert log.counts[Outcome.FAILED] == 1


def test_the_last_ones_are_kept_and_no_more() -> None:
    log = CheckpointLog()
    for number in range(2 * RUNS_MAX):
        log.begun(number, float(number), at=0.0)
        log.begun(number, float(number), at=0.0)
    assert [run.number for run in log.runs] == list(range(RUNS_MAX, 2 * RUNS_MAX))


def test_what_was_read_before_a_barrier_is_delivered_when_it_is_committed() -> None:
    log = CheckpointLog()
    log.job_began(0.0)
    log.barrier(1, 2.0, records=100)  # read in 2 s
    log.barrier(2, 4.0, records=400)
    log.committed(1, 3.0)
    assert sum(log.delivery.counts) == 100
    assert log.delivery.seconds == pytest.approx(100 * 2.0)  # between 1 s and 3 s
    log.committed(2, 4.5)
    assert sum(log.delivery.counts) == 400
    assert log.delivery.seconds == pytest.approx(200 + 300 * 1.5)


def test_what_a_job_read_that_began_again_is_not_counted_by_the_next() -> None:
    log = CheckpointLog()
    log.job_began(0.0)
    log.barrier(1, 2.0, records=100)
    log.job_began(10.0)
    log.barrier(2, 11.0, records=30)
    log.committed(2, 12.0)
    assert sum(log.delivery.counts) == 30
    assert log.delivery.seconds == pytest.approx(30 * 1.5)


@pytest.mark.parametrize(
    ("least_s", "most_s", "classes"),
    [
        (0.0, 0.04, {0.05: 90}),
        (0.5, 1.5, {1.0: 45, 2.5: 45}),
        (400.0, 500.0, {None: 90}),
        (2.0, 2.0, {2.5: 90}),
        (0.05, 0.1, {0.1: 90}),
    ],
)
def test_records_fall_evenly_into_the_classes_between_two_times(
    least_s: float, most_s: float, classes: dict[float | None, int]
) -> None:
    delivery = Delivery()
    delivery.add(90, least_s=least_s, most_s=most_s)
    found = {
        bound: count
        for bound, count in zip((*DELIVERY_S, None), delivery.counts, strict=True)
        if count
    }
    assert found == classes


def test_who_wants_to_know_is_told_once_what_became_of_each() -> None:
    log, told = CheckpointLog(), list[tuple[int, Outcome]]()
    log.on_end = lambda run: told.append((run.number, run.outcome))
    log.begun(4, 10.0, at=1000.0)
    log.written(4, 11.0, write_s=1.0, size_bytes=77)
    assert told == []
    log.abandoned(4)
    log.abandoned(4)
    log.committed(4, 12.0)
    log.committed(4, 13.0)
    assert told == [(4, Outcome.ABANDONED), (4, Outcome.COMMITTED)]
