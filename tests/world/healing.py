"""A world that heals by itself: who is missed for long is evicted, and joins again as another."""
# Theory of operation
# ===================
# Beside all else that goes wrong, hosts burn, are switched off or are cut off for longer than
# `cluster.evict-after`; a cable between two breaks, or the network falls into two halves. Nobody
# evicts but the workers themselves. Who was evicted and has its disk puts it aside and joins anew.

from typing import Any

from .changing import ChangingWorld
from .changing_node import ChangingNode
from .errors import ViolationError
from .world import lived

EVICT_AFTER_S = 3.0


class HealingWorld(ChangingWorld):
    """A world of *workers* that evict by themselves."""

    def __init__(self, seed: int, workers: tuple[str, ...], **options: Any) -> None:
        super().__init__(seed, workers, loses=True, records=60, **options)
        self.ends_s = 300.0
        self.evict_after_s = EVICT_AFTER_S
        self.side: set[str] = set()
        """Those that hear each other and nobody else."""
        self.cable: set[str] = set()
        """Two that do not hear each other."""

    def are_parted(self, one: str, other: str) -> bool:
        """Whether nothing gets through between two workers."""
        halves = (one in self.side) is not (other in self.side)
        cut = halves or {one, other} == self.cable
        return (cut and self.faulty) or super().are_parted(one, other)

    def run(self) -> None:
        """Run until all is done or time is up. Raises ViolationError."""
        for _ in range(self.chance.randrange(1, 5)):
            self.later(3 + self.chance.random() * 30, self.long_mishap)
        super().run()

    def long_mishap(self) -> None:
        """Something goes wrong for longer than a member is waited for, once there are copies."""
        begun = self.decided[self.epoch].basis.number if self.epoch > 1 else 0
        if self.truth <= begun:
            if self.faulty:
                self.later(0.5, self.long_mishap)
            return
        long_s = EVICT_AFTER_S + 5 + self.chance.random() * 15
        names = list(self.members)
        match self.chance.randrange(4):
            case 0:
                self.switch_off(self.chance.choice(names), long_s)
            case 1:
                self.side = {self.chance.choice(names)}
                self.say(f"{self.side} is cut off")
                self.later(long_s, self.side.clear)
            case 2:
                self.side = set(self.chance.sample(names, len(names) // 2))
                self.say(f"{self.side} are cut off")
                self.later(long_s, self.side.clear)
            case _ if len(names) > 1:
                self.cable = set(self.chance.sample(names, 2))
                self.say(f"the cable between {self.cable} is cut")
                self.later(long_s, self.cable.clear)
            case _:
                pass

    def switch_off(self, name: str, long_s: float) -> None:
        """A host has no power for a while."""
        node = self.changing_node(name)
        if node.gone or not node.wanted:
            return
        self.say(f"{name} is switched off")
        node.wanted = False
        node.die()

        def switch_on() -> None:
            node.wanted = not node.gone
            node.start()

        self.later(long_s, switch_on)

    def evict(self, name: str, epoch: int, tries: int) -> None:
        """Nobody asks for it."""

    def returns(self, node: ChangingNode) -> bool:
        """Whether a worker that was put aside joins again."""
        node.new_seat()
        node.contact = ""
        return True


def heal(seed: int, workers: tuple[str, ...], **options: Any) -> HealingWorld:
    """Run one seed and check it. Raises as `simulate`."""
    return lived(HealingWorld(seed, workers, **options), seed)


class CutCable(HealingWorld):
    """A world in which nothing goes wrong but a cable between two, for the most of its time."""

    def run(self) -> None:
        """Run until all is done or time is up. Raises ViolationError."""
        self.death = self.loss = self.disk_stalls = self.disk_failing = self.sink_stalls = 0.0
        self.loses, self.wanted_changes = False, 0
        self.later(2.0, lambda: self.cable.update(self.first[:2]))
        ChangingWorld.run(self)

    def mishap(self) -> None:
        """Nothing else."""

    def long_mishap(self) -> None:
        """Nothing else."""

    def check_end(self) -> None:
        """Nobody was evicted."""
        super().check_end()
        if self.epoch > 1:
            raise ViolationError(f"a member was evicted that one hears: {self.epochs}")
