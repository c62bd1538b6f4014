"""Ten faults, made up: each is named in the first sentence."""

from collections.abc import Callable
from typing import Any

import attrs
import pytest
from support.clusters import COUNT, SINK, SOURCE, Made, with_source, with_stage

from wallarood.admin.figures.values import FailureSample, HotKey, RunStatus, StateSize
from wallarood.admin.status import CheckpointStatus, JobState, Status, WorkerStatus
from wallarood.admin.why.explain import explain, why_text, why_value
from wallarood.admin.why.finding import Fault
from wallarood.model.time import SECOND

NOW = 1000.0


def slow_sink(made: Made) -> Made:
    made = made.everywhere(with_stage(SOURCE, blocked=0.9, busy=0.05))
    made = made.everywhere(with_stage(COUNT, blocked=0.85, busy=0.1))
    return made.everywhere(with_stage(SINK, busy=0.97))


def slow_stage(made: Made) -> Made:
    return made.everywhere(with_stage(SOURCE, blocked=0.8)).everywhere(with_stage(COUNT, busy=0.9))


def uneven(made: Made, share: float) -> Made:
    made = made.everywhere(with_stage(SOURCE, blocked=0.6))
    hot, slots = (HotKey("'the'", share),), ((0, 21, 0.1), (24, 45, 0.9))
    busy = with_stage(COUNT, busy=0.97, rate=8000.0, hot_keys=hot, slots=slots)
    return made.changed("beta", busy)


def hot_key(made: Made) -> Made:
    return uneven(made, 0.7)


def skewed_slots(made: Made) -> Made:
    return uneven(made, 0.02)


def with_checkpoint(**values: Any) -> Callable[[Status], Status]:
    return lambda status: attrs.evolve(status, checkpoint=CheckpointStatus(**values))


def full_disk(made: Made) -> Made:
    return made.changed("gamma", with_checkpoint(failing="No space left on device"))


def hanging_disk(made: Made) -> Made:
    run = RunStatus(7, NOW - 40, "running", collect_s=1.0)
    return made.changed("beta", with_checkpoint(committed=6, recent=(run,)))


def missing_worker(made: Made) -> Made:
    def change(status: Status) -> Status:
        workers = (*status.workers[:2], WorkerStatus("gamma", "a:1", "away", 12.0))
        return attrs.evolve(status, job=JobState.PAUSED, phase="paused", workers=workers)

    made = made.everywhere(change)
    _, *others = made.cluster.workers
    silent = attrs.evolve(made.cluster, others=tuple(others[:1]), silent=("gamma",))
    return attrs.evolve(made, cluster=silent)


def idle_partition(made: Made) -> Made:
    made = made.everywhere(with_source(condition="active", watermark=5000 * SECOND))
    return made.changed("beta", with_source(condition="active", watermark=100 * SECOND, rate=0.0))


def failing_checkpoint(made: Made) -> Made:
    runs = (RunStatus(8, 900, "abandoned"), RunStatus(9, 940, "abandoned"))
    return made.changed(
        "alpha",
        with_checkpoint(recent=runs, abandoned=2, waiting_for="checkpoint 10 waits for beta"),
    )


def leaking_state(made: Made) -> Made:
    size = StateSize("count", 50_000, 4_000_000, 20_000, 600.0, settled=True)
    return made.everywhere(with_stage(COUNT, states=(size,)))


def late_flood(made: Made) -> Made:
    return made.everywhere(with_stage(COUNT, late_rate=120.0, late=(("window", 5000),)))


def dead_letters(made: Made) -> Made:
    sample = FailureSample(NOW, "count", "ValueError: not a number", "app.py", 12, "'x'")
    return made.changed(
        "alpha", with_stage(COUNT, failed_rate=3.0, dead_letters=90, failures=(sample,))
    )


