"""A worker never hears of a checkpoint: as that begins, it is parted from the others."""

import random
from typing import TYPE_CHECKING

import attrs

from wallarood.model.messages import ControlMessage, TakeCheckpoint

if TYPE_CHECKING:
    from .world import World

APART_S = 5.0
"""More than the deadline of a checkpoint: it is abandoned before the worker is back."""


@attrs.define(eq=False)
class Missed:
    """What happens once in a world, if it is *wanted*. It has a chance of its own, *rng*.

    The others have the barrier of that checkpoint, wait for that of the worker, and must let go of
    it. Nothing goes wrong any more when it is back: a restart would let go of it, too.
    """

    world: "World"
    rng: random.Random
    wanted: bool
    victim: str = ""
    not_before: float = 0.0

    def begin(self) -> None:
        """Choose who it is, and when."""
        if self.wanted:
            self.victim = self.rng.choice(self.world.workers[1:])
            self.not_before = 2 + self.rng.random() * 8

    def is_sent(self, to: str, message: ControlMessage) -> None:
        """A message is about to go on its way."""
        world = self.world
        if not isinstance(message, TakeCheckpoint) or to != self.victim:
            return
        mine = world.nodes[to].running
        reads = mine is not None and mine.job is not None and not mine.job.source_ended
        if reads and self.not_before <= world.now and world.faulty:
            self.wanted = False
            world.say(f"{to} is parted from the others as checkpoint {message.number} begins")
            world.parted = {to}
            world.faults_end_s = world.now + APART_S + self.rng.random() * 3
