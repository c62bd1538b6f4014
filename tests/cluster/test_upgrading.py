"""A new version takes over state and positions, host by host, and nothing is counted twice."""

import random
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.rests import check_counted
from support.upgrading import WORKERS, Upgraded, lines, upgraded
from support.versions import DROPS
from support.versions import RESTS_FIRST as FIRST
from support.versions import RESTS_SECOND as SECOND


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Upgraded]:
    with upgraded(tmp_path, FIRST) as made:
        yield made


def test_a_version_with_other_names_and_states_goes_on_where_the_old_one_was(
    cluster: Upgraded, tmp_path: Path
) -> None:
    cluster.refuses("there is nothing to cancel", "upgrade", "--cancel")
    assert "the cluster waits for a new version" in cluster.orders("upgrade", *DROPS)
    cluster.refuses("waits for a new version already", "upgrade")
    cluster.restart(SECOND)
    cluster.until(2)
    cluster.wait("the new step has counted", lambda: any(lines(tmp_path / "many")))
    cluster.end()
    check_counted(tmp_path)


def test_whoever_is_killed_while_it_is_upgraded_nothing_is_lost(
    cluster: Upgraded, tmp_path: Path
) -> None:
    rng = random.Random(1)
    cluster.orders("upgrade", *DROPS)
    cluster.install(SECOND)
    for name in rng.sample(WORKERS, len(WORKERS)):
        cluster.kill(name)
    for _ in range(4):
        threading.Event().wait(rng.random())
        cluster.kill(rng.choice(WORKERS))
    cluster.until(2)
    cluster.end()
    check_counted(tmp_path)


def test_a_version_that_cannot_read_the_state_changes_nothing(
    cluster: Upgraded, tmp_path: Path
) -> None:
    cluster.orders("upgrade", *DROPS)
    broken = SECOND.replace("Counted(stored.count)", "Counted(stored.amount)")
    restart_together(cluster, broken)
    leader, tried = cluster.workers[WORKERS[0]], "cannot be migrated from version 1 to 2"
    cluster.wait("the upgrade is abandoned", lambda: "is abandoned" in leader.said)
    leader.says(tried)
    # Where a connection is lost meanwhile it is in progress once more by itself.
    cluster.refuses(tried, "upgrade")
    restart_together(cluster, SECOND)
    cluster.until(2)
    cluster.end()
    check_counted(tmp_path)


def restart_together(cluster: Upgraded, version: str) -> None:
    """Start all with *version*, after all have ended."""
    cluster.install(version)
    for name in WORKERS:
        cluster.stop(name)
    for name in WORKERS:
        cluster.start(name)


def test_without_the_order_another_version_is_refused_with_a_way_out(cluster: Upgraded) -> None:
    name = WORKERS[1]
    cluster.restart(SECOND, name)
    assert cluster.workers[name].wait() == 65
    assert "wallarooctl upgrade" in cluster.workers[name].said
