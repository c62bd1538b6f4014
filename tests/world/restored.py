"""A world in which a state directory is put back from a copy that has forgotten a vote."""
# Theory of operation
# ===================
# Amid a change one of three members or more dies, and its directory comes back as it was when the
# epoch began, but for its checkpoints, which others have not gone past. It is known for a copy: it
# takes part in rounds, and nothing that it said before may be said otherwise, since it has no vote
# any more. So nothing but what was under way is decided from then on.

from typing import Any

from wallarood.model.messages import Accept, ControlMessage

from .changing import STEPS, ChangingWorld
from .errors import ViolationError
from .world import lived


class RestoredWorld(ChangingWorld):
    """A world of *workers* of which one forgets its vote."""

    def __init__(self, seed: int, workers: tuple[str, ...], **options: Any) -> None:
        super().__init__(seed, workers, **{"records": 60, **options})
        self.trouble = 0.0
        self.steps_left = self.chance.randrange(1, 12 if self.span.is_brief else 40)
        """After so many steps of changes it happens."""
        self.forgetful = ""

    def said(self, name: str, message: ControlMessage) -> None:
        """A step of a change has been said."""
        self.steps_left -= 1
        ready = self.steps_left <= 0 and not self.forgetful and len(self.members) > 2
        there = name in self.members and (self.faulty or self.waits)
        if ready and there and not isinstance(message, Accept):
            self.forgetful = name
            self.later(0.0, self.put_back)

    def put_back(self) -> None:
        """The directory is a copy, and its vote that of when the epoch began."""
        node = self.changing_node(self.forgetful)
        self.say(f"the directory of {node.name} is put back from a copy")
        node.die()
        node.disk.vote, node.disk.restored = None, "it is a copy"
        self.after_death(node)

    def send(self, node: Any, connection: int, message: ControlMessage, stamp: Any) -> None:
        """As ever."""
        super().send(node, connection, message, stamp)
        if isinstance(message, STEPS):
            self.said(node.name, message)

    def check_end(self) -> None:
        """All is done, and who is a copy has never voted again."""
        super().check_end()
        if self.forgetful and self.changing_node(self.forgetful).disk.vote is not None:
            raise ViolationError(f"{self.forgetful} has a vote, and its directory is a copy")


def forget(seed: int, workers: tuple[str, ...], **options: Any) -> RestoredWorld:
    """Run one seed and check it. Raises as `simulate`."""
    return lived(RestoredWorld(seed, workers, **options), seed)
