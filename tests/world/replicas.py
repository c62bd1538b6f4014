"""Copies of parts in the simulated world: links of owners to holders, and what must never be."""

from collections.abc import Callable
from typing import TYPE_CHECKING, assert_never

import attrs

from wallarood.control.events import Event
from wallarood.control.replicas import effects as do
from wallarood.control.replicas.events import (
    HolderHas,
    HolderLost,
    OwnerCame,
    OwnerLost,
    PartCaptured,
    PartHeld,
    ReplicaLacking,
    ReplicaWritten,
)
from wallarood.control.replicas.ring import holder_of
from wallarood.model.change import PartName
from wallarood.model.checkpoint import CheckpointPart
from wallarood.model.errors import DamagedStateError
from wallarood.model.messages import RoundProposal
from wallarood.model.messages.replicas import ChunkGroup, Has, PartWanted
from wallarood.runtime.peers.captured import Captured
from wallarood.storage.checkpoints import CheckpointStore
from wallarood.storage.part_reader import captured_part, own_part

from .errors import ViolationError

if TYPE_CHECKING:
    from .node import Node
    from .world import World

AGAIN_S = 0.2


@attrs.define(eq=False)
class CopyLink:
    """The link of an owner in one round. Lives are those of the processes that are connected."""

    owner: "Node"
    holder: "Node"
    round: int
    lives: list[int]
    open: bool = False
    wanted: bool = True
    there: set[ChunkGroup] = attrs.field(factory=set)
    coming: tuple[ChunkGroup, ...] = ()
    captured: Captured | None = None
    """The last part that is about to be written here: it need not be read to be sent."""
    arrives_at: list[float] = attrs.field(factory=lambda: [0.0, 0.0])
    connection: int = 0
    """How often it was open: what was on its way when it broke arrives on no later connection."""
    compared: bool = False
    """Whether the holder has what the journal had when they connected."""

    @property
    def world(self) -> "World":
        """Where it is."""
        return self.owner.world

    def dial(self) -> None:
        """Connect, if both live and are not parted; else again later."""
        if not self.wanted or self.owner.life != self.lives[0] or self.open:
            return
        parted = self.world.are_parted(self.owner.name, self.holder.name)
        if not self.holder.alive or parted or not self.holder.formed:
            self.world.later(AGAIN_S, self.dial)
            return
        self.compared = False
        self.connection += 1
        self.open, self.lives[1] = True, self.holder.life
        self.holder.copies_in[self.owner.name] = self
        self.to_holder(OwnerCame(self.owner.name, self.round))

    def cut(self) -> None:
        """It breaks: both ends learn of it, and the owner dials again."""
        if self.open:
            self.open = False
            self._give(self.owner, self.lives[0], HolderLost())
            lost = OwnerLost(self.owner.name)
            self._give(self.holder, self.lives[1], lost, lambda: self.is_current)
            self.world.later(AGAIN_S, self.dial)

    @property
    def is_current(self) -> bool:
        """Whether the owner has made no other connection since."""
        return self.holder.copies_in.get(self.owner.name) is self and not self.open

    def _give(
        self, node: "Node", life: int, event: Event, so: Callable[[], bool] = lambda: True
    ) -> None:
        def give() -> None:
            if node.alive and node.life == life and so():
                node.give(event)

        self.world.later(self.world.rng.random() * 0.03, give)

    def _travels(self, to: int, event: Event) -> None:
        node = (self.owner, self.holder)[to]
        slow = self.world.faulty and self.world.rng.random() < 0.05
        delay = self.world.rng.random() * (1.5 if slow else 0.03)
        self.travels(to, lambda: self._arrive(node, event), delay)

    def travels(self, to: int, arrive: Callable[[], None], delay: float) -> None:
        """Something is sent to the owner (0) or the holder (1), and comes after what is ahead."""
        node, life = (self.owner, self.holder)[to], self.lives[to]
        at = self.arrives_at[to] = max(self.world.now + delay, self.arrives_at[to])
        connection = self.connection

        def arrives() -> None:
            same = self.open and self.connection == connection
            if same and node.alive and node.life == life:
                arrive()

        self.world.later(at - self.world.now, arrives)

    def _arrive(self, node: "Node", event: Event) -> None:
        if isinstance(event, PartHeld):
            self.there |= set(self.coming)
            if self.captured is not None and self.captured.head.part == event.part:
                self.captured = None
        if isinstance(event, HolderHas) and self.world.journals is not None:
            self.world.journals.send(self, compares=True)
        node.give(event)

    def to_holder(self, event: Event) -> None:
        """What the holder hears."""
        self._travels(1, event)

    def to_owner(self, event: Event) -> None:
        """What the owner hears."""
        self._travels(0, event)

    def tells(self, has: Has) -> None:
        """The holder says what it has."""
        self.there, self.coming = set(has.groups), ()
        self.to_owner(HolderHas(has.parts))

    def begins(self, proposal: RoundProposal) -> None:
        """The owner begins a round: note where it has no copy of what that starts from."""
        start = (proposal.checkpoint.round, proposal.checkpoint.number)
        there = [part for part in self.holder.disk.replicas if part.owner == self.owner.name]
        if start not in {(part.round, part.number) for part in there}:
            self.world.say(f"{self.owner.name} begins a round without a copy of its start")

    def capture(self, store: CheckpointStore, part: CheckpointPart) -> None:
        """A part is about to be written: it can be sent by now."""
        record, life = self.owner.disk.record, self.owner.life
        assert record is not None
        part = self.world.bugs.part(store, part)
        captured = Captured(*captured_part(store, part, record.topology.epoch))

        def post() -> None:
            if self.owner.life == life and self.owner.copies_out is self:
                self.captured = captured
                self.owner.give(PartCaptured(part.checkpoint))

        self.world.later(self.world.rng.random() * 0.01, post)

    def send(self, part: PartName) -> None:
        """The owner sends what the holder lacks of a part, and it is written there."""
        assert self.owner.store is not None
        try:
            found = self.captured.without(part, self.there) if self.captured is not None else None
            head, chunks = found or own_part(self.owner.store, PartWanted(part), self.there)
            sent = [chunk for some in chunks for chunk in some]
        except DamagedStateError:  # it was void by then
            self.cut()
            return
        self.coming, owner = head.groups, self.owner
        connection = self.connection

        def write(store: CheckpointStore) -> bool | None:
            copies = self.holder.decides.machines.copies
            if store.round != self.round or copies is None or not copies.holder.takes(self.round):
                return None
            if (part.round, part.number) not in {(h.round, h.number) for h in owner.disk.held}:
                self.world.say(f"{self.holder.name} has {part} before {owner.name} has")
            return store.replicas.write(part, head.manifest, sent)

        def written(whole: bool | None) -> None:
            if whole is None:
                self.cut()
            elif self.open and self.connection == connection:
                lacking = ReplicaLacking(self.owner.name)
                self.holder.posted.append(ReplicaWritten(part) if whole else lacking)

        def arrives() -> None:
            if self.holder.store is None:
                return
            if self.world.bugs.early_held:
                self.holder.give(ReplicaWritten(part))
                if self.holder.life == self.lives[1]:
                    self.holder.stored(write, lambda _: None)
            else:
                self.holder.stored(write, written)

        self.travels(1, arrives, self.world.rng.random() * 0.2)


