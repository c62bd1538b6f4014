"""What strikes a change where it hurts most: chance alone would hit there once in many lives."""
# Theory of operation
# ===================
# Who proposes dies when others have just decided. A host burns with its disk, and others are told
# to evict it; where too few would stay, an operator certifies it dead, who may be wrong: then it
# lives on until it hears that it is out. A state directory is put in the place of a copy of it that
# was made before its last vote: its worker knows that it is a copy, and must never vote again.

import random
from collections.abc import Set
from typing import TYPE_CHECKING

from wallarood.control.change.events import ChangeWanted
from wallarood.control.change.proposing.changer_phases import Phase
from wallarood.control.replicas.ring import holder_of
from wallarood.model.change import Change, ChangeKind, Vote
from wallarood.model.messages import ChangeRequest

from .burning import is_spared, lose_again
from .errors import ViolationError

if TYPE_CHECKING:
    from .changing import ChangingWorld
    from .node import Node

ASK_AGAIN_S = 2.5
TRIES = 48
STRIKES = ("restores", "certifies", "lags", "chosen", "copying", "replaces")
"""What of it a life may have."""


def is_enough(
    change: Change, accepted: Set[str], members: tuple[str, ...], dead: Set[str] = frozenset()
) -> bool:
    """Whether *change* is decided, if of the *members* these have accepted it, and some are *dead*.

    An operator has certified that those are.
    """
    certified = {gone.name for gone in change.gone if gone.certified}
    if not certified and len(accepted) > len(members) // 2:
        return True
    if not certified | dead:
        return False
    voters = set(members) - certified - dead
    return voters <= accepted and len(voters) * 2 >= len(members)


