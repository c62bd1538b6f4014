"""Words counted through each system on three workers: whatever dies, a reader sees each count once.

By hand, and for longer: ``make kills-systems SYSTEM=redis KILLS=200``.
"""

import itertools
from pathlib import Path
from typing import Any

import pytest
from support.servers.process import demand
from support.systems.killing import kill_often, put_back, server_away
from support.systems.known import SYSTEMS
from support.systems.memory import server_stopped
from support.systems.system import System, Trial

NUMBERS = itertools.count()


def tried(trial: Trial) -> list[Any]:
    """The systems for which that is tried in each run; with brokers of Kafka it takes long."""
    names = [name for name, entry in SYSTEMS.items() if trial not in entry.by_hand]
    return [
        pytest.param(each, marks=pytest.mark.long) if each == "kafka" else each for each in names
    ]


@pytest.fixture
def system(request: pytest.FixtureRequest, tmp_path: Path) -> System:
    """The system of that name, with a server that other tests use, too."""
    entry = SYSTEMS[request.param]
    demand(entry.missing())
    server = request.getfixturevalue(entry.fixture or request.param)
    return entry.use(server, tmp_path, f"counted{next(NUMBERS)}")


@pytest.mark.parametrize("system", tried(Trial.KILLS), indirect=True)
def test_each_word_counts_once_whoever_is_killed(
    system: System, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Workers and the server are killed, and partitions appear."""
    entry = SYSTEMS[request.node.callspec.params["system"]]
    grows, server_kills = 1 if entry.grows else 0, 1 if entry.is_durable else 0
    print(kill_often(system, tmp_path, kills=4, server_kills=server_kills, grows=grows))


@pytest.mark.long
@pytest.mark.parametrize("system", ["http", "mqtt", "sqlite"], indirect=True)
def test_each_word_counts_once_whichever_disk_is_destroyed(system: System, tmp_path: Path) -> None:
    print(kill_often(system, tmp_path, kills=4, server_kills=0, disks=2))


@pytest.mark.long
@pytest.mark.parametrize("system", tried(Trial.AWAY), indirect=True)
def test_a_server_that_is_away_costs_time_only(system: System, tmp_path: Path) -> None:
    print(server_away(system, tmp_path, away_s=12))


@pytest.mark.long
@pytest.mark.parametrize("system", tried(Trial.STOPPED), indirect=True)
def test_memory_is_bounded_while_a_server_is_stopped(system: System, tmp_path: Path) -> None:
    print(server_stopped(system, tmp_path, stopped_s=10))


@pytest.mark.long
@pytest.mark.parametrize("system", tried(Trial.PUT_BACK), indirect=True)
def test_what_a_kept_checkpoint_makes_again_is_seen_again(system: System, tmp_path: Path) -> None:
    print(put_back(system, tmp_path))
