"""A thousand short lives of clusters that change, each different; the long ones are elsewhere."""

import functools

import pytest
from world.brief import LIVES, live_briefly
from world.changing import ChangingWorld
from world.kinds import KINDS

LIVED = 1000
CHUNK = 125
LOOKED_AT = range(10 * len(LIVES))
"""The lives of which the logs are looked at, which are lived once."""


@functools.cache
def lived(seed: int) -> ChangingWorld:
    """A short life."""
    return live_briefly(seed)


@pytest.mark.parametrize("first", range(0, LIVED, CHUNK))
def test_the_output_is_that_of_a_world_that_never_changes(first: int) -> None:
    for seed in range(first, first + CHUNK):
        (lived if seed in LOOKED_AT else live_briefly)(seed)


def test_almost_each_of_them_changes() -> None:
    worlds = [lived(seed) for seed in LOOKED_AT]
    assert sum(world.epoch > 1 for world in worlds) > len(worlds) * 0.8


def test_something_goes_wrong_in_them() -> None:
    logs = [line for seed in LOOKED_AT for line in lived(seed).log]
    for what in (
        "dies",
        "has left the cluster",
        "is started to join",
        "the change is abandoned",
        "and its disk are lost",
        "is lost, and it is to be replaced",
        "is certified dead, and lives",
        "is put back from a copy",
        "is stopped between two steps",
        "PartName(",  # a copy is there before the part itself
        "is to have copies",
    ):
        assert any(what in line for line in logs), what


def test_they_can_be_lived_from_the_command_line() -> None:
    KINDS["brief"](4)


# An acknowledgement of a connection that broke, when there is another one by then (it is lost with
# it); a worker that is started with the version before when the job was completed just then; one
# that joins with the version of its cluster while that is upgraded.
@pytest.mark.parametrize("seed", [501016, 601876, 601621, 700201])
def test_scenarios_that_seeds_have_found(seed: int) -> None:
    KINDS["brief"](seed)


def test_who_was_certified_dead_and_lives_proposes_in_vain() -> None:
    """It has others stage what it needs of a worker that has gone on without it."""
    KINDS["brief"](400048)


@pytest.mark.parametrize("seed", [716524, 908356])
def test_who_goes_into_another_epoch_does_first_what_its_disk_had_begun(seed: int) -> None:
    """What is written late by the epoch before changes nothing in the one that is adopted."""
    KINDS["brief"](seed)


def test_a_question_that_comes_behind_what_was_made_of_its_answer_stops_nothing() -> None:
    """Two members had two connections for a moment, and one of them was slow."""
    KINDS["brief"](1003989)


@pytest.mark.parametrize("first", range(0, 60, 30))
def test_a_slow_network_costs_time_only(first: int) -> None:
    for seed in range(first, first + 30):
        KINDS["slow"](seed)


def test_what_all_hold_of_a_round_without_copies_only_when_copies_are_kept_goes_without() -> None:
    KINDS["slow"](5001404)
