"""What has become of a change that was asked for, by what a worker says of itself."""

from collections.abc import Collection

from wallarood.admin.status import JobState, Status
from wallarood.model.change import Why
from wallarood.model.errors import RefusedError

REPLACED = Why.REPLACED.value


def is_done(status: Status, epoch: int, leaving: Collection[str], *, replacing: str = "") -> bool:
    """Whether a change that was asked for in *epoch* is made, after which none are *leaving*.

    By one that is *replacing* a worker, that name is in another seat. Raises RefusedError: another
    one was made.
    """
    if status.epoch <= epoch:
        return False
    if there := [each.name for each in status.workers if each.name in leaving]:
        raise RefusedError(
            f"the cluster has come to epoch {status.epoch} by another change, which had begun "
            f"before, and {', '.join(there)} is still a member: ask again"
        )
    replaced = (g for g in status.departed if (g.name, g.why) == (replacing, REPLACED))
    if replacing and not any(each.epoch > epoch for each in replaced):
        raise RefusedError(
            f"the cluster has come to epoch {status.epoch} by another change, and {replacing} was "
            "not replaced: ask again"
        )
    return True


def has_forgotten(status: Status, epoch: int, elapsed_s: float) -> bool:
    """Whether the worker that was asked *elapsed_s* ago runs in another life, without a change."""
    runs = status.job is JobState.RUNNING and not status.moving
    return runs and status.epoch == epoch and status.life_s < elapsed_s


def is_over(status: Status, epoch: int, asked_in: int | None) -> bool:
    """Whether a planned change came to nothing that was asked for in the round *asked_in*.

    The worker that proposed it may have died: then nobody is left to tell of it. None: it may be
    made in a later round, too.
    """
    runs = status.job is JobState.RUNNING and status.epoch == epoch
    return runs and asked_in is not None and status.round > asked_in
