"""A simulated world in which the real machines of formation run: one seed, the whole cluster.

Workers have a disk that survives a crash, and connections on which messages may be lost, doubled,
late and out of order; connections are cut, workers are parted from each other, and a worker may die
between any two effects, or all of them at once. They start again as the packaged unit starts them,
with ``--cluster-id auto``, or as by hand, without. The world ends when every worker has begun the
first round of one cluster: what follows is a matter of recovery.
"""

import heapq
import itertools
import random
from collections.abc import Callable
from typing import Any

import attrs

from wallarood.control import effects as do
from wallarood.control.effects import Effect
from wallarood.control.events import (
    ConnectionLost,
    ConnectionMessage,
    ConnectionOpened,
    Event,
    TimerFired,
)
from wallarood.control.formation.founding import Founder
from wallarood.control.formation.initializer import Initializer
from wallarood.control.formation.joiner import Joiner
from wallarood.control.formation.startup import FormNew, GoOn, Role, Stop, decide, role_in
from wallarood.model.cluster_record import ClusterRecord, RecordState
from wallarood.model.ids import Address, Incarnation
from wallarood.model.messages import (
    PROTOCOL_VERSION,
    Attach,
    Committed,
    Member,
    Never,
    Prepared,
)
from wallarood.model.topology import Topology

FAULTS_END_S = 15.0
WORLD_ENDS_S = 150.0
FINGERPRINT = ("application simulated",)

Transform = Callable[["Sim", str, list[Effect]], list[Effect]]


class SimulationError(AssertionError):
    """Something that must never be was seen."""


@attrs.define
class Disk:
    """What a worker has made durable."""

    record: ClusterRecord | None = None
    nevers: set[str] = attrs.field(factory=set)
    starts: int = 0


@attrs.define(eq=False)
class Wire:
    """A connection between a joiner and the initializer, and its number at either end."""

    ends: tuple[str, str]
    lives: tuple[int, int]
    number: int
    open: bool = True


@attrs.define(eq=False)
class Node:
    """A worker: its disk, and its process while it lives."""

    name: str
    disk: Disk = attrs.field(factory=Disk)
    machine: Initializer | Joiner | None = None
    life: int = 0
    formed: ClusterRecord | None = None


def faithfully(_sim: "Sim", _worker: str, effects: list[Effect]) -> list[Effect]:
    """Effects as the machine wants them; planted bugs are other functions of this form."""
    return effects


