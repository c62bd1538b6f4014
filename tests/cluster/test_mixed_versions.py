"""An old and a new version of an application in one cluster that waits for the upgrade."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.rests import check_counted
from support.upgrading import WORKERS, Upgraded, upgraded
from support.versions import DROPS
from support.versions import RESTS_FIRST as FIRST
from support.versions import RESTS_SECOND as SECOND

from wallarood.planning.upgrade import kept_as

ALPHA, BETA, GAMMA = WORKERS
THIRD = SECOND.replace('name="many"', 'name="amounts"')
"""Another one that could follow the first."""
UNFIT = SECOND.replace('was={"counted": "seen", ', "was={")
"""One that would need --drop seen."""


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Upgraded]:
    with upgraded(tmp_path, FIRST) as made:
        made.orders("upgrade", *DROPS)
        yield made


def test_all_members_say_who_runs_which_version_until_all_run_the_same(
    cluster: Upgraded, tmp_path: Path
) -> None:
    waits = kept_as(["total", "totals"])
    for worker in cluster.workers.values():  # each hears of it from the first
        cluster.wait("it is kept", lambda w=worker: waits in dict(w.told().checkpoint.kept))
    cluster.restart(SECOND, BETA)
    mixed = f"a new version runs on {BETA}, and not yet on {ALPHA}, {GAMMA}"
    for name in WORKERS:
        cluster.shows(name, f"waiting for the upgrade: {mixed}: restart with the new version")
        cluster.wait("the journal tells it", lambda name=name: mixed in cluster.workers[name].said)
    assert "running" not in {worker.phase() for worker in cluster.workers.values()}
    cluster.wait("why tells it", lambda: mixed in cluster.orders("why", at=GAMMA))
    cluster.refuses(mixed, "upgrade", "--cancel", at=GAMMA)
    text = f"no new version runs on {ALPHA}, {GAMMA}: install it there, and restart"
    cluster.refuses(text, "upgrade", at=GAMMA)
    cluster.restart(UNFIT, GAMMA)
    assert cluster.workers[GAMMA].wait() == 76
    assert "say --drop 'seen' if its state may go" in cluster.workers[GAMMA].said
    cluster.install(THIRD, GAMMA)
    cluster.start(GAMMA)
    three = f"different new versions run on {BETA} / {GAMMA}, and none yet on {ALPHA}"
    for name in WORKERS:
        cluster.shows(name, f"waiting for the upgrade: {three}: restart all with one of them")
    cluster.restart(THIRD, ALPHA)
    for name in WORKERS:
        cluster.shows(name, f"different new versions run on {ALPHA}, {GAMMA} / {BETA}")
    text = "the workers run different new versions: restart all with one"
    cluster.refuses(text, "upgrade", at=BETA)
    cluster.restart(THIRD, BETA)
    cluster.until(2)
    cluster.end()
    check_counted(tmp_path)


@pytest.mark.long
def test_who_has_the_new_version_goes_back_to_the_old_one_and_the_waiting_ends(
    cluster: Upgraded, tmp_path: Path
) -> None:
    cluster.restart(SECOND, ALPHA, GAMMA)
    cluster.shows(BETA, f"a new version runs on {ALPHA}, {GAMMA}, and not yet on {BETA}")
    cluster.restart(FIRST, ALPHA, GAMMA)
    cluster.until(1)
    cluster.orders("upgrade", "--cancel", at=BETA)
    cluster.wait("nothing is kept any more", lambda: not kept_at(cluster, GAMMA))
    cluster.restart(SECOND, BETA)
    assert cluster.workers[BETA].wait() == 65
    assert "start the old one again and upgrade the cluster: wallarooctl upgrade" in (
        cluster.workers[BETA].said
    )
    cluster.install(FIRST, BETA)
    cluster.start(BETA)
    cluster.until(1)
    cluster.end()
    check_counted(tmp_path)


def kept_at(cluster: Upgraded, name: str) -> Any:
    return json.loads(cluster.orders("status", "--json", at=name))["checkpoint"]["kept"]
