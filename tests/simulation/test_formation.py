"""Formation under simulation: whatever is lost, late, parted or dead, one cluster or none."""

import functools
import re

import attrs
import pytest
from world.errors import ViolationError
from world.founding import Founding
from world.planted_founding import PLANTED_FOUNDING
from world.world import simulate

SEEDS = 500
CHUNK = 125


@functools.cache
def founded(seed: int) -> tuple[str, ...]:
    """What happened at a founding."""
    return tuple(simulate(seed, founding=Founding()).log)


@pytest.mark.parametrize("first", range(0, SEEDS, CHUNK))
def test_one_cluster_forms_once_faults_stop(first: int) -> None:
    for seed in range(first, first + CHUNK):
        founded(seed)


@pytest.mark.parametrize("count", [2, 4, 5])
def test_one_cluster_forms_with_other_numbers_of_workers(count: int) -> None:
    workers = ("alpha", "beta", "gamma", "delta", "epsilon")[:count]
    for seed in range(60):
        simulate(seed, workers=workers, founding=Founding())


@pytest.mark.parametrize("wanted", ["auto", None])
def test_one_cluster_forms_after_all_were_killed_at_any_effect(wanted: str | None) -> None:
    """All are started again the same way, with ``--cluster-id auto`` or without."""
    for at in range(1, 60):
        for seed in range(2):
            simulate(seed, founding=Founding(wanted, kill_all_at=(at,)))
            simulate(seed, founding=Founding(wanted, kill_all_at=(at, at + 3 + 5 * seed)))


def test_one_cluster_forms_without_a_cluster_id() -> None:
    for seed in range(120):
        simulate(seed, founding=Founding(wanted=None))


@pytest.mark.parametrize("wanted", ["auto", None])
def test_one_cluster_forms_though_another_worker_is_made_the_initializer(
    wanted: str | None,
) -> None:
    for seed in range(120):
        at = seed % 60
        kills = (at, at + seed * 7 % 50)
        simulate(seed, founding=Founding(wanted, flag_moves=True, kill_all_at=kills))


def test_faults_do_happen() -> None:
    """A simulation in which nothing goes wrong would show nothing."""
    logs = [line for seed in range(100) for line in founded(seed)]
    for what in ("dies", "fails", "says Never", "says Inquiry", "says Waiting"):
        assert sum(what in line for line in logs) > 10, what


def test_a_seed_replays_exactly() -> None:
    logs = [simulate(77, founding=Founding()).log for _ in range(2)]
    assert logs[0] == logs[1]


@pytest.mark.parametrize("name", PLANTED_FOUNDING)
def test_a_planted_bug_is_caught(name: str) -> None:
    """The first violation is the one that the bug must cause; anything else is no catch."""
    planted, first = PLANTED_FOUNDING[name], "no violation"
    for seed in range(SEEDS):
        founding = planted.founding
        if planted.kills:
            at = planted.kills[seed % len(planted.kills)]
            founding = attrs.evolve(founding, kill_all_at=(at, at + 20))
        try:
            simulate(seed, bugs=planted.bugs, founding=founding)
        except ViolationError as error:
            first = str(error).splitlines()[0]
            break
    assert re.search(planted.says, first)
