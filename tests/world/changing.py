"""A world in which the cluster changes: it grows and shrinks while everything else goes wrong."""
# Theory of operation
# ===================
# The receiver of a sink belongs to a seat: what a worker has published stays when it leaves. A slot
# or a source partition moves by what is staged, which is made from the disks of those that had it.
# What must never be is looked at where it would become durable or would be said.

import random
from collections import Counter
from collections.abc import Iterable
from typing import Any

import attrs

from wallarood.control.change.events import ChangeWanted
from wallarood.control.change.proposing.changer_phases import Phase
from wallarood.control.events import ConnectionOpened
from wallarood.control.formation.founding import FormationSettings
from wallarood.control.formation.startup import Role
from wallarood.control.stale import Stamp
from wallarood.model.change import Change, ChangeKind, PartName, Trust, Vote
from wallarood.model.checkpoint import CheckpointPart, Restored, SinkPart, SourcePosition
from wallarood.model.cluster_record import ClusterRecord, RecordState
from wallarood.model.ids import NO_BALLOT, Ballot, Member, Seat
from wallarood.model.messages import (
    Accept,
    Accepted,
    ChangePublished,
    ChangeRequest,
    Collect,
    ControlMessage,
    Decided,
    Holdings,
    RoundProposal,
    Stage,
    Staged,
)
from wallarood.model.topology import Topology
from wallarood.storage.checkpoint_rows import restored_of
from wallarood.storage.former import chunks_of, own_manifest

from .changing_job import (
    ChangingCuts,
    counts_of,
    evicted_in,
    first_topology,
    owner_in,
    read_in,
    replan,
    state_part,
)
from .changing_node import ChangingNode
from .changing_strikes import TRIES as LONG
from .changing_strikes import Strikes, is_enough
from .errors import ViolationError
from .founding import Founders, Founding
from .node import Node
from .world import Wire, World, lived

SPARES = ("rho", "sigma", "tau")
FAULTS_END_S, ENDS_S = 40.0, 500.0
ASK_AGAIN_S = 2.5
TRIES = 12
STEPS = (ChangePublished, Stage, Staged, Accept, Accepted, Decided)
"""What is said in a change, after which something may go wrong."""


class ChangingFounders(Founders):
    """Workers of the first epoch are started as ever; the others join what runs."""

    world: "ChangingWorld"

    def starts(self, node: Node) -> tuple[Role, ClusterRecord | None] | None:
        """What a worker does at its start."""
        assert isinstance(node, ChangingNode)
        return (Role.NEWCOMER, None) if node.joins else super().starts(node)

    def sought(self, node: Node) -> list[tuple[str, str]]:
        """Whom a worker dials: after the first epoch those before it, by their names."""
        assert isinstance(node, ChangingNode)
        if node.joins:
            contact = node.contact if node.contact not in self.world.dead else ""
            return [(contact or self.world.some_member(), "")]
        if node.disk.epoch <= 1 or not node.formed:
            return super().sought(node)
        workers = node.decides.workers
        return [(name, name) for name in workers[: workers.index(node.name)]]

    def check_record(self, record: ClusterRecord) -> None:
        """The founding is looked at in other worlds."""
        if record.state is not RecordState.PREPARED:
            self.committed_ever.add(record.cluster_id)


