"""The world: time, the network between the workers, faults, and what must never be.

The network is one of connections: in order and whole, or broken. What is lost, doubled or out of
order on the way is found by the numbers of the messages, as in the runtime, and breaks it.
"""

import heapq
import itertools
import random
from collections.abc import Callable
from typing import Any, TypeVar

import attrs

from wallarood.control.events import (
    ConnectionLost,
    ConnectionMessage,
    ConnectionOpened,
    ShutdownWanted,
)
from wallarood.control.formation.founding import FORMATION_MESSAGES, FormationSettings
from wallarood.control.stale import Stamp
from wallarood.model.checkpoint import CheckpointId
from wallarood.model.ids import Address, Incarnation
from wallarood.model.messages import Envelope, Member, RoundProposal
from wallarood.model.topology import Topology

from . import replicas
from .bugs import Bugs
from .copied_later import CopiedLater
from .cuts import Cuts
from .disk import Record
from .ending import LastToEnd
from .errors import ViolationError
from .founding import FINGERPRINT, Founders, Founding
from .journals import Journals
from .missed import Missed
from .node import STOP_S, Node
from .pipes import Pipes
from .put_back import PuttingBack

FAULTS_END_S = 25.0
WORLD_ENDS_S = 250.0
MISHAPS = 18
DIALS = 0.2  # how likely a worker dials those that it lacks, at each step of time
FOUNDING_FAULTS_END_S = 15.0
FOUNDING_ENDS_S = 150.0
TICK_S = 0.05
KEYS = 4


@attrs.define(eq=False)
class Wire:
    """A control connection: who dialled whom, in which lives, and the numbers of its messages."""

    ends: tuple[str, str]
    lives: tuple[int, int]
    number: int
    sought: str
    """As whom the one that was dialled is known to the other; empty for the leader."""
    open: bool = True
    sent: list[int] = attrs.field(factory=lambda: [0, 0])
    received: list[int] = attrs.field(factory=lambda: [0, 0])
    arrives_at: list[float] = attrs.field(factory=lambda: [0.0, 0.0])


