"""A change that was asked for is made, or another one, or nothing comes of it."""

import pytest

from wallarood.admin.status import DepartedStatus, JobState, Status, WorkerStatus
from wallarood.cli.ctl.outcomes import has_forgotten, is_done, is_over
from wallarood.model.errors import RefusedError


@pytest.mark.parametrize(
    ("job", "epoch", "life_s", "moving", "forgotten"),
    [
        (JobState.RUNNING, 2, 3.0, "", True),
        (JobState.RUNNING, 2, 60.0, "", False),
        (JobState.RUNNING, 3, 3.0, "", False),
        (JobState.RECOVERING, 2, 3.0, "", False),
        (JobState.RUNNING, 2, 3.0, "moving 1 of 2 slots to beta: 0 %", False),
    ],
)
def test_a_worker_that_restarted_has_forgotten_what_it_was_asked(
    job: JobState, epoch: int, life_s: float, moving: str, forgotten: bool
) -> None:
    status = Status("alpha", "1", job, job.value, 99.0, life_s, epoch=epoch, moving=moving)
    assert has_forgotten(status, 2, 30.0) is forgotten


def test_another_change_that_comes_first_is_not_taken_for_the_one_that_was_asked_for() -> None:
    there = tuple(WorkerStatus(name, "h:1", "away") for name in ("alpha", "beta"))
    status = Status("alpha", "1", JobState.RUNNING, "running", 1.0, epoch=3, workers=there)
    assert not is_done(status, 3, {"beta"})
    assert is_done(status, 2, {"gamma"})
    with pytest.raises(RefusedError, match=r"epoch 3 by another change, .* beta is still a member"):
        is_done(status, 2, {"beta", "gamma"})


@pytest.mark.parametrize(
    ("job", "epoch", "round_", "asked_in", "over"),
    [
        (JobState.RUNNING, 2, 8, 7, True),
        (JobState.RUNNING, 2, 7, 7, False),
        (JobState.RUNNING, 3, 9, 7, False),
        (JobState.PAUSED, 2, 8, 7, False),
        (JobState.RUNNING, 2, 8, None, False),
    ],
)
def test_a_change_whose_proposer_died_came_to_nothing_when_another_round_runs(
    job: JobState, epoch: int, round_: int, asked_in: int | None, *, over: bool
) -> None:
    """The worker that was asked has heard that it was begun, and nothing since."""
    status = Status("beta", "1", job, job.value, 99.0, 99.0, epoch=epoch, round=round_)
    assert is_over(status, 2, asked_in) is over


@pytest.mark.parametrize(
    ("name", "why", "epoch"),
    [("beta", "replaced", 2), ("beta", "evicted", 3), ("gamma", "replaced", 3)],
)
def test_a_worker_is_replaced_by_its_own_change_only(name: str, why: str, epoch: int) -> None:
    """Another that was asked for before, or joins, has the epoch rise as well."""
    other = DepartedStatus(name, why, epoch)
    status = Status("alpha", "1", JobState.RUNNING, "running", 1.0, epoch=3, departed=(other,))
    assert not is_done(status, 3, (), replacing="beta")
    with pytest.raises(RefusedError, match=r"epoch 3 by another change, and beta was not replaced"):
        is_done(status, 2, (), replacing="beta")
    own = (other, DepartedStatus("beta", "replaced", 3))
    both = Status("alpha", "1", JobState.RUNNING, "running", 1.0, epoch=3, departed=own)
    assert is_done(both, 2, (), replacing="beta")
