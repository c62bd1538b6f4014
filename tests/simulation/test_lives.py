"""Formation, checkpoints, recovery and links together, whatever dies, stalls or is parted."""

import functools
import re

import pytest
from world.bugs import Bugs
from world.errors import ViolationError
from world.planted import PLANTED, PLANTED_ENDS, PLANTED_LINES
from world.planted_replicas import PLANTED_REPLICAS
from world.world import simulate

SEEDS = 1000
CHUNK = 125
BACK_SEEDS = 250
RARE = {
    "who leaves waits for what is published": 480,
    "the proposal is acknowledged before it is durable": 28,
    "an alignment is not released": 4530,
}
"""The seed at which the search for a violation begins where it is rare, to save time."""
ENDS = 100
ENDING = {"ending": True, "records": 20}
TOGETHER = pytest.mark.xdist_group("lives")
"""On one process, so that a life that several tests look at is lived once."""


@functools.cache
def lived(seed: int) -> tuple[str, ...]:
    """What happened in a life without anything special."""
    return tuple(simulate(seed).log)


@pytest.mark.parametrize(
    "first",
    [
        *(pytest.param(seed, marks=TOGETHER) for seed in range(0, 2 * CHUNK, CHUNK)),
        *range(2 * CHUNK, SEEDS // 2, CHUNK),
        *(pytest.param(seed, marks=pytest.mark.long) for seed in range(SEEDS // 2, SEEDS, CHUNK)),
    ],
)
def test_the_output_is_that_of_a_world_without_faults(first: int) -> None:
    for seed in range(first, first + CHUNK):
        lived(seed)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_other_numbers_of_workers(count: int) -> None:
    workers = ("alpha", "beta", "gamma", "delta", "epsilon")[:count]
    for seed in range(60):
        simulate(seed, workers=workers)


@TOGETHER
def test_faults_do_happen() -> None:
    """A simulation in which nothing goes wrong would show nothing."""
    logs = [line for seed in range(130) for line in lived(seed)]
    for what in (
        "dies",
        "leaves",
        "are stopped",
        " abandoned: ",
        "cannot be written",
        "restarted; rolling all workers back",
        "is full",
        "is slow",
        "are away",
        "sources pause",
        "to shut the cluster down",
        "starts from checkpoint 1.",
        "starts from checkpoint 3.",
    ):
        assert sum(what in line for line in logs) > 10, what


def test_a_seed_replays_exactly() -> None:
    assert simulate(77).log == simulate(77).log


# A leader whose members changed while another was away; a part that was captured against a
# checkpoint that is gone by now; a connection that was opened and never answered. A part of a sink
# that is late for its checkpoint, also when a worker leaves; a disk that is full for long.
@TOGETHER
@pytest.mark.parametrize("seed", [11, 20, 22, 28, 150, 155, 174, 248])
def test_scenarios_that_seeds_have_found(seed: int) -> None:
    lived(seed)


def assert_caught(bugs: Bugs, says: str, *, first_seed: int = 0, **options: int) -> None:
    """The first violation is the one that *bugs* must cause; anything else is no catch."""
    for seed in range(first_seed, first_seed + SEEDS):
        try:
            simulate(seed, bugs=bugs, **options)
        except ViolationError as error:
            first = str(error).splitlines()[0]
            break
    else:
        first = f"no violation in {SEEDS:,} seeds"
    assert re.search(says, first)


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_bug_is_caught(name: str) -> None:
    assert_caught(*PLANTED[name], first_seed=RARE.get(name, 0))


def test_a_kept_checkpoint_is_put_back() -> None:
    logs = [line for seed in range(BACK_SEEDS) for line in simulate(seed, put_back=True).log]
    assert sum("is put back" in line for line in logs) > BACK_SEEDS / 10
    assert sum("will be produced again" in line for line in logs) > BACK_SEEDS / 30


@pytest.mark.parametrize("count", [2, 5])
def test_a_kept_checkpoint_is_put_back_with_other_numbers_of_workers(count: int) -> None:
    workers = ("alpha", "beta", "gamma", "delta", "epsilon")[:count]
    for seed in range(60):
        simulate(seed, workers=workers, put_back=True)


@pytest.mark.parametrize("name", PLANTED_LINES)
def test_a_planted_bug_of_lines_is_caught(name: str) -> None:
    assert_caught(*PLANTED_LINES[name], put_back=True)


@pytest.mark.parametrize("count", [2, 3, 5])
def test_the_output_is_the_same_where_parts_are_copied(count: int) -> None:
    workers = ("alpha", "beta", "gamma", "delta", "epsilon")[:count]
    for seed in range(25):
        simulate(seed, workers=workers, replicas=1)


@pytest.mark.parametrize("name", PLANTED_REPLICAS)
def test_a_planted_bug_of_replicas_is_caught(name: str) -> None:
    assert_caught(*PLANTED_REPLICAS[name], replicas=1)


def test_the_last_source_to_end_stands_still_shortly_before() -> None:
    logs = [line for seed in range(ENDS) for line in simulate(seed, **ENDING).log]
    assert sum("the last to end, is stopped" in line for line in logs) > ENDS / 20


@pytest.mark.parametrize("name", PLANTED_ENDS)
def test_a_planted_bug_of_ends_is_caught(name: str) -> None:
    assert_caught(*PLANTED_ENDS[name], **ENDING)