@attrs.define(eq=False, slots=False)
class Sim:
    """The world. `loss`, `doubling` and `death` are probabilities, drawn from the seed.

    `wanted` is the ``--cluster-id`` of every start. Without it a worker that is started alone
    leaves a cluster that has begun, as it is told to: then such a death is the death of all.
    `kill_all_at` are the numbers of the effects before which all die. `flag_moves`: with each such
    death another worker is made the initializer, and made it no more if a worker objects.
    """

    seed: int
    wanted: str | None = "auto"
    kill_all_at: tuple[int, ...] = ()
    flag_moves: bool = False
    gives_way: bool = True
    role_by_flag: bool = False
    workers: tuple[str, ...] = ("alpha", "beta", "gamma")
    transform: Transform = faithfully
    forget_doubt: bool = False
    initializer: type[Initializer] = Initializer
    now: float = 0.0
    log: list[str] = attrs.field(factory=list)

    def __attrs_post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        self.nodes = {name: Node(name) for name in self.workers}
        self.wires: list[Wire] = []
        self.agenda: list[tuple[float, int, Callable[[], None]]] = []
        self.order = itertools.count()
        self.numbers = itertools.count()
        self.loss = self.rng.choice([0.0, 0.02, 0.2])
        self.doubling = self.rng.choice([0.0, 0.05, 0.3])
        self.death = self.rng.choice([0.0, 0.01, 0.05])
        self.parted: set[str] = set()
        self.committed_ever: set[str] = set()
        self.said_never: set[str] = set()
        self.put_aside: set[str] = set()
        self.flagged = self.workers[0]
        self.effects = 0

    # ---- time ------------------------------------------------------------------------------------

    def later(self, delay: float, action: Callable[[], None]) -> None:
        heapq.heappush(self.agenda, (self.now + delay, next(self.order), action))

    @property
    def faulty(self) -> bool:
        return self.now < FAULTS_END_S

    @property
    def done(self) -> bool:
        return all(
            node.formed is not None
            and node.disk.record is not None
            and node.disk.record.state is RecordState.STARTED
            for node in self.nodes.values()
        )

    def run(self) -> None:
        """Run until all are in the cluster or time is up; raises SimulationError."""
        for name in self.workers:
            self.later(self.rng.random() * 3, lambda name=name: self.start(name))
        for _ in range(self.rng.randrange(6)):
            self.later(self.rng.random() * FAULTS_END_S, self.mishap)
        self.later(0.1, self.tick)
        while self.agenda and not self.done and self.now < WORLD_ENDS_S:
            self.now, _, action = heapq.heappop(self.agenda)
            action()

    def tick(self) -> None:
        """What shells do all the time: dial, look at deadlines."""
        for node in self.nodes.values():
            machine = node.machine
            if machine is None:
                continue
            deadline = machine.deadline
            if deadline is not None and deadline <= self.now:
                self.give(node, TimerFired())
            if isinstance(node.machine, Joiner) and self.wire_of(node.name) is None:
                self.dial(node)
        if all(node.formed is not None for node in self.nodes.values()):
            for node in self.nodes.values():
                begin = self.begin_round(node.name, node.life)
                self.later(self.rng.random() * 0.5, begin)
        self.later(0.1 + self.rng.random() * 0.1, self.tick)

    def begin_round(self, name: str, life: int) -> Callable[[], None]:
        """All are there: each begins the first round when it hears of it."""

        def begin() -> None:
            node = self.nodes[name]
            if node.life == life and node.formed is not None:
                started = attrs.evolve(node.formed, state=RecordState.STARTED)
                self.perform(node, [do.Persist(started)])

        return begin

    # ---- faults ----------------------------------------------------------------------------------

    def mishap(self) -> None:
        if not self.faulty:
            return
        match self.rng.randrange(3):
            case 0:
                self.die(self.nodes[self.rng.choice(self.workers)])
            case 1:
                for wire in self.wires:
                    if wire.open and self.rng.random() < 0.5:
                        self.cut(wire)
            case _:
                self.parted = {self.rng.choice(self.workers)}
                self.later(self.rng.random() * 6, self.parted.clear)

    def die_all(self) -> None:
        self.log.append(f"{self.now:.2f} all die")
        if self.flag_moves:
            self.flagged = self.rng.choice(self.workers)
        for node in self.nodes.values():
            self.end(node)

    def die(self, node: Node) -> None:
        """A worker dies; all do where it would leave a cluster that has begun."""
        records = [each.disk.record for each in self.nodes.values()]
        begun = any(each is not None and each.state is RecordState.STARTED for each in records)
        if begun and self.wanted is None:
            self.die_all()
        else:
            self.end(node)

    def end(self, node: Node) -> None:
        if node.machine is None:
            return
        self.log.append(f"{self.now:.2f} {node.name} dies")
        node.machine, node.formed = None, None
        node.life += 1
        for wire in self.wires:
            if wire.open and node.name in wire.ends:
                self.cut(wire)
        self.later(self.rng.random() * 2, lambda: self.start(node.name))

    def cut(self, wire: Wire) -> None:
        wire.open = False
        for end, life in zip(wire.ends, wire.lives, strict=True):
            lost = ConnectionLost(wire.number)
            self.later(self.rng.random() * 0.5, self.for_life(end, life, lost))

    def for_life(self, name: str, life: int, event: Event) -> Callable[[], None]:
        def give() -> None:
            node = self.nodes[name]
            if node.life == life and node.machine is not None:
                self.give(node, event)

        return give

    # ---- processes -------------------------------------------------------------------------------

    def start(self, name: str) -> None:
        node = self.nodes[name]
        if node.machine is not None:
            return
        node.disk.starts += 1
        role = Role.INITIALIZER if name == self.flagged else Role.JOINER
        found = node.disk.record
        said = role_in(found) if self.role_by_flag and found is not None else role
        decision = decide(found, self.wanted, worker=name, fingerprint=FINGERPRINT, role=said)
        record: ClusterRecord | None = None
        match decision:
            case GoOn(found):
                record = found
            case FormNew(old):
                if old is not None:
                    self.archive(node)
            case Stop(error) if self.flag_moves:
                self.log.append(f"{self.now:.2f} {name} objects: {error}")
                assert node.disk.record is not None
                self.flagged = node.disk.record.initializer
                for each in self.nodes.values():
                    self.end(each)
                self.later(self.rng.random() * 2, lambda: self.start(name))
                return
            case other:
                raise SimulationError(f"{name} cannot start: {other}")
        if record is not None and record.state is RecordState.PREPARED:
            first = role_in(record) is Role.INITIALIZER
            if first:
                node.disk.nevers.add(record.cluster_id)
            if first or self.forget_doubt:
                node.disk.record = record = None
        founder = self.founder(node)
        role = role if record is None or self.role_by_flag else role_in(record)
        first = role is Role.INITIALIZER
        machine = (self.initializer if first else Joiner)(founder, self.now, record)
        node.machine = machine
        begun = machine.begin(self.now)
        self.perform(node, begun)

    def founder(self, node: Node) -> Founder:
        address = Address(node.name, 1)
        nonce = f"{self.rng.getrandbits(64):032x}"
        return Founder(
            Member(node.name, address, address, Incarnation(node.disk.starts, nonce[-8:])),
            nonce,
            "simulated",
            FINGERPRINT,
            len(self.workers),
            (),
            lambda workers, _: Topology(1, "simulated", workers, (), ()),
            formation_deadline_s=8.0,
            name_taken_wait_s=0.5,
            inquiry_interval_s=0.5,
            anew=self.wanted is None and self.gives_way,
        )

    def give(self, node: Node, event: Event) -> None:
        assert node.machine is not None
        self.perform(node, node.machine.step(event, self.now))

    def perform(self, node: Node, effects: list[Effect]) -> None:
        for effect in self.transform(self, node.name, effects):
            self.effects += 1
            if self.effects in self.kill_all_at:
                self.die_all()
                return
            if self.faulty and self.rng.random() < self.death:
                self.die(node)
                return
            if not self.do(node, effect):
                return

    def do(self, node: Node, effect: Effect) -> bool:
        """Carry out one effect; whether the process goes on."""
        match effect:
            case do.SendOnConnection(connection, message):
                self.send(node, connection, message)
            case do.Close(connection):
                for wire in self.wires:
                    if wire.number == connection and wire.open:
                        self.cut(wire)
            case do.Persist(record):
                node.disk.record = record
                self.check_committed(record)
            case do.PersistNever(cluster_id):
                node.disk.nevers.add(cluster_id)
            case do.Archive():
                self.archive(node)
            case do.Formed(record):
                node.formed = record
            case do.Fail(error):
                self.log.append(f"{self.now:.2f} {node.name} fails: {error}")
                self.end(node)
                return False
        return True

    def archive(self, node: Node) -> None:
        record, node.disk.record = node.disk.record, None
        if self.wanted is None and record is not None:
            self.put_aside.add(record.cluster_id)

    # ---- the network -----------------------------------------------------------------------------

    def wire_of(self, joiner: str) -> Wire | None:
        return next((w for w in self.wires if w.open and w.ends[0] == joiner), None)

    def dial(self, node: Node) -> None:
        record = node.disk.record
        places = [self.flagged, *([record.initializer] if record is not None else [])]
        first = self.nodes[self.rng.choice(places) if len(places) > 1 else places[0]]
        blocked = self.faulty and self.parted & {node.name, first.name}
        if first is node or first.machine is None or blocked or self.rng.random() < 0.5:
            return
        self.wires = [wire for wire in self.wires if wire.open]
        wire = Wire((node.name, first.name), (node.life, first.life), next(self.numbers))
        self.wires.append(wire)
        self.give(node, ConnectionOpened(wire.number, ""))
        if node.formed is not None and wire.open:
            member = next(each for each in node.formed.members if each.name == node.name)
            attach = Attach(member, PROTOCOL_VERSION, node.formed.cluster_id, 1)
            self.send(node, wire.number, attach)

    def send(self, node: Node, connection: int, message: Any) -> None:
        self.check_said(node, message)
        wire = next((w for w in self.wires if w.number == connection and w.open), None)
        if wire is None:
            return
        place = 1 - wire.ends.index(node.name)
        said = ConnectionMessage(connection, message)
        deliver = self.for_life(wire.ends[place], wire.lives[place], said)
        copies = 1
        if self.faulty:
            if self.parted & set(wire.ends) or self.rng.random() < self.loss:
                return
            copies += self.rng.random() < self.doubling
        self.log.append(f"{self.now:.2f} {node.name} says {type(message).__name__} on {connection}")
        for _ in range(copies):
            slow = self.faulty and self.rng.random() < 0.1
            self.later(self.rng.random() * (3 if slow else 0.05), deliver)

    # ---- what must never be ----------------------------------------------------------------------

    def check_committed(self, record: ClusterRecord) -> None:
        """At most one cluster is committed anywhere, and it was not given up."""
        if record.state is RecordState.PREPARED:
            return
        self.committed_ever.add(record.cluster_id)
        if record.cluster_id in self.said_never:
            raise SimulationError(f"{record.cluster_id} is committed after it was said to be never")
        known = {
            node.disk.record.cluster_id
            for node in self.nodes.values()
            if node.disk.record is not None and node.disk.record.state is not RecordState.PREPARED
        }
        if len(known) > 1:
            raise SimulationError(f"two clusters are committed: {known}")
        first = self.nodes[record.initializer].disk.record
        if first is None or first.cluster_id != record.cluster_id:
            raise SimulationError(f"{record.cluster_id} is committed, but not at the initializer")
        for node in self.nodes.values():
            held = node.disk.record
            if held is None or held.cluster_id != record.cluster_id:
                raise SimulationError(f"{record.cluster_id} is committed, but {node.name} lacks it")

    def check_said(self, node: Node, message: Any) -> None:
        """What is said is durable where it is said."""
        held = node.disk.record
        match message:
            case Never(cluster_id):
                self.said_never.add(cluster_id)
                if cluster_id not in node.disk.nevers:
                    raise SimulationError(f"{node.name} says never of {cluster_id}: not durable")
                if cluster_id in self.committed_ever - self.put_aside:
                    raise SimulationError(
                        f"{node.name} says never of {cluster_id}: it is committed"
                    )
            case Prepared(cluster_id):
                if held is None or held.cluster_id != cluster_id:
                    raise SimulationError(f"{node.name} says prepared of {cluster_id}: not durable")
            case Committed(cluster_id):
                if (
                    held is None
                    or held.cluster_id != cluster_id
                    or held.state is RecordState.PREPARED
                ):
                    raise SimulationError(
                        f"{node.name} says committed of {cluster_id}: not durable"
                    )


def check_end(sim: Sim) -> None:
    """Faults have stopped: all workers are in one cluster with one ID and one topology."""
    if not sim.done:
        phases = {name: node.machine and node.machine.phase for name, node in sim.nodes.items()}
        raise SimulationError(f"no cluster after {sim.now:.0f} s: {phases}")
    records = [node.disk.record for node in sim.nodes.values()]
    ids = {record.cluster_id for record in records if record is not None}
    topologies = {record.topology for record in records if record is not None}
    if len(ids) != 1 or len(topologies) != 1 or None in records:
        raise SimulationError(f"not one cluster: {ids}")


def simulate(seed: int, **options: Any) -> Sim:
    """Run one seed and check it; the error names the seed and shows the last steps."""
    sim = Sim(seed, **options)
    try:
        sim.run()
        check_end(sim)
    except AssertionError as error:
        steps = "\n".join(sim.log[-40:])
        raise SimulationError(f"seed {seed}: {error}\n{steps}") from error
    return sim
