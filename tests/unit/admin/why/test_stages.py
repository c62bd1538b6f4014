"""The cause is the first stage behind the blocked ones that is not blocked itself."""

import attrs
import pytest
from support.clusters import COUNT, SINK, SOURCE, Made, with_source, with_stage

from wallarood.admin.figures.values import HostStatus
from wallarood.admin.why.stages import find_slowest, slowest, stage_views


@pytest.mark.parametrize(
    ("source", "count", "sink", "cause"),
    [
        ((0.1, 0.9), (0.1, 0.85), (0.9, 0.0), SINK),
        ((0.1, 0.9), (0.9, 0.0), (0.3, 0.0), COUNT),
        ((0.1, 0.9), (0.4, 0.1), (0.05, 0.0), COUNT),  # a loop that is shared: none is very busy
        ((0.95, 0.0), (0.1, 0.0), (0.1, 0.0), SOURCE),
        ((0.5, 0.1), (0.5, 0.0), (0.1, 0.0), None),
    ],
)
def test_the_way_goes_from_the_first_blocked_one_to_the_cause(
    healthy: Made,
    source: tuple[float, float],
    count: tuple[float, float],
    sink: tuple[float, float],
    cause: str | None,
) -> None:
    made = healthy
    for name, (busy, blocked) in ((SOURCE, source), (COUNT, count), (SINK, sink)):
        made = made.everywhere(with_stage(name, busy=busy, blocked=blocked))
    found = slowest(stage_views(made.cluster, made.topology), made.topology)
    assert (found.name if found is not None else None) == cause


def test_partitions_that_wait_for_their_own_stage_name_it(healthy: Made) -> None:
    made = healthy.everywhere(with_source(blocked=0.7)).everywhere(with_stage(SOURCE, busy=0.6))
    found = find_slowest(made.cluster, made.topology)
    assert found is not None
    assert found.where == SOURCE
    assert "what comes before it waits 70%" in found.sentence


def test_a_process_that_uses_a_whole_core_is_in_the_evidence(healthy: Made) -> None:
    made = healthy.everywhere(with_stage(COUNT, busy=0.9))
    full = made.everywhere(lambda status: attrs.evolve(status, host=HostStatus(cpu=0.99)))
    found = find_slowest(full.cluster, full.topology)
    assert found is not None
    assert any("99% of a core" in line for line in found.evidence)
    found = find_slowest(made.cluster, made.topology)
    assert found is not None
    assert not any("of a core" in line for line in found.evidence)


def test_a_busy_key_on_the_only_worker_is_no_skew(healthy: Made) -> None:
    alone = attrs.evolve(healthy.cluster, others=())
    made = attrs.evolve(healthy, cluster=alone).cluster
    busy = with_stage(COUNT, busy=0.95)(made.asked)
    found = find_slowest(attrs.evolve(made, asked=busy), healthy.topology)
    assert found is not None
    assert "stage count is slow" in found.sentence
