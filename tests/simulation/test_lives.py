"""Formation, checkpoints, recovery and links together, whatever dies, stalls or is parted."""

import functools
import re
from collections.abc import Iterable
from typing import Any

import pytest
from world.bugs import Bugs
from world.errors import ViolationError
from world.planted import PLANTED, PLANTED_ENDS, PLANTED_LINES, PLANTED_MISSED
from world.planted_replicas import PLANTED_REPLICAS
from world.world import simulate

NAMES = ("alpha", "beta", "gamma", "delta", "epsilon")
SEARCHED = 1000
"""In how many lives a planted bug must be caught."""
CHUNK = 125
BACK_CHUNK = 60
LONG = pytest.mark.long
QUICK = 60
"""So many lives are lived in `make test`."""
RARE = {
    "a late write of an older round counts": 17,
    "the line is not raised": 14,
    "changes are cleared at an uncommitted checkpoint": 45,
    "what is prepared is not carried on": 44,
    "who leaves waits for what is published": 50,
    "what is given up is thrown away": 372,
    "the line is not raised when nobody remembers": 225,
    "an instance that ends stands for what was released": 576,
    "a copy is taken for the part that is not written yet": 70,
}
"""The seed at which the search for a violation begins where few lives have it, to save time."""
LATE = {
    "a barrier waits for room among what is prepared",
    "a late part counts in a newer checkpoint",
    "a stale round is let in",
    "the line is not raised when nobody remembers",
}
"""What is found after many lives only."""
ENDING = {"ending": True, "records": 20}


def chunks(*, lives: int, quick: int, size: int) -> list[Any]:
    """The first seed of each piece of *lives*; what is not *quick* is more of the same."""
    later = [pytest.param(seed, marks=pytest.mark.long) for seed in range(quick, lives, size)]
    return [*range(0, quick, size), *later]


def planted(bugs: Iterable[str]) -> list[Any]:
    """The names of *bugs*; those that are found late take long."""
    return [pytest.param(name, marks=LONG) if name in LATE else name for name in bugs]


@functools.cache
def lived(seed: int) -> tuple[str, ...]:
    """What happened in a life without anything special."""
    return tuple(simulate(seed).log)


@pytest.mark.parametrize(
    ("first", "last"),
    [
        (0, QUICK),
        pytest.param(QUICK, CHUNK, marks=LONG),
        pytest.param(CHUNK, 2 * CHUNK, marks=LONG),
    ],
)
def test_the_output_is_that_of_a_world_without_faults(first: int, last: int) -> None:
    for seed in range(first, last):
        lived(seed)


@pytest.mark.long
@pytest.mark.parametrize("first", range(2 * CHUNK, 8 * CHUNK, CHUNK))
def test_so_it_is_in_more_lives(first: int) -> None:
    for seed in range(first, first + CHUNK):
        simulate(seed)


@pytest.mark.parametrize("first", chunks(lives=60, quick=20, size=20))
@pytest.mark.parametrize("count", [1, 2, pytest.param(5, marks=LONG)])
def test_other_numbers_of_workers(count: int, first: int) -> None:
    for seed in range(first, first + 20):
        simulate(seed, workers=NAMES[:count])


@pytest.mark.parametrize(("lives", "times"), [(QUICK, 2), pytest.param(CHUNK, 10, marks=LONG)])
def test_faults_do_happen(lives: int, times: int) -> None:
    """A simulation in which nothing goes wrong would show nothing."""
    logs = [line for seed in range(lives) for line in lived(seed)]
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
        assert sum(what in line for line in logs) > times, what


def test_a_seed_replays_exactly() -> None:
    assert simulate(77).log == simulate(77).log


# A leader whose members changed while another was away; a part that was captured against a
# checkpoint that is gone by now; a connection that was opened and never answered. A part of a sink
# that is late for its checkpoint, also when a worker leaves; a disk that is full for long.
@pytest.mark.parametrize("seed", [11, 20, 22, 28, 150, 155, 174, 248])
def test_scenarios_that_seeds_have_found(seed: int) -> None:
    lived(seed)