class World:
    """One seed's world. *records* is how many each source has.

    With *put_back*, a copy of the disk of a worker is put back once, at a kept checkpoint; with
    *ending*, the last source to end stands still before; with *missed*, a worker never hears of a
    checkpoint. With *founding*, the world ends when all
    have begun the first round of one cluster, and its network is a wild one: messages are lost,
    doubled, late and out of order without anybody noticing. With *replicas*, parts are copied; with
    *copied_later*, they are from about so many seconds on. *late* is how many messages are, and for
    how many seconds at most.
    """

    def __init__(
        self,
        seed: int,
        workers: tuple[str, ...] = ("alpha", "beta", "gamma"),
        *,
        bugs: Bugs | None = None,
        records: int = 60,
        put_back: bool = False,
        founding: Founding | None = None,
        ending: bool = False,
        replicas: int = 0,
        missed: bool = False,
        copied_later: float | None = None,
        late: tuple[float, float] = (0.05, 1.5),
    ) -> None:
        self.replicas, self.late = replicas, late
        self.journals: Journals | None = None
        self.rng = random.Random(seed)
        self.workers = workers
        self.bugs = bugs or Bugs()
        self.now = 0.0
        self.log: list[str] = []
        self.agenda: list[tuple[float, int, Callable[[], None]]] = []
        self.order, self.numbers, self.wires = itertools.count(), itertools.count(), list[Wire]()
        self.pipes = Pipes(self)
        self.parted: set[str] = set()
        self.disk_full_until = dict.fromkeys(workers, 0.0)
        self.disk_slow_until = dict.fromkeys(workers, 0.0)
        self.receiver_away_until = dict.fromkeys(workers, 0.0)
        self.death = self.rng.choice([0.0, 0.001, 0.004, 0.01])
        self.loss = self.rng.choice([0.0, 0.0, 0.003, 0.02])
        self.disk_stalls = self.rng.choice([0.0, 0.0, 0.02])
        self.disk_failing = self.rng.choice([0.0, 0.0, 0.1])
        self.sink_stalls = self.rng.choice([0.0, 0.0, 0.05, 0.3])
        self.pace = self.rng.choice([1, 2, 4])
        self.reading = self.rng.choice([1.0, 0.3, 0.1])
        """The lower, the longer there are records to read: as long as things go wrong."""
        self.nodes = {name: self.make_node(name) for name in workers}
        self.records = {name: self._records(name, records) for name in workers}
        self.cuts = Cuts(self.records)
        self.truth = 0
        """The highest checkpoint that all have ever held at once: it is committed."""
        self.floor = 0
        """As `truth`, but for what is gone since a copy was put back."""
        self.returned: frozenset[CheckpointId] = frozenset()
        """What a disk holds again that was put back: others may drop theirs before being asked."""
        self.published: dict[int, int] = {}
        """The highest checkpoint that was published in each line."""
        self.line = 0
        """The highest that a round has begun in."""
        self.putting_back = PuttingBack(self, random.Random(f"{seed} put back"), put_back)
        self.ending = LastToEnd(self, random.Random(f"{seed} ending"), ending)
        self.missed = Missed(self, random.Random(f"{seed} missed"), missed)
        later, soon_s = random.Random(f"{seed} copies"), copied_later or 0.0
        self.copied_later = CopiedLater(self, later, copied_later is not None, soon_s)
        self.founders = Founders(self, founding or Founding(), workers[0])
        self.wild = founding is not None
        self.tick_s = TICK_S * (3 if self.wild else 1)
        self.faults_end_s, self.ends_s, self.mishaps = FAULTS_END_S, WORLD_ENDS_S, MISHAPS
        if self.wild:
            self.faults_end_s, self.ends_s = FOUNDING_FAULTS_END_S, FOUNDING_ENDS_S
            self.loss = self.rng.choice([0.0, 0.02, 0.2])
            self.doubling = self.rng.choice([0.0, 0.05, 0.3])
            self.death = self.rng.choice([0.0, 0.01, 0.05])

    def make_node(self, name: str) -> Node:
        """A worker of this world."""
        return Node(name, self)

    def _records(self, name: str, count: int) -> list[Record]:
        seen: dict[str, int] = {}
        made = []
        for _ in range(count):
            key = f"{name[0]}{self.rng.randrange(KEYS)}"
            seen[key] = seen.get(key, 0) + 1
            made.append((key, seen[key]))
        return made

    # ---- time ------------------------------------------------------------------------------------

    def later(self, delay: float, action: Callable[[], None]) -> None:
        """Do something in *delay* seconds."""
        heapq.heappush(self.agenda, (self.now + delay, next(self.order), action))

    def say(self, text: str) -> None:
        """Note something for whoever reads of a violation."""
        self.log.append(f"{self.now:.2f} {text}")

    @property
    def faulty(self) -> bool:
        """Whether things still go wrong."""
        return self.now < self.faults_end_s

    @property
    def done(self) -> bool:
        """Whether all have completed, and nothing goes wrong any more."""
        if self.wild:
            return self.founders.begun
        return not self.faulty and all(each.completed for each in self.nodes.values())

    def run(self) -> None:
        """Run until all is done or time is up. Raises ViolationError."""
        for node in self.nodes.values():
            self.later(self.rng.random() * 2, node.start)
        mishaps, most = (self.founders.mishap, 6) if self.wild else (self.mishap, self.mishaps)
        for _ in range(self.rng.randrange(most)):
            self.later(self.rng.random() * self.faults_end_s, mishaps)
        self.putting_back.begin()
        self.ending.begin()
        self.missed.begin()
        self.copied_later.begin()
        self.later(TICK_S, self.tick)
        while self.agenda and not self.done and self.now < self.ends_s:
            self.now, _, action = heapq.heappop(self.agenda)
            action()

    def tick(self) -> None:
        """What goes on all the time: dial, read, count, write, publish, look at deadlines."""
        for node in self.nodes.values():
            if node.alive and node.stopped_until <= self.now:
                self.dial_all(node)
                if node.running is not None and node.running.job is not None:
                    self.work(node)
                    if self.journals is not None:
                        self.journals.write(node)
                if node.alive and node.is_due:
                    node.guarded(node.turn)
        self.pipes.move()
        self.later(self.tick_s * (0.5 + self.rng.random()), self.tick)

    def work(self, node: Node) -> None:
        """The job of *node* takes a few steps, in any order."""
        mine = node.running
        assert mine is not None
        job = mine.job
        assert job is not None
        chance, faulty = self.rng.random, self.faulty
        for _ in range(1 + int(chance() * (4 * self.pace - 1))):
            match int(chance() * 5):
                case 0 if not node.gate and job.may_read and chance() < self.reading:
                    job.source_step(self.rng.randrange(1, 4))
                case 1 if inputs := job.ready_inputs():
                    job.count_step(self.rng.choice(inputs))
                case 2 if self.now >= job.sink_busy_until:
                    job.sink_step(self.now, self.prepare_time)
                case 3 if job.encoding is not None or job.slow:
                    job.encode_step()
                case 4 if self.now >= self.receiver_away_until[node.name]:
                    node.publish_some(job)
            if faulty and chance() < self.death / 4:
                self.kill(node)
                return
        node.look_drained(mine)

    # ---- faults ----------------------------------------------------------------------------------

    def mishap(self) -> None:
        """Something goes wrong."""
        chosen = self.rng.sample(self.workers, self.rng.randrange(1, len(self.workers) + 1))
        match self.rng.randrange(9):
            case 0 | 1:
                for name in chosen:
                    if self.nodes[name].alive:
                        self.kill(self.nodes[name])
            case 2:
                for wire in self.wires:
                    if self.rng.random() < 0.5:
                        self.cut(wire)
            case 3:
                self.parted = {chosen[0]}
                self.later(self.rng.random() * 6, self.parted.clear)
            case 4:
                for name in chosen[:2]:
                    self.nodes[name].stopped_until = self.now + self.rng.random() * 6
                self.say(f"{chosen[:2]} are stopped")
            case 5:
                self.operate(chosen)
            case _:
                self.lasting_mishap(chosen)

    def operate(self, chosen: list[str]) -> None:
        """An operator stops the cluster, or a worker or two."""
        if self.rng.random() < 0.3:
            self.say(f"{chosen[0]} is told to shut the cluster down")
            if self.nodes[chosen[0]].running is not None:
                self.nodes[chosen[0]].give(ShutdownWanted(self.rng.choice(STOP_S)))
            return
        for name in chosen[:2]:
            self.say(f"{name} is told to stop")
            self.nodes[name].stop()

    def lasting_mishap(self, chosen: list[str]) -> None:
        """Something goes wrong, for more checkpoints than anything is bounded by."""
        until, first = self.now + self.rng.random() * 15, chosen[0]
        match self.rng.randrange(3):
            case 0:
                self.say(f"the disk of {first} is full")
                self.disk_full_until[first] = until
            case 1:
                self.say(f"the disk of {first} is slow")
                self.disk_slow_until[first] = until
            case _:
                self.say(f"receivers of {chosen} are away")
                self.receiver_away_until.update(dict.fromkeys(chosen, until))

    def kills(self, node: Node, *, all_die: bool = False) -> None:
        """*node* dies: so do all others where it may not do so alone."""
        if all_die or not self.founders.live_alone:
            self.founders.kill_others(node)

    def kill(self, node: Node) -> None:
        """SIGKILL, and another start soon."""
        node.die()
        self.after_death(node)

    def after_death(self, node: Node) -> None:
        """A process has ended: it starts again."""
        self.say(f"{node.name} dies")
        self.later(self.rng.random() * 2, node.start)

    def fails(self, node: Node, error: Exception) -> None:
        """A process gives up."""
        self.say(f"{node.name} fails: {error}")
        if "lacks checkpoint" in str(error):
            raise ViolationError(str(error))
        node.die()

    def leaves(self, node: Node) -> None:
        """A process ends in an orderly way."""
        self.say(f"{node.name} leaves")
        node.say_goodbye()
        node.die()

    def prepare_time(self) -> float:
        """How long a sink takes to prepare: longer than the deadline, now and then."""
        if self.faulty and self.rng.random() < self.sink_stalls:
            return self.rng.random() * 12
        return self.rng.random() * 0.2

    def disk_time(self, name: str) -> float:
        """How long the disk of a worker takes."""
        if self.now < self.disk_slow_until[name]:
            return 1 + self.rng.random() * 8
        if self.faulty and self.rng.random() < self.disk_stalls:
            return self.rng.random() * 8
        return self.rng.random() * 0.06

    def disk_fails(self, name: str) -> bool:
        """Whether the disk of a worker refuses."""
        return self.now < self.disk_full_until[name] or (
            self.faulty and self.rng.random() < self.disk_failing
        )

    # ---- control connections ---------------------------------------------------------------------

    def founding(self, node: Node) -> FormationSettings:
        """What a worker brings to the founding."""
        nonce = f"{self.rng.getrandbits(64):032x}"
        return FormationSettings(
            self.member_of(node),
            nonce,
            "simulated",
            FINGERPRINT,
            len(self.workers),
            (),
            lambda workers, _: Topology(1, "simulated", workers, (), ()),
            formation_deadline_s=8.0,
            name_taken_wait_s=0.5,
            inquiry_interval_s=0.5,
            forms_new=self.founders.how.wanted is None and self.founders.how.gives_way,
        )

    def member_of(self, node: Node) -> Member:
        """A worker in its present life."""
        address, nonce = Address(node.name, 1), f"{node.name}{node.disk.copies}"
        return Member(node.name, address, address, Incarnation(node.disk.starts, nonce))

    def dial_all(self, node: Node) -> None:
        """A worker dials those that it has no connection with, and is to have one."""
        if self.rng.random() >= DIALS:
            return
        for peer, sought in self.founders.sought(node):
            there = any(w.sought == sought and w.ends[0] == node.name for w in self.wires)
            if there or not self.nodes[peer].alive or self.are_parted(node.name, peer):
                continue
            lives = (node.life, self.nodes[peer].life)
            wire = Wire((node.name, peer), lives, next(self.numbers), sought)
            self.wires.append(wire)
            node.give(ConnectionOpened(wire.number, sought))
            if not node.alive:
                return

    def are_parted(self, one: str, other: str) -> bool:
        """Whether nothing gets through between two workers."""
        return bool(self.parted) and self.faulty and not self.parted.isdisjoint((one, other))

    def send(self, node: Node, connection: int, message: Any, stamp: Stamp) -> None:
        """A message goes on its way; or it is lost."""
        self.founders.check_said(node, message)
        for wire in self.wires:
            if wire.number == connection:
                break
        else:
            return
        here = wire.ends.index(node.name)
        if self.missed.wanted:
            self.missed.is_sent(wire.ends[1 - here], message)
        envelope = Envelope(stamp.cluster_id, stamp.epoch, stamp.round, wire.sent[here], message)
        wire.sent[here] += 1
        copies = 1
        if self.wild:
            self._send_wildly(wire, here, envelope)
            return
        if self.are_parted(*wire.ends):
            return
        if self.faulty and self.rng.random() < self.loss:
            copies = self.rng.choice([0, 2])
        for _ in range(copies):
            slow = self.faulty and self.rng.random() < self.late[0]
            delay = self.rng.random() * (self.late[1] if slow else 0.03)
            in_order = not (self.faulty and self.rng.random() < self.loss)
            at = max(self.now + delay, wire.arrives_at[here]) if in_order else self.now + delay
            wire.arrives_at[here] = max(at, wire.arrives_at[here])
            self.later(at - self.now, self._arrives(wire, here, envelope))

    def _arrives(self, wire: Wire, here: int, envelope: Envelope) -> Callable[[], None]:
        return lambda: self.arrive(wire, 1 - here, envelope)

    def _send_wildly(self, wire: Wire, here: int, envelope: Envelope) -> None:
        """Lose, double and delay what belongs to the founding; all else only breaks connections."""
        parted = self.are_parted(*wire.ends)
        if not isinstance(envelope.message, FORMATION_MESSAGES):
            wire.arrives_at[here] = max(wire.arrives_at[here], self.now + self.rng.random() * 0.05)
            delay = wire.arrives_at[here] - self.now
            self.cut(wire) if parted else self.later(delay, self._arrives(wire, here, envelope))
            return
        if parted or (self.faulty and self.rng.random() < self.loss):
            return
        copies = 1 + (self.faulty and self.rng.random() < self.doubling)
        said = type(envelope.message).__name__
        self.say(f"{wire.ends[here]} says {said} on {wire.number}")
        for _ in range(copies):
            slow = self.faulty and self.rng.random() < 0.1
            delay = self.rng.random() * (3 if slow else 0.05)
            self.later(delay, self._arrives(wire, here, envelope))

    def arrive(self, wire: Wire, place: int, envelope: Envelope) -> None:
        """A message has come, to whoever was there when the connection was made."""
        node = self.nodes[wire.ends[place]]
        if not wire.open or node.life != wire.lives[place] or not node.alive:
            return
        if envelope.sequence != wire.received[place] and not self.wild:
            self.cut(wire)
            return
        wire.received[place] += 1
        if not self.bugs.stale(envelope, node.decides.stamp):
            node.give(ConnectionMessage(wire.number, envelope.message))

    def close(self, connection: int) -> None:
        """One end closes a connection."""
        for wire in self.wires:
            if wire.number == connection:
                self.cut(wire)

    def cut(self, wire: Wire) -> None:
        """A connection breaks; each end learns of it in its time."""
        wire.open = False
        self.wires = [each for each in self.wires if each is not wire]
        for name, life in zip(wire.ends, wire.lives, strict=True):
            self.later(self.rng.random() * 0.5, self._lost(name, life, wire.number))

    def _lost(self, name: str, life: int, number: int) -> Callable[[], None]:
        def give() -> None:
            node = self.nodes[name]
            if node.life == life and node.alive:
                node.give(ConnectionLost(number))

        return give

    def cut_all_of(self, name: str) -> None:
        """A process has ended, and all its connections with it."""
        for wire in self.wires:
            if name in wire.ends:
                self.cut(wire)
        self.pipes.cut_all_of(name)
        replicas.cut_all_of(self, name)

    # ---- what must never be ----------------------------------------------------------------------

    def check_held(self) -> None:
        """What all hold is committed from now on, whether anybody knows it or not."""
        disks = [each.disk for each in self.nodes.values()]
        common = frozenset.intersection(*(each.held for each in disks))
        self.copied_later.go_without(common)
        self.floor = max([self.floor, *(each.number for each in common - self.returned)])
        common = frozenset.intersection(*(each.held | each.lost for each in disks))
        self.truth = max([self.truth, *(each.number for each in common)])

    def check_proposal(self, node: Node, proposal: RoundProposal) -> None:
        """A proposal never goes back behind what was committed, and everybody holds it."""
        assert node.store is not None
        if proposal.checkpoint not in node.store.held:
            raise ViolationError(f"{node.name} goes on from {proposal.checkpoint}, which it lacks")
        start, floor = proposal.checkpoint, self.floor_of(node)
        if start.number < floor:
            raise ViolationError(f"{node.name} goes back to {start}, though {floor} was committed")
        for line, number in self.published.items():
            if line >= proposal.line and number > proposal.checkpoint.number:
                raise ViolationError(
                    f"{node.name} goes on from {proposal.checkpoint} in line {proposal.line}, "
                    f"though {number} was published in line {line}"
                )

    def floor_of(self, node: Node) -> int:  # noqa: ARG002 - there is one epoch here
        """The highest that was committed in the epoch of a worker."""
        return self.floor

    def check_durable(self, node: Node, proposal: RoundProposal) -> None:
        """A round is durable everywhere, and its line here, before it begins; no line falls."""
        assert node.store is not None
        nodes = [self.nodes[name] for name in node.decides.workers]
        lacking = [each.name for each in nodes if each.disk.chosen < proposal.round]
        if lacking:
            raise ViolationError(
                f"{node.name} begins round {proposal.round}, which is not on the disk of {lacking}"
            )
        if node.store.marks.line < proposal.line or proposal.line < self.line:
            raise ViolationError(
                f"{node.name} begins line {proposal.line} after line {self.line}, and line "
                f"{node.store.marks.line} is on its disk"
            )
        self.line = proposal.line

    def check_round(self, node: Node, number: int) -> None:
        """No two rounds are active."""
        for other in self.nodes.values():
            mine = other.running
            if other is not node and mine is not None and mine.proposal.round != number:
                raise ViolationError(
                    f"{node.name} begins round {number} while {other.name} is in round "
                    f"{mine.proposal.round}"
                )

    def check_leaving(self, node: Node, number: int, before: int) -> None:
        """Who is told to stop, and then has a checkpoint for it, does not stay any longer."""
        if number > before:
            raise ViolationError(f"{node.name} stays, though checkpoint {number} let it leave")

    def check_publish(self, node: Node, number: int) -> None:
        """Only what is committed is published, and only by those who have recorded that."""
        if number > self.truth:
            raise ViolationError(f"{node.name} publishes {number}, which is not committed")
        if node.disk.committed < number:
            raise ViolationError(
                f"{node.name} publishes {number} and has not recorded it as committed"
            )
        if self.replicas and number > self.copied_later.until:
            replicas.check_copied(self, number)
        assert node.running is not None
        line = node.running.proposal.line
        self.published[line] = max(number, self.published.get(line, 0))
        self.putting_back.publishes(node, number)

    def check_end(self) -> None:
        """All is done, and the output is that of a world without faults."""
        if self.wild:
            self.founders.check_end()
            return
        if not self.done:
            phases = [
                f"{node.name}: {node.brain and node.brain.state}" for node in self.nodes.values()
            ]
            raise ViolationError(f"not done after {self.now:.0f} s: {phases}")
        if self.replicas:
            replicas.check_same(self)
        found: dict[str, list[int]] = {}
        for node in self.nodes.values():
            for part in sorted(node.disk.visible):
                for key, nth in node.disk.visible[part]:
                    found.setdefault(key, []).append(nth)
        expected: dict[str, list[int]] = {}
        for records in self.records.values():
            for key, nth in records:
                expected.setdefault(key, []).append(nth)
        if found != expected:
            wrong = [key for key in expected if found.get(key) != expected[key]]
            raise ViolationError(
                f"the output is wrong for {wrong}: {[found.get(k) for k in wrong]}"
            )


Living = TypeVar("Living", bound=World)


def simulate(seed: int, **options: Any) -> World:
    """Run one seed and check it.

    Raises ViolationError, which names the seed and the last steps. Anything else that is raised is
    a bug of the machines or of this world, and has them in a note.
    """
    return lived(World(seed, **options), seed)


def lived(world: Living, seed: int) -> Living:
    """A world that has been lived, and checked, as `simulate` does."""
    try:
        world.run()
        world.check_end()
    except Exception as error:
        steps = "\n".join([f"seed {seed}", *world.log[-60:]])
        if isinstance(error, ViolationError):
            raise ViolationError(f"{error}\n{steps}") from error
        error.add_note(steps)
        raise
    return world
