"""Journals in a world with copies: what their clients were told is there must not be lost."""
# Theory of operation
# ===================
# A worker whose job runs writes what its client sends into a journal on its own disk, and tells the
# client when its holder has that, too. What is sent to a holder on one connection is in order: what
# the journal has goes ahead of a part that was taken after it. On a new connection all is compared
# first; from then on the copy is whole, and noted so with the epoch.
#
# When a seat is lost, its journal goes on as the copy that was whole last. It must have all that
# the client was told is there, and all that the part at the basis has taken in.

import random
from typing import TYPE_CHECKING, Any

import attrs

from wallarood.model.change import Change

from .errors import ViolationError

if TYPE_CHECKING:
    from .replicas import CopyLink
    from .world import World

LATE_S = 5.0
WRITES = 0.3
"""How likely something comes in one step of time."""


@attrs.define
class Journal:
    """On the disk of its worker."""

    entries: int = 0
    told: int = 0
    """Of how many the client was told."""
    taken: dict[tuple[int, int], int] = attrs.field(factory=dict)
    """How many were there when the part of each checkpoint, by round and number, was taken."""


@attrs.define
class Copy:
    """On the disk of a holder."""

    entries: int = 0
    epoch: int = 0
    """In which it was whole last."""


class Journals:
    """Those of all seats of a world of `ChangingNode`s, and their copies. The flags are bugs."""

    def __init__(
        self, world: "World", chance: random.Random, *, told_early: bool, part_first: bool
    ) -> None:
        self.world, self.chance = world, chance
        self.told_early, self.part_first = told_early, part_first
        self.of: dict[tuple[str, str], Journal] = {}
        """By the name and the seat of their workers."""
        self.copies: dict[tuple[str, str], dict[tuple[str, str], Copy]] = {}
        """By those of their holders: what is on a disk is lost with its seat."""
        self.staged: dict[tuple[Change, str, str], int] = {}
        """How much of the journal of a lost seat goes on."""
        self.left: dict[tuple[str, str], int] = {}
        """The same, once that is decided."""

    def mine(self, node: Any) -> Journal:
        """That of a worker."""
        return self.of.setdefault((node.name, node.disk.seat), Journal())

    def copy(self, holder: Any, owner: Any) -> Copy:
        """The copy of the journal of *owner* on the disk of *holder*."""
        here = self.copies.setdefault((holder.name, holder.disk.seat), {})
        return here.setdefault((owner.name, owner.disk.seat), Copy())

    def kept_by(self, holder: Any) -> tuple[tuple[str, int], ...]:
        """In which epoch the copies on the disk of *holder* were whole last, by their owners."""
        kept: dict[str, int] = {}
        for (name, _), copy in self.copies.get((holder.name, holder.disk.seat), {}).items():
            kept[name] = max(copy.epoch, kept.get(name, 0))
        return tuple(kept.items())

    def write(self, node: Any) -> None:
        """Something may come in, if the job of a worker runs."""
        link = node.copies_out
        there = link is not None and link.open and link.compared
        if not (there or self.told_early) or self.chance.random() >= WRITES:
            return
        journal = self.mine(node)
        journal.entries += 1
        if self.told_early:
            journal.told = journal.entries
        if there:
            self.send(link)

    def taken(self, node: Any, round_: int, number: int) -> None:
        """A part is taken, which has all that has come in."""
        journal = self.mine(node)
        journal.taken[round_, number] = journal.entries

    def send(self, link: "CopyLink", *, compares: bool = False) -> None:
        """What has come in is on its way to the holder, and told when it is there."""
        owner, holder = link.owner, link.holder
        journal, entries = self.mine(owner), self.mine(owner).entries
        seat, delay = owner.disk.seat, self.chance.random() * 0.03

        def told() -> None:
            link.compared = True
            journal.told = max(journal.told, entries)
            self._check(owner.name, seat)

        def arrives() -> None:
            copy = self.copy(holder, owner)
            copy.entries = max(copy.entries, entries)
            if compares:
                copy.epoch = max(copy.epoch, owner.disk.epoch)
            link.travels(0, told, delay)

        if (self.part_first or self.told_early) and not compares:
            self.world.later(LATE_S, arrives)
        else:
            link.travels(1, arrives, delay)

    # ---- what must never be ----------------------------------------------------------------------

    def stage(self, change: Change, name: str, seat: str) -> None:
        """The journal of a lost seat is had from the copy that was whole last."""
        here = {(each.name, each.seat) for each in change.members}
        there = [
            copies[name, seat]
            for holder, copies in self.copies.items()
            if (name, seat) in copies and holder in here
        ]
        entries = max(there, key=lambda copy: copy.epoch).entries if there else 0
        self.staged.setdefault((change, name, seat), entries)

    def lose(self, change: Change, name: str, seat: str) -> None:
        """A seat is lost: what goes on as its journal lacks nothing."""
        entries, journal = self.staged.get((change, name, seat), 0), self.of.get((name, seat))
        if journal is None:
            return
        self.left[name, seat] = entries
        self._check(name, seat)
        taken = journal.taken.get((change.basis.round, change.basis.number), 0)
        if entries < taken:
            raise ViolationError(
                f"the part of {name} of {change.basis} has {taken} entries of its journal, and "
                f"{entries} are left"
            )

    def _check(self, name: str, seat: str) -> None:
        told, left = self.of[name, seat].told, self.left.get((name, seat))
        if left is not None and left < told:
            raise ViolationError(
                f"{told} entries of the journal of {name} were acknowledged, and {left} are left"
            )

    def replace(self, name: str, before: str, seat: str) -> None:
        """Another seat goes on with it."""
        left = self.left.get((name, before), 0)
        self.of.setdefault((name, seat), Journal(left, left))