def assert_caught(bugs: Bugs, says: str, *, first_seed: int = 0, **options: int) -> None:
    """The first violation is the one that *bugs* must cause; anything else is no catch."""
    for seed in range(first_seed, first_seed + SEARCHED):
        try:
            simulate(seed, bugs=bugs, **options)
        except ViolationError as error:
            first = str(error).splitlines()[0]
            break
    else:
        first = f"no violation in {SEARCHED:,} seeds"
    assert re.search(says, first)


@pytest.mark.parametrize("name", planted(PLANTED))
def test_a_planted_bug_is_caught(name: str) -> None:
    assert_caught(*PLANTED[name], first_seed=RARE.get(name, 0))


@pytest.mark.long
@pytest.mark.parametrize("first", range(0, 4 * BACK_CHUNK, BACK_CHUNK))
def test_a_kept_checkpoint_is_put_back(first: int) -> None:
    seeds = range(first, first + BACK_CHUNK)
    logs = [line for seed in seeds for line in simulate(seed, put_back=True).log]
    assert sum("is put back" in line for line in logs) > BACK_CHUNK / 10
    assert sum("will be produced again" in line for line in logs) > BACK_CHUNK / 30


@pytest.mark.parametrize("first", chunks(lives=60, quick=20, size=20))
@pytest.mark.parametrize("count", [2, pytest.param(5, marks=LONG)])
def test_a_kept_checkpoint_is_put_back_with_other_numbers_of_workers(
    count: int, first: int
) -> None:
    for seed in range(first, first + 20):
        simulate(seed, workers=NAMES[:count], put_back=True)


@pytest.mark.parametrize("name", planted(PLANTED_LINES))
def test_a_planted_bug_of_lines_is_caught(name: str) -> None:
    assert_caught(*PLANTED_LINES[name], first_seed=RARE.get(name, 0), put_back=True)


@pytest.mark.parametrize("first", chunks(lives=30, quick=10, size=10))
@pytest.mark.parametrize("count", [pytest.param(2, marks=LONG), 3, pytest.param(5, marks=LONG)])
def test_the_output_is_the_same_where_parts_are_copied(count: int, first: int) -> None:
    for seed in range(first, first + 10):
        simulate(seed, workers=NAMES[:count], replicas=1)


def test_the_output_is_the_same_where_parts_are_copied_from_some_time_on() -> None:
    """What was committed by then goes on without a copy, and nothing is lost."""
    logs = [simulate(seed, copied_later=10.0).log for seed in range(6)]
    on = [log for log in logs if any("is to have copies" in line for line in log)]
    assert len(on) > len(logs) / 2
    assert any("begins a round without a copy of its start" in line for log in on for line in log)


@pytest.mark.parametrize("name", PLANTED_REPLICAS)
def test_a_planted_bug_of_replicas_is_caught(name: str) -> None:
    assert_caught(*PLANTED_REPLICAS[name], first_seed=RARE.get(name, 0), replicas=1)


def test_the_last_source_to_end_stands_still_shortly_before() -> None:
    logs = [line for seed in range(114, 127) for line in simulate(seed, **ENDING).log]
    assert sum("the last to end, is stopped" in line for line in logs) > 2


@pytest.mark.long
def test_the_last_source_to_end_stands_still_in_more_lives() -> None:
    for seed in [*range(50), *range(65, 150)]:
        simulate(seed, **ENDING)


@pytest.mark.parametrize("name", PLANTED_ENDS)
def test_a_planted_bug_of_ends_is_caught(name: str) -> None:
    assert_caught(*PLANTED_ENDS[name], first_seed=RARE.get(name, 0), **ENDING)


@pytest.mark.parametrize("first", chunks(lives=120, quick=30, size=30))
def test_a_worker_never_hears_of_a_checkpoint(first: int) -> None:
    logs = [line for seed in range(first, first + 30) for line in simulate(seed, missed=True).log]
    assert sum("is parted from the others as" in line for line in logs) > 10
    assert sum("abandoned: no progress" in line for line in logs) > 5


@pytest.mark.parametrize("name", PLANTED_MISSED)
def test_a_planted_bug_is_caught_where_a_worker_never_hears_of_a_checkpoint(name: str) -> None:
    assert_caught(*PLANTED_MISSED[name], missed=True)
