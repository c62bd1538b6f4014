"""A world in which a worker dies together with who alone has copies of what it has acknowledged."""
# Theory of operation
# ===================
# A fifth worker joins, and copies go to it that went to the first before. As soon as something is
# acknowledged by way of it, and before a checkpoint is committed, it dies together with its owner,
# and an operator has both evicted at once. The first still has copies of all that the new epoch
# began with; what was acknowledged since would be lost without a word. So it is refused, and both
# are started again.

import attrs

from wallarood.control.change.events import ChangeWanted
from wallarood.control.formation.founding import FormationSettings
from wallarood.model.change import ChangeKind
from wallarood.model.messages import ChangeRequest

from .brief import BRIEF
from .changing import ChangingWorld
from .changing_strikes import ASK_AGAIN_S
from .node import Node
from .world import lived

NAMES = ("alpha", "beta", "gamma", "delta")
JOINS = "rho"
LOOK_S = 0.01
ONCE = attrs.evolve(BRIEF, records=24, changes=(1,), trouble=(0.0,), mishaps=2)


class PairedWorld(ChangingWorld):
    """A world of four to which one comes; `pair` are those that die then. *allowed* is a bug."""

    def __init__(self, seed: int, *, allowed: bool = False) -> None:
        self.allowed = allowed
        super().__init__(seed, NAMES, span=ONCE, replicas=1, journals=True)
        self.pair: tuple[str, ...] = ()
        self.refused = False

    def founding(self, node: Node) -> FormationSettings:
        """As ever, but where nobody knows that there are journals."""
        made = super().founding(node)
        return attrs.evolve(made, journalled=lambda _: False) if self.allowed else made

    def change(self) -> None:
        """One joins."""
        if not self.founders.committed_ever:
            self.later(1.0, self.change)
            return
        node = self.changing_node(JOINS)
        node.wanted = True
        self.later(0.0, node.start)
        self.look()

    def look(self) -> None:
        """Strike when something is acknowledged that the holder of before has no copy of."""
        change = self.decided.get(2)
        fresh = change is not None and self.epoch == 2 and self.truth == change.basis.number
        if not (fresh and self.lasts and self.is_ahead):
            if self.lasts and (change is None or fresh or self.epoch == 1):
                self.later(LOOK_S, self.look)
            return
        self.pair = self.members[-2:]
        self.say(f"{' and '.join(self.pair)} die at the same time")
        for name in self.pair:
            self.changing_node(name).gone = True
            self.nodes[name].die()
        self.evict_both()

    @property
    def is_ahead(self) -> bool:
        """Whether the client of the last of four was told of more than the first has a copy of."""
        assert self.journals is not None
        first, last = (self.changing_node(self.members[place]) for place in (0, 3))
        return self.journals.mine(last).told > self.journals.copy(first, last).entries

    def evict_both(self) -> None:
        """Ask for it, at any other, until they are out or it is refused for what would be lost."""
        if self.refused or not set(self.pair) & set(self.members):
            return
        node = self.nodes[self.chance.choice([n for n in self.members if n not in self.pair])]
        self.requests += 1
        node.give(ChangeWanted(ChangeRequest(f"r{self.requests}", ChangeKind.EVICT, self.pair)))
        self.later(ASK_AGAIN_S, self.evict_both)

    def say(self, text: str) -> None:
        """Where it is refused, both are started again."""
        super().say(text)
        if "may be on no disk that is left" in text and not self.refused:
            self.refused = True
            for name in self.pair:
                self.changing_node(name).gone = False
                self.later(self.chance.random(), self.nodes[name].start)


def pair(seed: int, *, allowed: bool = False) -> PairedWorld:
    """Run one seed and check it. Raises as `simulate`."""
    return lived(PairedWorld(seed, allowed=allowed), seed)
