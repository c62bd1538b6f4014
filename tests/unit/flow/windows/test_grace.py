"""`grace` may be another one at a restart: what was let go of before is not taken again."""

from typing import Any

import pytest
from support.timed import SECOND, Driven
from support.windows import driven, said, windows

from wallarood.model.timing.windows import WindowKind

KINDS = {
    "tumbling": windows(WindowKind.TUMBLING, size=10, every=10),
    "hopping": windows(WindowKind.HOPPING, size=20, every=10),
    "session": windows(WindowKind.SESSION, size=10),
    "rolling": windows(WindowKind.ROLLING, size=10),
}


def restarted(run: Driven, which: Any, grace: float) -> None:
    """The same from its checkpoint, by another grace."""
    run.restart(driven(which, grace=round(grace * SECOND)).computation)


@pytest.mark.parametrize("kind", KINDS)
def test_a_longer_grace_takes_nothing_whose_window_was_let_go_of(kind: str) -> None:
    which = KINDS[kind]
    run = driven(which, grace=2 * SECOND)
    run.feed([("a", 1, 1), ("a", 2, 2)])
    run.watermark(35)
    before = said(run)

    restarted(run, which, 60)
    run.one("a", 3, 4)

    assert said(run) == before
    assert run.late == ["4"]


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_kept_is_corrected_for_the_longer_grace(kind: str) -> None:
    which = KINDS[kind]
    run = driven(which, grace=10 * SECOND)
    run.one("a", 38, 1)
    run.watermark(45)
    restarted(run, which, 60)
    run.watermark(90)
    run.one("a", 37, 4)
    run.end()

    assert run.late == []
    best = {(row[0], row[1]): row[3] for row in said(run)}
    assert 5 in best.values()


def test_a_shorter_grace_lets_go_of_more() -> None:
    which = KINDS["tumbling"]
    run = driven(which, grace=60 * SECOND)
    run.one("a", 1, 1)
    run.watermark(35)
    restarted(run, which, 0)
    run.one("a", 3, 4)
    assert run.late == ["4"]


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_source_has_after_its_end_and_a_restart_is_late(kind: str) -> None:
    run = driven(KINDS[kind])
    run.one("a", 1, 1)
    run.end()
    before = said(run)

    run.restart(run.computation)
    run.one("a", 99, 4)
    run.end()

    assert said(run) == before
    assert run.late == ["4"]
