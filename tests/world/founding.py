"""The founding of the cluster of a world: how workers start, whom they seek, what must never be."""
# Theory of operation
# ===================
# Workers start as the packaged unit starts them, with ``--cluster-id auto``, or as by hand, without
# it. One that is started without it, and alone, leaves a cluster that has begun, as it is told to:
# so in such a world a death after that is the death of all. When the initializer's flag moves, each
# death of all gives it to another worker, and takes it back if one objects.

from typing import TYPE_CHECKING

import attrs

from wallarood.control.formation.joiner import Joiner
from wallarood.control.formation.startup import FormNew, GoOn, Role, Stop, decide, role_in
from wallarood.model.cluster_record import ClusterRecord, RecordState
from wallarood.model.messages import Committed, ControlMessage, Never, Prepared

from .errors import ViolationError

if TYPE_CHECKING:
    from .node import Node
    from .world import World

FINGERPRINT = ("application simulated",)


@attrs.frozen
class Founding:
    """How workers are started. `wanted` is the ``--cluster-id`` of every start.

    `kill_all_at` are the numbers of the effects before which all die. The last three are bugs.
    """

    wanted: str | None = "auto"
    kill_all_at: tuple[int, ...] = ()
    flag_moves: bool = False
    gives_way: bool = True
    role_by_flag: bool = False
    forget_doubt: bool = False


