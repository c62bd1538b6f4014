"""A version that was upgraded from goes on from its last checkpoint, and makes the rest again."""

import json
import random
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.rests import check_counted, counted
from support.upgrading import WORKERS, Upgraded, lines, upgraded
from support.versions import DROPS, check_totals
from support.versions import RESTS_FIRST as FIRST
from support.versions import RESTS_SECOND as SECOND


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Upgraded]:
    with upgraded(tmp_path, FIRST) as made:
        yield made


def bring_in_second(cluster: Upgraded) -> None:
    """The newer version runs, and has published something."""
    cluster.orders("upgrade", *DROPS)
    cluster.restart(SECOND)
    cluster.until(2)
    cluster.wait("the newer version publishes", lambda: any(lines(cluster.path / "many")))


def test_what_the_newer_version_made_is_made_again_by_the_one_before(
    cluster: Upgraded, tmp_path: Path
) -> None:
    cluster.refuses("there is no version to go back to", "upgrade", "--back")
    bring_in_second(cluster)
    plan = json.loads(cluster.orders("upgrade", "--back", "--dry-run", "--json"))
    assert plan["restart"] == list(WORKERS)
    assert plan["lost"] == ["the state of computation 'many'"]
    made = sum(map(len, counted(tmp_path).values()))
    cluster.restart(FIRST)
    cluster.shows(WORKERS[0], "wallarooctl upgrade --back goes back")
    said = cluster.orders("upgrade", "--back", "--dry-run")
    assert f"would go back to checkpoint {plan['checkpoint']}, the last of the version" in said
    assert "to be restarted with that version: no worker" in said
    done = cluster.orders("upgrade", "--back")
    assert f"went back to checkpoint {plan['checkpoint']}" in done
    cluster.until(3)
    cluster.wait("all is made again", lambda: sum(map(len, counted(tmp_path).values())) > made)
    cluster.end()
    check_counted(tmp_path)
    check_totals(tmp_path)


@pytest.mark.long
def test_an_order_that_comes_first_waits_for_the_version(cluster: Upgraded, tmp_path: Path) -> None:
    bring_in_second(cluster)
    assert "when that version runs on all workers" in cluster.orders("upgrade", "--back")
    cluster.orders("upgrade", "--cancel")
    cluster.orders("upgrade", "--back")
    cluster.restart(FIRST)
    cluster.until(3)
    cluster.end()
    check_counted(tmp_path)
    check_totals(tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2))
def test_whoever_is_killed_on_the_way_back_all_is_made_again(
    cluster: Upgraded, tmp_path: Path, seed: int
) -> None:
    rng = random.Random(seed)
    bring_in_second(cluster)
    cluster.orders("upgrade", "--back")
    cluster.install(FIRST)
    for name in rng.sample(WORKERS, len(WORKERS)):
        cluster.kill(name)
    for _ in range(4):
        threading.Event().wait(rng.random())
        cluster.kill(rng.choice(WORKERS))
    cluster.until(3)
    cluster.end()
    check_counted(tmp_path)
    check_totals(tmp_path)


@pytest.mark.long
def test_without_the_last_checkpoint_of_the_version_before_there_is_no_way_back(
    cluster: Upgraded, tmp_path: Path
) -> None:
    bring_in_second(cluster)
    cluster.orders("checkpoint", "--drop", "before-upgrade")
    cluster.refuses("there is no way back", "upgrade", "--back")
    name = WORKERS[1]
    cluster.restart(FIRST, name)
    assert cluster.workers[name].wait() == 76
    assert "start the newer version again" in cluster.workers[name].said
    cluster.install(SECOND, name)
    cluster.start(name)
    cluster.until(2)
    cluster.end()
    check_counted(tmp_path)
