"""A world of two in which one burns when the other has just accepted a change, alone."""
# Theory of operation
# ===================
# Nobody can know then whether it is decided: the one that burned may have accepted it as well, and
# no majority is left to find that out. An operator certifies it dead, again and again, until it is
# no member any more: first what was accepted is finished, then the dead one is evicted. Where only
# the dead one would be left, the operator says that what it may have gone on with is lost.

from typing import Any

from wallarood.control.change.events import ChangeWanted
from wallarood.model.change import ChangeKind, Vote
from wallarood.model.messages import ChangeRequest

from .changing import ChangingWorld
from .changing_strikes import ASK_AGAIN_S
from .world import lived

PAIR = ("alpha", "beta")


class BoundWorld(ChangingWorld):
    """A world of two; `bound` is who has accepted alone."""

    def __init__(self, seed: int, **options: Any) -> None:
        super().__init__(seed, PAIR, loses=True, **options)
        self.loses = False  # as this is the only loss, and there are copies
        self.bound = ""

    def check_vote(self, name: str, vote: Vote) -> None:
        """The other of two burns as soon as one has accepted."""
        if vote.change is not None and set(vote.change.workers) <= self.dead:
            return  # whether it was decided makes no difference any more
        super().check_vote(name, vote)
        alone = vote.accepted is not None and not self.bound and self.truth
        if not alone or len(self.members) != 2 or name not in self.members:
            return
        (other,) = set(self.members) - {name}
        self.bound = name
        self.later(0.0, lambda: self.strike(other))

    def strike(self, other: str) -> None:
        """It burns, unless it has accepted as well by now: that was decided."""
        vote = self.changing_node(other).disk.vote
        if vote is not None and vote.accepted is not None:
            self.bound = ""
            return
        self.burn(other, "are lost, and its vote is missing")

    def evict(self, name: str, epoch: int, tries: int) -> None:
        """Certify a lost worker dead, at any other, until it is not in the cluster."""
        if name not in self.members or not tries:
            return
        node = self.changing_node(self.chance.choice([n for n in self.members if n != name]))
        vote = node.disk.vote
        found = vote.change if vote is not None else None
        only = found is not None and set(found.workers) == {name}
        if node.alive:
            self.requests += 1
            self.say(f"{node.name} is told that {name} is dead for good")
            self.certify(name)
            if only:  # who burned may have written its vote just then
                self.decided.pop(self.epoch + 1, None)
            node.give(
                ChangeWanted(
                    ChangeRequest(
                        f"r{self.requests}",
                        ChangeKind.EVICT,
                        (name,),
                        certified=True,
                        back_to=0 if only else None,
                    )
                )
            )
        self.later(ASK_AGAIN_S, lambda: self.evict(name, epoch, tries - 1))


def bind(seed: int, **options: Any) -> BoundWorld:
    """Run one seed and check it. Raises as `simulate`."""
    return lived(BoundWorld(seed, **options), seed)
