"""A cluster that runs without copies, and then gets them: `checkpoint.replicas` is turned on."""
# Theory of operation
# ===================
# An operator writes it on each host and starts its worker again, one soon after the other. Of
# rounds that begin when the last one has been started so, nothing becomes committed without its
# copies: what is of rounds before goes on without, also where all hold it only then.

import random
from typing import TYPE_CHECKING

import attrs

from wallarood.model.checkpoint import CheckpointId

if TYPE_CHECKING:
    from .world import World

WITHIN_S = 3.0
LATEST = 2
"""In how many times the time of faults it may come."""


@attrs.define(eq=False)
class CopiedLater:
    """What happens once in a world, if it is *wanted*. It has a chance of its own, *rng*."""

    world: "World"
    rng: random.Random
    wanted: bool
    begins_s: float
    on: set[str] = attrs.field(factory=set)
    """The workers that were started with it."""
    until: int = 0
    """The highest checkpoint that is committed without copies."""
    rounds: int = 0
    """The last round in which some kept none."""

    def begin(self) -> None:
        """Let it come, at some time."""
        if self.wanted:
            self.world.later(2 + self.rng.random() * self.begins_s, self.turn_on)

    def turn_on(self) -> None:
        """On each host, once there is something of which there are no copies."""
        world = self.world
        if not world.truth:
            if world.now < LATEST * world.faults_end_s:
                world.later(0.3, self.turn_on)
            return
        for name in world.nodes:
            world.later(self.rng.random() * WITHIN_S, lambda name=name: self.restart(name))  # type: ignore[misc]

    def restart(self, name: str) -> None:
        """On one host."""
        world, node = self.world, self.world.nodes[name]
        world.say(f"{name} is to have copies")
        self.on.add(name)
        if node.alive:
            world.kill(node)
        if self.on == {*world.nodes}:
            self.until, world.replicas = world.truth, 1
            self.rounds = max(each.disk.chosen for each in world.nodes.values())

    def go_without(self, held: frozenset[CheckpointId]) -> frozenset[CheckpointId]:
        """What of that which all hold is committed without copies."""
        without = frozenset(each for each in held if each.round <= self.rounds)
        self.until = max([self.until, *(each.number for each in without)])
        return without

    def of(self, name: str) -> int:
        """With how many copies a worker is started."""
        return int(name in self.on) or self.world.replicas