def perform(node: "Node", effect: do.OfReplicas) -> None:
    """What the runtime does, see `wallarood.runtime.replicas`."""
    link = node.copies_out
    match effect:
        case do.SeekHolder(holder, round_):
            lives = [node.life, -1]
            link = node.copies_out = CopyLink(node, node.world.nodes[holder], round_, lives)
            node.world.later(node.world.rng.random() * 0.05, link.dial)
        case do.LeaveHolder():
            if link is not None:
                link.wanted = False
                link.cut()
                node.copies_out = None
        case do.SendPart(part):
            if link is not None and link.open:
                link.send(part)
        case do.TellReplicas(owner):
            incoming = node.copies_in.get(owner)
            if incoming is not None:
                layout = node.disk.record.topology.epoch if node.disk.record is not None else 1
                node.stored(lambda store: store.replicas.has((layout, owner)), incoming.tells)
        case do.SayHeld(part):
            incoming = node.copies_in.get(part.owner)
            if incoming is not None:
                incoming.to_owner(PartHeld(part))
        case do.DropOwner(owner):
            if owner in node.copies_in:
                node.copies_in[owner].cut()
        case _:
            assert_never(effect)


def cut_all_of(world: "World", name: str) -> None:
    """A process has ended, and its links with it."""
    for node in world.nodes.values():
        link = node.copies_out
        if link is not None and name in (link.owner.name, link.holder.name):
            link.cut()


def check_void(node: "Node", store: CheckpointStore, proposal: RoundProposal) -> None:
    """What is above a choice is void, replicas of others as well."""
    for part in store.replicas.held:
        if part.number > proposal.checkpoint.number:
            raise ViolationError(
                f"{node.name} keeps the replica {part} above {proposal.checkpoint}, where round "
                f"{proposal.round} starts"
            )


def _ring(world: "World") -> tuple[str, ...]:
    """The workers in the order in which they have become a cluster."""
    record = world.nodes[world.workers[0]].disk.record
    assert record is not None
    return record.topology.workers


def check_copied(world: "World", number: int) -> None:
    """What is published can be rebuilt without any one disk."""
    workers = _ring(world)
    disks = [world.nodes[name].disk for name in workers]
    common = frozenset.intersection(*(disk.held for disk in disks))
    for name in workers:
        holder = world.nodes[holder_of(name, workers)].disk
        copied = {(part.round, part.number) for part in holder.replicas if part.owner == name}
        common = frozenset(each for each in common if (each.round, each.number) in copied)
    if not any(each.number >= number for each in common) and number > 0:
        raise ViolationError(f"{number} is published, and a part of it is on one disk only")


def check_same(world: "World") -> None:
    """A replica is what its owner has."""
    workers = _ring(world)
    for name in workers:
        node, holder = world.nodes[name], world.nodes[holder_of(name, workers)]
        assert node.store is not None
        assert holder.store is not None
        for part in holder.store.replicas.held:
            own = part.owner == name and part.number in node.store.manifests
            if own and holder.store.replicas.restore(part) != node.store.restore(part.number):
                raise ViolationError(f"the replica {part} is not what {name} has")