class Strikes:
    """Those of one life; how often each comes is drawn once."""

    def __init__(
        self,
        world: "ChangingWorld",
        chance: random.Random,
        *,
        restores: bool,
        certifies: bool,
        lags: bool,
        chosen: bool,
        copying: bool,
        replaces: bool,
    ) -> None:
        self.world, self.chance = world, chance
        self.restores, self.replaces = restores, replaces
        self.proposers = chance.choice([0.0, 0.5, 1.0])
        """How often who proposes dies when others have decided, and has not accepted itself."""
        self._certifies = self.is_wrong = certifies
        self.chosen, self.copying = chosen, copying
        self.looks = 400 if lags or chosen or copying else 0
        """How often is looked for one to lose that lags behind all others by a checkpoint.

        Or for one whose part of what was *chosen* is not copied yet, or any part of it.
        """

    @property
    def certifies(self) -> bool:
        """Whether an operator certifies who is lost; `is_wrong` is whether that one lives."""
        return self._certifies and self.world.evict_after_s is None

    def begin(self) -> None:
        """Let it come, at some time."""
        within_s = self.world.span.within_s
        if self.world.loses:
            self.world.later(3 + self.world.chance.random() * within_s * 5 / 6, self.lose)
        if self.restores:
            self.world.later(3 + self.chance.random() * within_s * 2 / 3, self.restore)

    def accepts(self, name: str, vote: Vote) -> None:
        """A worker is about to write that it accepts: who proposes may be the last to do so."""
        proposes = vote.accepted is not None and vote.accepted.name == name
        if proposes and self.world.faulty and self.chance.random() < self.proposers:
            self.world.disk_slow_until[name] = self.world.now + 0.01

    def decided(self, vote: Vote) -> None:
        """A majority has just accepted what *vote* has."""
        assert vote.accepted is not None
        proposer = self.world.changing_node(vote.accepted.name)
        own = proposer.disk.vote
        if own is not None and own.change == vote.change:
            return
        if self.world.faulty and self.chance.random() < self.proposers:
            self.world.later(0.0, lambda: self.world.kill(proposer) if proposer.alive else None)

    def amid_change(self, node: "Node", connection: int) -> None:
        """Something goes wrong between two steps of a change."""
        world = self.world
        match world.chance.randrange(4):
            case 0:
                if node.alive:
                    world.kill(node)
            case 1:
                world.say(f"{node.name} is stopped between two steps")
                node.stopped_until = world.now + world.chance.random() * 12
            case 2:
                for wire in world.wires:
                    if wire.number == connection:
                        world.cut(wire)
            case _:
                world.parted = {node.name}
                world.later(world.chance.random() * 12, world.parted.clear)

    # ---- losses ----------------------------------------------------------------------------------

    def lose(self) -> None:
        """A host burns with its disk, where a copy of it is elsewhere; others are told to evict."""
        world = self.world
        idle = all(
            node.brain is None
            or node.brain.machines.changer is None
            or node.brain.machines.changer.phase is Phase.IDLE
            for node in world.nodes.values()
        )
        bound = any(world.is_bound(name) for name in world.nodes)
        told = max(world.decided, default=1) == world.epoch
        begun = world.decided[world.epoch].basis.number if world.epoch > 1 else 0
        enough = len(world.members) > (1 if self.certifies or self.replaces else 2)
        safe = list(world.members)
        if world.truth <= begun and world.versions.upgrades:
            change = world.decided.get(world.epoch)
            safe = [name for name in safe if change and is_spared(world, name, change)]
        fresh = world.truth > begun or world.versions.upgrades
        ready = enough and fresh and bool(safe)
        copied = world.replicas > 0 and world.truth > world.copied_later.until
        ready = ready and idle and not bound and told and (copied or not world.copied_later.wanted)
        if not ready or not world.lasts:
            if world.faulty or world.waits:
                world.later(0.3, self.lose)
            return
        lagging = [name for name in safe if self.lags(name)]
        if self.looks and not lagging:
            self.looks -= 1
            world.later(0.02, self.lose)
            return
        name = world.chance.choice(lagging or safe)
        if self.replaces:
            self.burn_and_replace(name)
        elif self.certifies and self.is_wrong:
            world.say(f"{name} is certified dead, and lives")
            world.lost.add(name)
            if self.chance.random() < 0.5:  # what is copied just then is tried again later
                until = world.now + self.chance.random() * (0.2 if self.copying else 3)
                world.disk_full_until[holder_of(name, world.members)] = until
            world.evict(name, world.epoch, TRIES)
        else:
            world.burn(name, "are lost")
            lose_again(world)

    def lags(self, name: str) -> bool:
        """Whether all others hold a checkpoint that is not committed, for want of this one."""
        node = self.world.nodes[name]
        if self.copying:
            link = node.copies_out
            return link is not None and link.open and not link.there.issuperset(link.coming)
        if self.chosen:
            brain = node.brain
            copies = brain.machines.copies if brain is not None else None
            return copies is not None and copies.keeps_round
        others = [self.world.changing_node(n).disk.held for n in self.world.members if n != name]
        common = frozenset.intersection(*others) if others else frozenset()
        return any(each.number > self.world.truth for each in common)

    def evict(self, name: str, epoch: int, tries: int) -> None:
        """Ask for a lost worker to be evicted, at any other, until the cluster has changed."""
        world = self.world
        if name not in world.members or not tries:
            return
        node = world.nodes[world.chance.choice([n for n in world.members if n != name])]
        if node.alive:
            world.requests += 1
            request = ChangeRequest(
                f"r{world.requests}", ChangeKind.EVICT, (name,), certified=self.certifies
            )
            world.say(f"{node.name} is asked to evict {name}")
            if self.certifies:
                world.certify(name)
            node.give(ChangeWanted(request))
        world.later(ASK_AGAIN_S, lambda: world.evict(name, epoch, tries - 1))

    def check_answer(self, name: str, text: str) -> None:
        """Of all that is lost here there are copies: no operator must give up what came after."""
        if "loses what came after" in text:
            raise ViolationError(f"{name} is asked to go back, and nothing is lost: {text}")

    # ---- another disk ----------------------------------------------------------------------------

    def burn_and_replace(self, name: str) -> None:
        """A disk burns, and its worker is started on an empty one to be what it was."""
        world, node = self.world, self.world.changing_node(name)
        world.say(f"the disk of {name} is lost, and it is to be replaced")
        node.die()
        node.disk.destroy()
        node.new_seat()
        node.replaces, node.contact = True, ""
        self.replace(name, TRIES)
        world.later(self.chance.random() * 3, node.start)

    def replace(self, name: str, tries: int) -> None:
        """Say, at any other, that it is to be replaced, until it is."""
        world, node = self.world, self.world.changing_node(name)
        others = [world.nodes[other] for other in world.members if other != name]
        if node.disk.record is not None or name not in world.members or not tries or not others:
            return
        asked = self.chance.choice(others)
        if asked.alive:
            world.requests += 1
            few = len(world.members) < 3  # no majority is left
            request = ChangeRequest(
                f"r{world.requests}", ChangeKind.REPLACE, (name,), certified=few
            )
            world.say(f"{asked.name} is asked to replace {name}")
            if few:
                world.certify(name)
            asked.give(ChangeWanted(request))
        world.later(ASK_AGAIN_S, lambda: self.replace(name, tries - 1))

    # ---- copies ----------------------------------------------------------------------------------

    def restore(self) -> None:
        """A worker is started on a copy of its directory that was made before its last vote."""
        world = self.world
        present = [
            name
            for name in world.members
            if world.changing_node(name).disk.epoch == world.epoch and name not in world.lost
        ]
        if len(world.members) < 3 or not present or not world.lasts:
            if world.faulty:
                world.later(0.3, self.restore)
            return
        node = world.changing_node(self.chance.choice(present))
        world.say(f"{node.name} is put on a copy of its directory")
        if node.alive:
            world.kill(node)
        node.disk.restored, node.disk.vote = "a copy", None
