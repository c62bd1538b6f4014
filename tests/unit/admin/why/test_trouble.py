"""What stands in the way of all work, and what it rests on."""

from typing import Any

import attrs
import pytest
from support.clusters import SINK, SOURCE, Made, with_stage

from wallarood.admin.figures.values import RunStatus
from wallarood.admin.status import CheckpointStatus
from wallarood.admin.why.finding import Fault
from wallarood.admin.why.trouble import find_trouble

NOW = 1000.0


def faults(made: Made) -> list[Fault]:
    return [each.fault for each in find_trouble(made.cluster, NOW)]


def test_a_healthy_cluster_has_none(healthy: Made) -> None:
    assert faults(healthy) == []


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ({"waiting_for": "checkpoint 3 waits for count", "age_s": 90.0}, Fault.FAILING_CHECKPOINT),
        ({"waiting_for": "checkpoint 3 waits for count", "age_s": 3.0}, None),
        (
            {"waiting_for": "1 waits", "recent": (RunStatus(1, NOW - 70, "running"),)},
            Fault.FAILING_CHECKPOINT,
        ),
        ({"waiting_for": "1 waits", "recent": (RunStatus(1, NOW - 7, "running"),)}, None),
        ({"recent": (RunStatus(2, 1, "abandoned"), RunStatus(3, 2, "committed"))}, None),
        ({"recent": (RunStatus(3, NOW - 9, "running", collect_s=1.0),)}, None),
        ({"recent": (RunStatus(3, NOW - 90, "running"),)}, None),  # it waits for a stage
    ],
)
def test_a_checkpoint_is_told_of_when_it_is_held_up_for_long(
    healthy: Made, values: dict[str, Any], fault: Fault | None
) -> None:
    made = healthy.changed(
        "alpha", lambda status: attrs.evolve(status, checkpoint=CheckpointStatus(**values))
    )
    assert faults(made) == ([] if fault is None else [fault])


def test_servers_that_are_away_are_told_apart_by_who_needs_them(healthy: Made) -> None:
    assert faults(healthy.changed("beta", with_stage(SINK, failing="refused"))) == [Fault.SINK_AWAY]
    assert faults(healthy.changed("beta", with_stage(SOURCE, failing="refused"))) == [
        Fault.SOURCE_AWAY
    ]


def test_a_worker_that_answers_is_not_missing_though_another_does_not_hear_it(
    healthy: Made,
) -> None:
    def deaf(status: Any) -> Any:
        workers = (*status.workers[:2], attrs.evolve(status.workers[2], state="away"))
        return attrs.evolve(status, workers=workers)

    assert faults(healthy.changed("alpha", deaf)) == []


def test_the_reason_of_a_failed_job_comes_from_the_worker_that_knows_it(healthy: Made) -> None:
    made = healthy.changed("gamma", lambda status: attrs.evolve(status, failure="app.py:3: boom"))
    (finding,) = find_trouble(made.cluster, NOW)
    assert finding.fault is Fault.FAILED
    assert "gamma: app.py:3: boom" in finding.sentence
