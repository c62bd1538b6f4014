"""The last source to end stands still for longer than a checkpoint may take, shortly before."""

import random
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from .job import SimJob
    from .world import World

LOOK_AGAIN_S = 0.05
STOP_S = 4.0
"""The deadline of a checkpoint."""
LEFT_MAX = 6
"""How many records the source may have left: it ends soon after it has gone on."""


@attrs.define(eq=False)
class LastToEnd:
    """What happens in a world, if it is *wanted*. It has a chance of its own, *rng*.

    The checkpoint that it holds up is abandoned, and its alignment released, just before all ends.
    """

    world: "World"
    rng: random.Random
    wanted: bool

    def begin(self) -> None:
        """Begin to look for it."""
        if self.wanted:
            self.world.later(LOOK_AGAIN_S, self._look)

    def _look(self) -> None:
        if not self.world.faulty:
            return
        self.world.later(LOOK_AGAIN_S, self._look)
        jobs = [each.running and each.running.job for each in self.world.nodes.values()]
        reading = [job for job in jobs if job is not None and not job.source_ended]
        if None in jobs or len(reading) != 1:
            return
        last = reading[0]
        node = self.world.nodes[last.worker]
        is_behind = any(_barrier(job) > _barrier(last) for job in jobs if job is not None)
        left = len(last.records) - last.position
        if is_behind and left <= LEFT_MAX and node.stopped_until < self.world.now:
            self.world.say(f"{node.name}, the last to end, is stopped")
            node.stopped_until = self.world.now + STOP_S + self.rng.random()


def _barrier(job: "SimJob") -> int:
    """The checkpoint that a job collects for."""
    return job.collector.barrier.number if job.collector.barrier is not None else 0
