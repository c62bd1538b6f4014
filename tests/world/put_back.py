"""An operator keeps a checkpoint, copies a disk, and puts the copy back on a broken one."""

import random
from collections.abc import Callable
from typing import TYPE_CHECKING

import attrs

from wallarood.control.events import CheckpointWanted
from wallarood.model.messages import Purpose, RequestCheckpoint

from .disk import Disk

if TYPE_CHECKING:
    from .node import Node
    from .world import World

ASK_AGAIN_S = 1.5
TRY_AGAIN_S = 0.05


@attrs.define(eq=False)
class PuttingBack:
    """What happens once in a world, if it is *wanted*. It has a chance of its own, *rng*."""

    world: "World"
    rng: random.Random
    wanted: bool
    victim: str = ""
    copy: Disk | None = None
    asked: int = 0
    power_fails: bool = False
    """Whether it waits until the victim is alone in knowing something published; all die then."""

    def begin(self) -> None:
        """Begin, some time in the world's life."""
        if self.wanted:
            self.power_fails = self.rng.random() < 0.5
            self.victim = self.rng.choice(self.world.workers)
            self.world.later(2 + self.rng.random() * 4, self._keep)
            delay = self.rng.choice([0.0, self.rng.random() * 3])
            self.world.later(TRY_AGAIN_S, lambda: self._copy(delay))

    def _keep(self) -> None:
        """Ask for it, until it is there: a leader that dies forgets it."""
        leader = self.world.nodes[self.world.workers[0]]
        if self._is_kept or not self.world.faulty:
            return
        if leader.running is not None:
            self.world.say("a checkpoint is to be kept")
            self.asked += 1
            leader.give(CheckpointWanted(RequestCheckpoint(Purpose.ASKED, f"kept {self.asked}")))
        self.world.later(ASK_AGAIN_S, self._keep)

    @property
    def _is_kept(self) -> bool:
        """Whether the victim knows the kept checkpoint committed."""
        store = self.world.nodes[self.victim].store
        return store is not None and any(
            number <= store.marks.committed for number in store.marks.kept.values()
        )

    def _copy(self, delay: float) -> None:
        """Copy the disk of the victim, *delay* after the checkpoint is there."""
        node = self.world.nodes[self.victim]
        if not self.world.faulty:
            return
        if not self._is_kept:
            self.world.later(TRY_AGAIN_S, lambda: self._copy(delay))
        elif delay:
            self.world.later(delay, lambda: self._copy(0.0))
        else:
            self.copy = node.disk.copy()
            self.world.say(f"a copy of the disk of {self.victim} is made")
            if not self.power_fails:
                wait = self.rng.choice([1.0, 4.0, 9.0])
                self.world.later(self.rng.random() * wait, self._put_back)

    def publishes(self, node: "Node", number: int) -> None:
        """A worker publishes what is in a checkpoint."""
        if not self.power_fails or self.copy is None or node.name != self.victim:
            return
        others = [each for each in self.world.nodes.values() if each is not node]
        if self.copy.committed < number and all(o.disk.committed < number for o in others):
            self.power_fails = False
            for each in others:
                self.world.later(0.0, self._kill(each))
            self.world.later(0.0, self._put_back)

    def _kill(self, node: "Node") -> Callable[[], None]:
        def kill() -> None:
            if node.alive:
                self.world.kill(node)

        return kill

    def _put_back(self) -> None:
        world, node = self.world, self.world.nodes[self.victim]
        assert self.copy is not None
        others = [each.disk.held for each in world.nodes.values() if each is not node]
        common = self.copy.held.intersection(*others)
        if not common or not world.faulty:
            return  # the cluster was ended by an operator, who began another one
        if node.alive:
            world.kill(node)
        node.disk.put_back(self.copy)
        # What is common may be less when they are asked: what others write now may drop some.
        world.floor = min(each.number for each in common)
        world.returned = frozenset(self.copy.held)
        world.say(f"a copy of the disk of {self.victim} is put back; common is {world.floor}")
