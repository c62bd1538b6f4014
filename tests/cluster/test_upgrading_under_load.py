"""Words are counted while the application changes and changes back, and workers die meanwhile."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.upgrading import WORKERS, Upgraded, lines, upgraded
from support.versions import WORDS_FIRST as FIRST
from support.versions import WORDS_SECOND as SECOND
from support.versions import Counted, check_windows, check_words

pytestmark = pytest.mark.long

DECIDING = (
    "asking which checkpoints the members hold",
    "making what moves durable",
    ": deciding",
    "is decided",
    "restarting with the updated topology",
    "the cluster has changed",
)
"""What journals tell of a change to another version, in this order."""
MIXED = "this is a new version of the application", "a new version runs on"
MIXED_BACK = (
    "this is the version before the upgrade",
    "the version before the upgrade does not run on",
)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Upgraded]:
    with upgraded(tmp_path, FIRST) as made:
        yield made


def change(cluster: Upgraded, version: str, rng: random.Random, *, back: bool = False) -> None:
    """Host by host; at each step that is told of a random worker dies."""
    since, (first, *others) = cluster.told, rng.sample(WORKERS, len(WORKERS))
    cluster.restart(version, first)
    cluster.kill_at_steps(MIXED_BACK if back else MIXED, since, rng)
    cluster.restart(version, *others)
    decided = "the way back is being decided" if back else "the upgrade is being decided"
    cluster.kill_at_steps((decided, *DECIDING), since, rng)


def counts_on(cluster: Upgraded) -> None:
    """Wait until more lines have been counted than now."""
    last = max((each.number for each in Counted.read(cluster.path)), default=0)
    cluster.wait(
        "more is counted",
        lambda: max((each.number for each in Counted.read(cluster.path)), default=0) > last,
    )


@pytest.mark.parametrize("seed", range(2))
def test_a_window_comes_a_step_goes_and_a_state_grows_there_and_back_and_there_under_kills(
    cluster: Upgraded, tmp_path: Path, seed: int
) -> None:
    rng = random.Random(seed)
    cluster.orders("upgrade")
    change(cluster, SECOND, rng)
    cluster.until(2)
    cluster.wait("a window is full", lambda: any(lines(tmp_path / "windows")))
    said = cluster.orders("upgrade", "--back", "--dry-run", at=rng.choice(WORKERS))
    assert "lost: the state of computation 'windows'" in said
    cluster.orders("upgrade", "--back", at=rng.choice(WORKERS))
    change(cluster, FIRST, rng, back=True)
    cluster.until(3)
    counts_on(cluster)
    cluster.orders("upgrade", at=rng.choice(WORKERS))
    change(cluster, SECOND, rng)
    cluster.until(4)
    cluster.wait("windows are full again", lambda: check_windows(tmp_path) == 2)
    cluster.end()
    check_words(tmp_path)
    assert any(each.seen for each in Counted.read(tmp_path))