def disk_that_pauses_all(made: Made) -> Made:
    return full_disk(made).everywhere(
        lambda status: attrs.evolve(
            status, job=JobState.PAUSED, phase="paused: no checkpoint after 7 could be committed"
        )
    )


FAULTS = [
    (disk_that_pauses_all, Fault.BLOCKED_DISK, ("disk of gamma", "No space left")),
    (slow_sink, Fault.SLOW_SINK, ("sink out", "97%", "90%")),
    (slow_stage, Fault.SLOW_STAGE, ("stage count", "90%", "80%")),
    (hot_key, Fault.HOT_KEY, ("key 'the'", "70%", "count", "beta")),
    (skewed_slots, Fault.SKEWED_SLOTS, ("slots", "count", "beta", "2.4")),
    (full_disk, Fault.BLOCKED_DISK, ("disk of gamma", "No space left")),
    (hanging_disk, Fault.BLOCKED_DISK, ("disk of beta", "checkpoint 7", "39 s")),
    (missing_worker, Fault.MISSING_WORKER, ("worker gamma is away",)),
    (idle_partition, Fault.IDLE_PARTITION, ("part-beta", "in", "1 h 21 min")),
    (failing_checkpoint, Fault.FAILING_CHECKPOINT, ("8 and 9", "waits for beta")),
    (leaking_state, Fault.GROWING_STATE, ("count", "150,000 keys", "90,000 more", "10 min")),
    (late_flood, Fault.LATE_RECORDS, ("count", "360.0 a second", "12%")),
    (dead_letters, Fault.DEAD_LETTERS, ("count", "3.0 a second", "not a number")),
]


@pytest.mark.parametrize(
    ("make", "fault", "words"), FAULTS, ids=[make.__name__ for make, *_ in FAULTS]
)
def test_each_fault_is_named_in_the_first_sentence(
    healthy: Made, make: Callable[[Made], Made], fault: Fault, words: tuple[str, ...]
) -> None:
    made = make(healthy)
    findings = explain(made.cluster, made.topology, now=NOW)
    assert findings[0].fault is fault
    sentence = why_text(findings).splitlines()[0]
    assert [word for word in words if word.lower() not in sentence.lower()] == []
    assert why_value(findings)["findings"][0]["fault"] == fault.value


def test_the_slots_that_have_most_records_are_in_the_evidence(healthy: Made) -> None:
    made = skewed_slots(healthy)
    first = explain(made.cluster, made.topology, now=NOW)[0]
    assert "of the records of beta, 90% are of its slots 24 to 45" in first.evidence


def test_where_nothing_is_wrong_that_is_said_with_what_is_read(healthy: Made) -> None:
    (finding,) = explain(healthy.cluster, healthy.topology, now=NOW)
    assert finding.fault is Fault.NOTHING
    assert "3,000 records/s" in finding.sentence


def test_the_sources_are_the_limit_where_more_is_there_and_no_stage_is_busy(healthy: Made) -> None:
    made = healthy.everywhere(with_source(lag_records=10))
    (finding,) = explain(made.cluster, made.topology, now=NOW)
    assert "no stage is the limit" in finding.sentence


def test_what_else_is_wrong_is_said_after_the_most_urgent(healthy: Made) -> None:
    made = dead_letters(slow_sink(full_disk(healthy)))
    text = why_text(explain(made.cluster, made.topology, now=NOW))
    first, also = text.split("\nalso:\n")
    assert "disk of gamma" in first
    assert also.index("sink out is slow") < also.index("records fail")


def test_a_cluster_that_forms_has_no_topology_and_says_whom_it_waits_for(healthy: Made) -> None:
    made = healthy.changed(
        "alpha",
        lambda status: attrs.evolve(
            status, job=JobState.FORMING, phase="forming: waiting for 1 of 3 workers: gamma"
        ),
    )
    (finding,) = explain(made.cluster, None, now=NOW)
    assert "waiting for 1 of 3 workers: gamma" in finding.sentence
