"""Strikes against a job that goes back to its last checkpoint at each of them."""

from collections.abc import Sequence

import attrs
import pytest
import trio
from trio.testing import MockClock

from wallarood.admin.status import JobState
from wallarood.devcluster.chaos import IN_VAIN_MAX, Chaos

WORKERS = ("alpha", "beta", "gamma")
LOOK_S = 0.15


@attrs.define(eq=False)
class Job:
    """It recovers in `recovery_s`, then commits one of `checkpoints` every `interval_s`."""

    recovery_s: float = 1.0
    interval_s: float = 5.0
    checkpoints: int = 6
    done: int = 0
    since: float = attrs.field(factory=trio.current_time)
    strikes: list[tuple[float, int]] = attrs.field(factory=list)
    """When, and how many checkpoints were committed by then; those of one moment are one strike."""

    def committed(self) -> int:
        ran_s = trio.current_time() - self.since - self.recovery_s
        return min(self.checkpoints, self.done + max(0, int(ran_s / self.interval_s)))

    async def look(self) -> Sequence[JobState | None]:
        await trio.sleep(LOOK_S)
        if self.committed() == self.checkpoints:
            return [JobState.COMPLETED] * len(WORKERS)
        runs = trio.current_time() - self.since >= self.recovery_s
        return [JobState.RUNNING if runs else JobState.RECOVERING] * len(WORKERS)

    def kill(self, worker: str) -> bool:
        del worker
        now = trio.current_time()
        if not self.strikes or self.strikes[-1][0] != now:
            self.strikes.append((now, self.committed()))
        self.done, self.since = self.committed(), now
        return True


@pytest.mark.parametrize("seed", range(20))
async def test_a_job_whose_checkpoints_take_longer_than_the_pauses_comes_to_its_end(
    seed: int, autojump_clock: MockClock
) -> None:
    del autojump_clock
    job = Job()
    chaos = Chaos(seed, WORKERS, lambda _: None)
    with trio.fail_after(3600):
        await chaos.strike_until_completed(job)
    assert chaos.kills.total() >= job.checkpoints // 2
    committed = [number for _, number in job.strikes]
    assert len(committed) > IN_VAIN_MAX
    for first, third in zip(committed, committed[IN_VAIN_MAX:], strict=False):
        assert third > first, f"no progress within {IN_VAIN_MAX + 1} strikes: {committed}"