class ChangingWorld(World):
    """A world of *workers*, and others that may join. The flags are bugs."""

    def __init__(
        self,
        seed: int,
        workers: tuple[str, ...] = ("alpha", "beta", "gamma"),
        *,
        early_promise: bool = False,
        early_staged: bool = False,
        early_pruned: bool = False,
        votes_restored: bool = False,
        keeps_above: bool = False,
        loses: bool = False,
        **options: Any,
    ) -> None:
        self.first: tuple[str, ...] = workers
        self.early_promise, self.early_staged = early_promise, early_staged
        self.early_pruned = early_pruned
        self.votes_restored, self.keeps_above = votes_restored, keeps_above
        strikes = {name: options.pop(name, False) for name in ("restores", "certifies", "lags")}
        records = options.pop("records", 120)
        super().__init__(seed, workers, records=records, replicas=int(loses), **options)
        self.chance = random.Random(f"{seed} changes")
        for name in SPARES:
            for until in (self.disk_full_until, self.disk_slow_until, self.receiver_away_until):
                until[name] = 0.0
            self.nodes[name] = self.make_node(name)
        for name in workers:
            self.changing_node(name).wanted = True
        self.workers = (*workers, *SPARES)
        self.changing_cuts = self.cuts = ChangingCuts(self.records)
        self.founders = ChangingFounders(self, Founding(), workers[0])
        self.accepted: dict[tuple[Ballot, Change], set[str]] = {}  # by whoever ever has
        self.decided: dict[int, Change] = {}
        self.epochs: dict[int, tuple[str, ...]] = {1: workers}
        """The members of each epoch that was decided."""
        self.questions: dict[str, tuple[int, Ballot]] = {}
        self.requests = 0
        self.lost: set[str] = set()
        """Those that were told to be evicted: their disks burned, or they are certified dead."""
        self.dead: set[str] = set()  # nobody waits for their votes, whatever is decided
        self.loses = loses
        self.evict_after_s: float | None = None
        self.wanted_changes = self.chance.choice([1, 2, 3, 4])
        self.trouble = self.chance.choice([0.0, 0.03, 0.15])
        """How often something goes wrong between two steps of a change."""
        self.strikes = Strikes(self, random.Random(f"{seed} strikes"), **strikes)
        self.faults_end_s, self.ends_s = FAULTS_END_S, ENDS_S

    def make_node(self, name: str) -> Node:
        """A worker of this world."""
        return ChangingNode(name, self)

    def changing_node(self, name: str) -> ChangingNode:
        """A worker, as it is here."""
        node = self.nodes[name]
        assert isinstance(node, ChangingNode)
        return node

    # ---- who is in it ----------------------------------------------------------------------------

    @property
    def epoch(self) -> int:
        """The highest epoch that anybody has adopted."""
        return max(self.epochs)

    @property
    def members(self) -> tuple[str, ...]:
        """Those of that epoch."""
        return self.epochs[self.epoch]

    def is_spare(self, name: str) -> bool:
        """Whether a worker without a record joins what runs."""
        return name not in self.first or self.changing_node(name).disk.former != []

    def some_member(self) -> str:
        """A member that somebody knows who wants to join."""
        return self.chance.choice(self.members)

    def member_of(self, node: Node) -> Member:
        """A worker in its present life, and in its seat."""
        assert isinstance(node, ChangingNode)
        return attrs.evolve(super().member_of(node), seat=Seat(node.disk.seat))

    def founding(self, node: Node) -> FormationSettings:
        """What a worker brings to the founding, and by what the cluster may change."""
        made = super().founding(node)
        return attrs.evolve(
            made,
            worker_count=len(self.first),
            planner=lambda workers, _: first_topology(workers),
            replan=replan,
            trust=self.trust_in(node),
        )

    def trust_in(self, node: Node) -> Trust:
        """What a worker thinks of its directory."""
        assert isinstance(node, ChangingNode)
        known = bool(node.disk.restored) and not self.votes_restored
        return Trust.RESTORED if known else Trust.WHOLE

    # ---- changes ---------------------------------------------------------------------------------

    def run(self) -> None:
        """Run until all is done or time is up. Raises ViolationError."""
        for _ in range(self.wanted_changes):
            self.later(2 + self.chance.random() * 30, self.change)
        self.strikes.begin()
        super().run()

    def change(self) -> None:
        """Ask for a change of the cluster, once it is founded: who joins before is a founder."""
        if not self.founders.committed_ever:
            self.later(1.0, self.change)
            return
        members = self.members
        spares = [n for n in SPARES if n not in members and not self.changing_node(n).wanted]
        grows = len(members) == 1 or (len(members) < 5 and self.chance.random() < 0.5)
        if grows and spares:
            node = self.changing_node(self.chance.choice(spares))
            node.wanted = True
            self.say(f"{node.name} is started to join")
            self.later(0.0, node.start)
        elif len(members) > 1:
            gone = self.chance.sample(members, 1 + (len(members) > 3))
            self.shrink(tuple(gone), self.epoch, TRIES)

    def shrink(self, names: tuple[str, ...], epoch: int, tries: int) -> None:
        """Ask for some to leave, at any member, until the cluster has changed."""
        if self.epoch != epoch or not tries:
            return
        node = self.nodes[self.chance.choice(self.members)]
        if node.alive:
            self.requests += 1
            request = ChangeRequest(f"r{self.requests}", ChangeKind.SHRINK, names)
            self.say(f"{node.name} is asked to let {names} leave")
            node.give(ChangeWanted(request))
        self.later(ASK_AGAIN_S, lambda: self.shrink(names, epoch, tries - 1))

    def can_read(self, reader: str, name: str) -> bool:
        """Whether a worker can read what another has on its disk."""
        node = self.nodes[name]
        there = node.alive and node.stopped_until <= self.now
        return reader == name or (there and not self.are_parted(reader, name))

    def is_over(self, change: Change) -> bool:
        """Whether a change that was proposed can come to nothing: nobody has it in mind."""
        for node in map(self.changing_node, self.nodes):
            vote = node.disk.vote
            changer = None if node.brain is None else node.brain.machines.changer
            proposes = changer is not None and changer.proposal.change == change
            if proposes and changer.phase in (Phase.STAGING, Phase.ACCEPTING):
                return False
            if vote is not None and vote.change == change:
                return False
        return True

    def part_of(self, name: str, change: Change, previous: Topology) -> CheckpointPart:
        """What a worker has in the epoch of *change*, from the disks of those that had it."""
        counts: dict[str, int] = {}
        sources: list[SourcePosition] = []
        sink = SinkPart("sink", 0, ())
        for owner in previous.workers:
            disk = self.changing_node(owner).disk
            restored = self.restored(owner, change)
            for key, seen in counts_of(restored).items():
                if owner_in(change.topology, key) == name:
                    counts[key] = seen
            taken = read_in(change.topology, name)
            here = {each.partition: each for each in restored.sources}
            for partition in read_in(previous, owner):
                start = SourcePosition("source", partition, 0, False)
                sources += [here.get(partition, start)] if partition in taken else []
            if owner == name and restored.sinks:
                (sink,) = restored.sinks
            elif restored.sinks and self.present_in({owner} - {*change.workers}, change):
                left = set(restored.sinks[0].unpublished) - set(disk.visible)
                if left:
                    raise ViolationError(f"{owner} leaves and has not published {left}")
        return CheckpointPart(change.basis, name, tuple(sources), (sink,), (state_part(counts),))

    def restored(self, owner: str, change: Change) -> Restored:
        """What a worker had at the basis of a change, from a copy of its part if it is lost."""
        disk, basis = self.changing_node(owner).disk, change.basis
        wanted = PartName(change.layout, owner, basis.round, basis.number)
        if self.present_in((owner,), change):
            if disk.record is None or disk.epoch != change.epoch - 1:
                raise ViolationError(f"{owner} is no more in epoch {change.epoch - 1}")
            store = disk.open(disk.record)
            manifest = own_manifest(store, wanted)
            if manifest is None:
                raise ViolationError(f"{owner} lacks {basis}, from which others stage")
            names = [chain.computation for chain in manifest.chains]
            return restored_of(manifest, {n: list(chunks_of(store, manifest, n)) for n in names})
        for holder in map(self.changing_node, change.workers):
            if wanted in holder.disk.replicas and holder.disk.record is not None:
                return holder.disk.open(holder.disk.record).replicas.restore(wanted)
        raise ViolationError(f"nobody has a copy of the part of {owner} of {basis}")

    def present_in(self, names: Iterable[str], change: Change) -> list[str]:
        """Those of *names* that are in the epoch before *change*, and not evicted by it."""
        members, gone = self.epochs[change.epoch - 1], evicted_in(change)
        return [name for name in names if name in members and name not in gone]

    # ---- losses ----------------------------------------------------------------------------------

    def burn(self, name: str, said: str) -> None:
        """A host is gone, with its disk."""
        self.say(f"{name} and its disk {said}")
        self.changing_node(name).gone = True
        self.lost.add(name)
        self.nodes[name].die()
        self.evict(name, self.epoch, LONG)

    def evict(self, name: str, epoch: int, tries: int) -> None:
        """Have a lost worker evicted."""
        self.strikes.evict(name, epoch, tries)

    @property
    def lasts(self) -> bool:
        """Whether the job is not complete."""
        return not any(self.nodes[name].completed for name in self.members)

    def publish_for(self, change: Change) -> None:
        """The heir of a lost writer publishes what was prepared at the basis."""
        for heir in change.heirs:
            if heir.lost not in evicted_in(change) or heir.lost not in self.epochs[change.layout]:
                continue
            disk = self.changing_node(heir.lost).disk
            sinks = self.restored(heir.lost, change).sinks
            sink = sinks[0] if sinks else SinkPart("sink", 0, ())
            above = [number for number in disk.visible if number >= sink.state]
            if above:
                raise ViolationError(f"{heir.lost} has published {above} above {change.basis}")
            for number in sink.unpublished:
                if number in disk.staged:
                    disk.visible[number] = disk.staged.pop(number)

    def returns(self, node: ChangingNode) -> bool:  # noqa: ARG002 - as where it does
        """Whether a worker that was put aside joins again."""
        return False

    def is_bound(self, name: str) -> bool:
        """Whether a worker has accepted a change and does not know what became of it."""
        vote = self.changing_node(name).disk.vote
        return name not in self.lost and vote is not None and vote.accepted is not None

    def close(self, connection: int) -> None:
        """One end closes a connection, when what was sent on it is out."""
        for wire in self.wires:
            if wire.number == connection and wire.open:
                out = max(0.0, *(at - self.now for at in wire.arrives_at))
                self.later(out + 0.001, lambda wire=wire: self.cut(wire) if wire.open else None)  # type: ignore[misc]

    def seek(self, node: ChangingNode, name: str) -> None:
        """A worker dials one whose turn it would be to dial."""
        if not self.nodes[name].alive or self.are_parted(node.name, name):
            return
        lives = (node.life, self.nodes[name].life)
        wire = Wire((node.name, name), lives, next(self.numbers), name)
        self.wires.append(wire)
        self.later(0.0, lambda: self._opened(node, wire))

    def _opened(self, node: ChangingNode, wire: Wire) -> None:
        if node.alive and node.life == wire.lives[0]:
            node.give(ConnectionOpened(wire.number, wire.sought))

    # ---- the end ---------------------------------------------------------------------------------

    @property
    def done(self) -> bool:
        """Whether all have completed, nothing goes wrong any more, and nobody is in doubt."""
        if self.faulty or not all(self.nodes[name].completed for name in self.members):
            return False
        bound = any(self.is_bound(name) for name in self.nodes)
        return not bound and not any(self.nodes[name].alive for name in self.lost - {*self.members})

    def check_end(self) -> None:
        """All is done, and the output is that of a world without faults."""
        if not self.done:
            phases = [
                f"{node.name}: {node.brain and node.brain.state}" for node in self.nodes.values()
            ]
            raise ViolationError(f"not done after {self.now:.0f} s: {phases}")
        found: Counter[tuple[str, int]] = Counter()
        for name in self.nodes:
            disk = self.changing_node(name).disk
            for visible in (*disk.former, disk.visible):
                for records in visible.values():
                    found.update(records)
        expected = Counter(record for records in self.records.values() for record in records)
        if found != expected:
            more, less = found - expected, expected - found
            raise ViolationError(f"the output is wrong: too much {more}, missing {less}")

    # ---- what must never be ----------------------------------------------------------------------

    def check_held(self) -> None:
        """What all members hold is committed from now on, whether anybody knows it or not."""
        disks = [self.changing_node(name).disk for name in self.members]
        if any(disk.epoch != self.epoch for disk in disks):
            return
        common = frozenset.intersection(*(disk.held for disk in disks))
        if self.replicas and len(disks) > 1:
            copies = {(p.owner, p.round, p.number) for disk in disks for p in disk.replicas}
            common = frozenset(
                each
                for each in common
                if all((name, each.round, each.number) in copies for name in self.members)
            )
        self.floor = self.truth = max([self.truth, *(each.number for each in common)])
        for change in self.decided.values():
            if change.epoch == self.epoch + 1 and self.truth > change.basis.number:
                raise ViolationError(
                    f"{self.truth} becomes committed in epoch {self.epoch} after its members "
                    f"accepted to go on from {change.basis}"
                )

    def check_publish(self, node: Node, number: int) -> None:
        """Only what is committed is published, and only by those who have recorded that."""
        if number > self.truth:
            raise ViolationError(f"{node.name} publishes {number}, which is not committed")
        if node.disk.committed < number:
            raise ViolationError(
                f"{node.name} publishes {number} and has not recorded it as committed"
            )

    def check_round(self, node: Node, number: int) -> None:
        """No two rounds are active in an epoch."""
        epoch = self.changing_node(node.name).disk.epoch
        for other in map(self.changing_node, self.nodes):
            mine = other.running
            if other is node or mine is None or mine.proposal.round == number:
                continue
            if other.disk.epoch == epoch:
                raise ViolationError(
                    f"{node.name} begins round {number} while {other.name} is in round "
                    f"{mine.proposal.round}"
                )
            if other.disk.epoch < epoch and other.name in self.epochs[epoch]:
                raise ViolationError(f"{other.name} still runs in epoch {other.disk.epoch}")

    def check_promised(self, node: ChangingNode, vote: Vote) -> None:
        """Nothing is accepted below what was promised, and no promise is taken back."""
        before = node.disk.vote
        if before is None or before.epoch != vote.epoch:
            return
        if vote.promised < before.promised or (
            vote.accepted not in (None, before.accepted)
            and vote.accepted is not None
            and vote.accepted < before.promised
        ):
            raise ViolationError(
                f"{node.name} accepts {vote.accepted} after it has promised {before.promised}"
            )

    def check_begins(self, node: ChangingNode, proposal: RoundProposal) -> None:
        """A round starts from the basis of its epoch, or from what was taken in it."""
        assert node.disk.record is not None
        change, start = node.disk.record.change, proposal.checkpoint
        if change is not None and start != change.basis and start.round < change.round:
            raise ViolationError(
                f"{node.name} starts round {proposal.round} of epoch {change.epoch} from {start}, "
                f"which is of the epoch before and not its basis {change.basis}"
            )

    def check_vote(self, name: str, vote: Vote) -> None:
        """What a majority has accepted is decided, also if some have accepted it again since.

        There is one such value in an epoch.
        """
        if vote.change is None or vote.accepted is None:
            return
        members = self.epochs.get(vote.epoch, ())
        same = self.accepted.setdefault((vote.accepted, vote.change), set())
        same |= {name} & {*members}
        if is_enough(vote.change, same, members, self.dead):
            is_new = vote.change.epoch not in self.decided
            self.is_decided(vote.change)
            if is_new:
                self.strikes.decided(vote)

    def is_decided(self, change: Change) -> None:
        """A change is decided: it is the only one of its epoch, and loses nothing."""
        is_new = change.epoch not in self.decided
        if self.decided.setdefault(change.epoch, change) != change:
            raise ViolationError(f"two changes are decided for epoch {change.epoch}")
        if is_new and change.basis.number < self.truth:
            raise ViolationError(
                f"epoch {change.epoch} goes on from {change.basis}, though {self.truth} was "
                "committed"
            )
        self.floor = self.truth = max(self.truth, change.basis.number)
        for name in change.workers:
            if change not in self.changing_node(name).disk.changes and (
                self.changing_node(name).disk.epoch < change.epoch
            ):
                raise ViolationError(f"epoch {change.epoch} is decided, and {name} lacks its part")

    def check_adopts(self, node: ChangingNode, record: ClusterRecord) -> None:
        """Only what is decided is adopted, and the parts are a whole."""
        change = record.change
        assert change is not None
        if self.decided.get(change.epoch) != change:
            raise ViolationError(f"{node.name} adopts epoch {change.epoch}, which is not decided")
        if change not in node.disk.changes:
            raise ViolationError(f"{node.name} adopts epoch {change.epoch} and has nothing of it")
        if change.epoch not in self.epochs:
            self.check_whole(change)
            self.publish_for(change)
            self.epochs[change.epoch] = change.workers
            self.say(f"epoch {change.epoch}: {change.workers} from {change.basis}")

    def check_whole(self, change: Change) -> None:
        """Every key counts what the sources had read of it, once; each partition is read once."""
        parts = [self.changing_node(name).disk.changes[change][1] for name in change.workers]
        read = {each.partition: each.position for part in parts for each in part.sources}
        if sorted(read) != sorted(each.partition for part in parts for each in part.sources):
            raise ViolationError(f"a partition is read twice in epoch {change.epoch}")
        if set(read) != set(self.records):
            raise ViolationError(f"a partition is not read in epoch {change.epoch}")
        expected = Counter(
            key for partition, at in read.items() for key, _ in self.records[partition][:at]
        )
        found: Counter[str] = Counter()
        for part in parts:
            for key, seen in part_counts(part).items():
                if found[key]:
                    raise ViolationError(f"{key} is counted twice in epoch {change.epoch}")
                found[key] = seen
        if +found != expected:
            raise ViolationError(f"epoch {change.epoch} begins with {found}, not {expected}")

    def check_set_aside(self, node: ChangingNode) -> None:
        """Who leaves is in the newest epoch no more, and somebody has adopted one without it."""
        latest, me = self.decided[max(self.decided)], self.member_of(node)
        without = {each for each, change in self.decided.items() if not change.has(me)}
        if not any(each > node.disk.epoch for each in without & {*self.epochs}):
            raise ViolationError(f"{node.name} leaves before anybody has adopted {latest.epoch}")
        if latest.has(me):
            raise ViolationError(f"{node.name} puts its state aside and is in the cluster")

    def send(self, node: Node, connection: int, message: ControlMessage, stamp: Stamp) -> None:
        """As ever; and what is said is durable where it is said."""
        self.check_promise(self.changing_node(node.name), message)
        super().send(node, connection, message, stamp)
        if isinstance(message, STEPS) and self.faulty and self.chance.random() < self.trouble:
            self.later(0.0, lambda: self.trouble_in_change(node, connection))

    def trouble_in_change(self, node: Node, connection: int) -> None:
        """Something goes wrong between two steps of a change."""
        match self.chance.randrange(4):
            case 0:
                if node.alive:
                    self.kill(node)
            case 1:
                self.say(f"{node.name} is stopped between two steps")
                node.stopped_until = self.now + self.chance.random() * 12
            case 2:
                for wire in self.wires:
                    if wire.number == connection and wire.open:
                        self.cut(wire)
            case _:
                self.parted = {node.name}
                self.later(self.chance.random() * 12, self.parted.clear)

    def check_promise(self, node: ChangingNode, message: ControlMessage) -> None:
        """A promise and an acceptance are durable, and nothing runs, before they are given."""
        vote = node.disk.vote or Vote(0)
        match message:
            case Collect(question, ballot) if node.disk.restored:
                # Only for a round, which needs all: whatever was accepted is found and finished.
                self.questions[question] = (node.disk.epoch, ballot)
            case Collect(question, ballot):
                others = [used for each, used in self.questions.items() if each != question]
                if ballot != NO_BALLOT and (node.disk.epoch, ballot) in others:
                    raise ViolationError(f"{node.name} asks twice with {ballot}")
                self.questions[question] = (node.disk.epoch, ballot)
                if vote.promised < ballot:
                    raise ViolationError(f"{node.name} asks with {ballot}, which is not durable")
            case Holdings(question, restored=False):
                _, ballot = self.questions.get(question, (0, NO_BALLOT))
                if vote.promised < ballot:
                    raise ViolationError(f"{node.name} promises {ballot}, which is not durable")
                if ballot != NO_BALLOT and node.running is not None:
                    raise ViolationError(f"{node.name} promises {ballot}, and its job runs")
            case Accepted(ballot):
                if vote.accepted is None or vote.accepted < ballot:
                    raise ViolationError(f"{node.name} accepts {ballot}, which is not durable")
            case Decided(_, change):
                if self.decided.get(change.epoch) != change:
                    raise ViolationError(f"{node.name} says that {change.epoch} is decided")


def live(
    seed: int, workers: tuple[str, ...] = ("alpha", "beta", "gamma"), **options: Any
) -> ChangingWorld:
    """Run one seed and check it. Raises as `simulate`."""
    return lived(ChangingWorld(seed, workers, **options), seed)


def part_counts(part: CheckpointPart) -> dict[str, int]:
    """What a staged part has counted of each key."""
    chunks = {"count": [chunk for state in part.states for chunk in state.chunks]}
    return counts_of(Restored(part.checkpoint, (), (), chunks))