@attrs.define(eq=False)
class Founders:
    """The workers of *world*, as far as the founding goes."""

    world: "World"
    how: Founding
    flagged: str
    """Who is started as the initializer."""
    effects: int = 0
    committed_ever: set[str] = attrs.field(factory=set)
    said_never: set[str] = attrs.field(factory=set)
    put_aside: set[str] = attrs.field(factory=set)

    # ---- processes -------------------------------------------------------------------------------

    def starts(self, node: "Node") -> tuple[Role, ClusterRecord | None] | None:
        """What a worker does at its start; None if it objects, and all are started again."""
        flag = Role.INITIALIZER if node.name == self.flagged else Role.JOINER
        found = node.disk.record
        by_flag = self.how.role_by_flag
        started_as = role_in(found) if by_flag and found is not None else flag
        version = self.version_of(node)
        decision = decide(
            found, self.how.wanted, worker=node.name, fingerprint=version, role=started_as
        )
        record: ClusterRecord | None = None
        match decision:
            case GoOn(found):
                record = found
            case FormNew(old):
                if old is not None:
                    self.archives(node)
            case Stop(error) if self.how.flag_moves:
                self._objects(node, error)
                return None
            case other:
                raise ViolationError(f"{node.name} cannot start: {other}")
        if record is not None and record.state is RecordState.PREPARED:
            first = role_in(record) is Role.INITIALIZER
            if first:
                node.disk.nevers.add(record.cluster_id)
            if first or self.how.forget_doubt:
                node.disk.forget()
                record = None
        return flag if record is None or by_flag else role_in(record), record

    def version_of(self, node: "Node") -> tuple[str, ...]:  # noqa: ARG002 - there is one here
        """The application that a worker goes on with."""
        return FINGERPRINT

    def _objects(self, node: "Node", error: Exception) -> None:
        self.world.say(f"{node.name} objects: {error}")
        assert node.disk.record is not None
        self.flagged = node.disk.record.initializer
        for other in self.world.nodes.values():
            if other.alive:
                self.world.kill(other)
        self.world.later(self.world.rng.random() * 2, node.start)

    def archives(self, node: "Node") -> None:
        """A worker puts its cluster aside."""
        if self.how.wanted is None and node.disk.record is not None:
            self.put_aside.add(node.disk.record.cluster_id)
        node.disk.forget()

    def all_die(self) -> bool:
        """Whether all die before this effect."""
        self.effects += 1
        return self.effects in self.how.kill_all_at

    @property
    def live_alone(self) -> bool:
        """Whether a worker may die and the others live on."""
        return self.how.wanted is not None or not any(
            node.disk.record is not None and node.disk.record.state is RecordState.STARTED
            for node in self.world.nodes.values()
        )

    def mishap(self) -> None:
        """Something goes wrong while a cluster is founded."""
        world = self.world
        match world.rng.randrange(3):
            case 0:
                node = world.nodes[world.rng.choice(world.workers)]
                world.kills(node)
                if node.alive:
                    world.kill(node)
            case 1:
                for wire in world.wires:
                    if world.rng.random() < 0.5:
                        world.cut(wire)
            case _:
                world.parted = {world.rng.choice(world.workers)}
                world.later(world.rng.random() * 6, world.parted.clear)

    def kill_others(self, node: "Node") -> None:
        """All die with *node*."""
        self.world.say("all die")
        if self.how.flag_moves:
            self.flagged = self.world.rng.choice(self.world.workers)
        for other in self.world.nodes.values():
            if other is not node and other.alive:
                self.world.kill(other)

    # ---- connections -----------------------------------------------------------------------------

    def sought(self, node: "Node") -> list[tuple[str, str]]:
        """Whom a worker dials, and as whom: the leader has no name as long as there is none."""
        workers, record = node.decides.workers, node.disk.record
        joins = isinstance(node.decides.machines.formation, Joiner)
        if workers[:1] == (node.name,) or not joins:
            return []
        leader = self.flagged
        if record is not None and record.initializer != leader:
            leader = self.world.rng.choice([leader, record.initializer])
        others = workers[1 : workers.index(node.name)] if node.formed else ()
        found = [(leader, ""), *((name, name) for name in others)]
        return [pair for pair in found if pair[0] != node.name]

    # ---- what must never be ----------------------------------------------------------------------

    def check_record(self, record: ClusterRecord) -> None:
        """At most one cluster is committed anywhere, all hold it, and it was not given up."""
        if record.state is RecordState.PREPARED:
            return
        self.committed_ever.add(record.cluster_id)
        if record.cluster_id in self.said_never:
            raise ViolationError(f"{record.cluster_id} is committed after it was said to be never")
        nodes = self.world.nodes
        records = [node.disk.record for node in nodes.values()]
        known = {r.cluster_id for r in records if r and r.state is not RecordState.PREPARED}
        if len(known) > 1:
            raise ViolationError(f"two clusters are committed: {known}")
        first = nodes[record.initializer].disk.record
        if first is None or first.cluster_id != record.cluster_id:
            raise ViolationError(f"{record.cluster_id} is committed, but not at the initializer")
        for node in nodes.values():
            held = node.disk.record
            if held is None or held.cluster_id != record.cluster_id:
                raise ViolationError(f"{record.cluster_id} is committed, but {node.name} lacks it")

    def check_formed(self, node: "Node", record: ClusterRecord) -> None:
        """Whoever takes part in a cluster knows that it is committed."""
        if record.state is RecordState.PREPARED:
            raise ViolationError(f"{node.name} takes part in {record.cluster_id} before it exists")

    def check_said(self, node: "Node", message: ControlMessage) -> None:
        """What is said is durable where it is said."""
        held = node.disk.record
        state = held.state if held is not None else None
        match message:
            case Never(cluster_id):
                self.said_never.add(cluster_id)
                if cluster_id not in node.disk.nevers:
                    raise ViolationError(f"{node.name} says never of {cluster_id}: not durable")
                if cluster_id in self.committed_ever - self.put_aside:
                    raise ViolationError(f"{node.name} says never of {cluster_id}: it is committed")
            case Prepared(cluster_id):
                if held is None or held.cluster_id != cluster_id:
                    raise ViolationError(f"{node.name} says prepared of {cluster_id}: not durable")
            case Committed(cluster_id):
                here = held is not None and held.cluster_id == cluster_id
                if not here or state is RecordState.PREPARED:
                    raise ViolationError(f"{node.name} says committed of {cluster_id}: not durable")

    @property
    def begun(self) -> bool:
        """Whether every worker has begun the first round of a cluster."""
        records = [node.disk.record for node in self.world.nodes.values() if node.formed]
        begun = [record for record in records if record and record.state is RecordState.STARTED]
        return len(begun) == len(self.world.nodes)

    def check_end(self) -> None:
        """All workers are in one cluster, with one ID and one topology."""
        if not self.begun:
            states = {node.name: node.brain and node.brain.state for node in self._nodes}
            raise ViolationError(f"no cluster after {self.world.now:.0f} s: {states}")
        found = {node.disk.record and node.disk.record.topology for node in self._nodes}
        clusters = {node.disk.record and node.disk.record.cluster_id for node in self._nodes}
        if len(clusters) != 1 or len(found) != 1:
            raise ViolationError(f"not one cluster: {clusters}")

    @property
    def _nodes(self) -> "list[Node]":
        return list(self.world.nodes.values())
