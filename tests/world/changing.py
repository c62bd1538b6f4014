"""A world in which the cluster changes: it grows and shrinks while everything else goes wrong."""
# Theory of operation
# ===================
# The receiver of a sink belongs to a seat: what a worker has published stays when it leaves. A slot
# or a source partition moves by what is staged, which is made from the disks of those that had it.
# What must never be is looked at where it would become durable or would be said.

import random
from collections import Counter
from typing import Any

import attrs

from wallarood.control.change.events import ChangeWanted
from wallarood.control.events import ConnectionOpened
from wallarood.control.formation.founding import FormationSettings
from wallarood.control.formation.startup import Role
from wallarood.control.stale import Stamp
from wallarood.model.change import Change, ChangeKind, Trust, Vote
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

from .changing_job import (
    ChangingCuts,
    first_topology,
    replan,
)
from .changing_node import ChangingNode
from .changing_parts import Left, leave_to_heirs, part_counts
from .changing_strikes import STRIKES, Strikes, is_enough
from .changing_strikes import TRIES as LONG
from .errors import ViolationError
from .founding import FINGERPRINT, Founders, Founding
from .journals import Journals
from .node import Node
from .versions import Versions, goes_back
from .world import Wire, World, lived

ASK_AGAIN_S = 2.5
BRIEF_TICK_S = 0.075
TRIES = 12


@attrs.frozen
class Span:
    """How long a life is, and how much is in it."""

    records: int = 120
    """Of each source."""
    spares: tuple[str, ...] = ("rho", "sigma", "tau")
    """Those that may join."""
    faults_end_s: float = 40.0
    ends_s: float = 500.0
    changes: tuple[int, ...] = (1, 2, 3, 4)
    """How many are asked for: one of these."""
    within_s: float = 30.0
    """All are, in this time."""
    trouble: tuple[float, ...] = (0.0, 0.03, 0.15)
    """How often something goes wrong between two steps of a change: one of these."""
    mishaps: int = 18
    """So many others come, or fewer."""
    is_brief: bool = False
    """Whether more goes wrong in less time, and it is hurried to its end when nothing does."""


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
            there = [name for name in self.world.members if name != node.name]
            return [(contact or self.world.chance.choice(there), "")] if there else []
        if node.disk.epoch <= 1 or not node.formed:
            return super().sought(node)
        workers = node.decides.workers
        return [(name, name) for name in workers[: workers.index(node.name)]]

    def version_of(self, node: Node) -> tuple[str, ...]:
        """The application that a worker goes on with: a newer one takes over what is there."""
        found = node.disk.record
        return FINGERPRINT if found is None else found.fingerprint

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
        heirs_own: bool = False,
        votes_restored: bool = False,
        keeps_above: bool = False,
        loses: bool = False,
        span: Span = Span(),
        **options: Any,
    ) -> None:
        self.first, self.span = workers, span
        self.early_promise, self.early_staged = early_promise, early_staged
        self.early_pruned, self.heirs_own = early_pruned, heirs_own
        self.votes_restored, self.keeps_above = votes_restored, keeps_above
        journals = {name: options.pop(name, False) for name in ("told_early", "part_first")}
        keeps_journals = options.pop("journals", any(journals.values()))
        versions = {name: options.pop(name, False) for name in ("upgrades", "returns", "mixes")}
        strikes = {name: options.pop(name, False) for name in STRIKES}
        copied = int(loses and "copied_later" not in options)
        options = {"records": span.records, "replicas": copied, **options}
        super().__init__(seed, workers, **options)
        self.chance = random.Random(f"{seed} changes")
        for name in span.spares:
            for until in (self.disk_full_until, self.disk_slow_until, self.receiver_away_until):
                until[name] = 0.0
            self.nodes[name] = self.make_node(name)
        for name in workers:
            self.changing_node(name).wanted = True
        self.workers = (*workers, *span.spares)
        self.changing_cuts = self.cuts = ChangingCuts(self.records)
        self.founders = ChangingFounders(self, Founding(), workers[0])
        self.accepted: dict[tuple[Ballot, Change], set[str]] = {}
        """Who has ever accepted what."""
        self.decided: dict[int, Change] = {}
        self.bounds: dict[int, int] = {}
        """The highest that was committed before each of them."""
        self.epochs: dict[int, tuple[str, ...]] = {1: workers}
        """The members of each epoch that was decided."""
        self.questions: dict[str, tuple[int, Ballot]] = {}
        self.requests = 0
        self.left: dict[tuple[str, Seat], Left] = {}
        """What the heirs of lost writers publish."""
        self.lost: set[str] = set()
        """Those that were told to be evicted: their disks burned, or they are certified dead."""
        self.dead: set[str] = set()
        """Nobody waits for their votes, whatever is decided."""
        self.loses = loses
        self.evict_after_s: float | None = None
        self.wanted_changes = self.chance.choice(span.changes)
        self.trouble = self.chance.choice(span.trouble)
        self.strikes = Strikes(self, random.Random(f"{seed} strikes"), **strikes)
        if keeps_journals:
            self.journals = Journals(self, random.Random(f"{seed} journals"), **journals)
        self.versions = Versions(self, random.Random(f"{seed} versions"), **versions)
        self.faults_end_s, self.ends_s, self.mishaps = span.faults_end_s, span.ends_s, span.mishaps
        if span.is_brief:
            self.tick_s = BRIEF_TICK_S
            self.death, self.pace, self.reading = 2 * self.death, 4, 0.04
            self.later(self.faults_end_s, self.hurry)

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

    def member_of(self, node: Node) -> Member:
        """A worker in its present life, and in its seat."""
        assert isinstance(node, ChangingNode)
        return attrs.evolve(super().member_of(node), seat=Seat(node.disk.seat))

    def founding(self, node: Node) -> FormationSettings:
        """What a worker brings to the founding, and by what the cluster may change."""
        made = super().founding(node)
        record = node.disk.record
        version = self.versions.of(node.name, record)
        self.changing_node(node.name).runs(version)
        upgrade = self.versions.way_of(version, record)
        digest = upgrade.digest if upgrade is not None else ""
        return attrs.evolve(
            made,
            member=attrs.evolve(made.member, version=digest),
            fingerprint=version,
            upgrade=upgrade,
            worker_count=len(self.first),
            planner=lambda workers, _: first_topology(workers),
            replan=replan,
            journalled=lambda _: self.journals is not None,
            trust=self.trust_in(node),
        )

    def fails(self, node: Node, error: Exception) -> None:
        """A process gives up."""
        super().fails(node, error)
        if "another application" in str(error):
            self.versions.refused(node)

    def trust_in(self, node: Node) -> Trust:
        """What a worker thinks of its directory."""
        assert isinstance(node, ChangingNode)
        known = bool(node.disk.restored) and not self.votes_restored
        return Trust.RESTORED if known else Trust.WHOLE

    # ---- changes ---------------------------------------------------------------------------------

    def run(self) -> None:
        """Run until all is done or time is up. Raises ViolationError."""
        for _ in range(self.wanted_changes):
            self.later(2 + self.chance.random() * self.span.within_s, self.change)
        self.strikes.begin()
        self.versions.begin()
        super().run()

    @property
    def waits(self) -> bool:
        """Whether a short life is to come to its change yet, though nothing goes wrong any more."""
        wanted = self.epoch == 1 or self.versions.unfinished
        return self.span.is_brief and wanted and self.now < 2 * self.faults_end_s

    def hurry(self) -> None:
        """Nothing goes wrong any more: let it come to its end, and to the change before."""
        if self.waits:
            self.later(0.5, self.hurry)
        else:
            self.reading, self.pace = 1.0, 8
        for until in (self.disk_full_until, self.disk_slow_until, self.receiver_away_until):
            until.update(dict.fromkeys(until, self.now))
        for node in self.nodes.values():
            node.stopped_until = min(node.stopped_until, self.now)

    def change(self) -> None:
        """Ask for a change of the cluster, once it is founded: who joins before is a founder."""
        if not self.founders.committed_ever:
            self.later(1.0, self.change)
            return
        members = self.members
        spares = [
            n for n in self.span.spares if n not in members and not self.changing_node(n).wanted
        ]
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

    # ---- losses ----------------------------------------------------------------------------------

    def burn(self, name: str, said: str) -> None:
        """A host is gone, with its disk."""
        self.say(f"{name} and its disk {said}")
        self.changing_node(name).gone = True
        self.lost.add(name)
        self.nodes[name].die()
        self.evict(name, self.epoch, LONG)

    def certify(self, name: str) -> None:
        """An operator says that a worker is dead: what all others have accepted is decided."""
        self.dead.add(name)
        for (_, change), accepted in self.accepted.items():
            lives = change.epoch == self.epoch + 1 and set(change.workers) - self.dead
            if lives and is_enough(change, accepted, self.members, self.dead):
                self.is_decided(change)

    def evict(self, name: str, epoch: int, tries: int) -> None:
        """Have a lost worker evicted."""
        self.strikes.evict(name, epoch, tries)

    @property
    def lasts(self) -> bool:
        """Whether the job is not complete."""
        return not any(self.nodes[name].completed for name in self.members)

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
            if wire.number == connection:
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
        if self.now < self.faults_end_s:  # this is asked before each step: `faulty` is a call
            return False
        if not all(self.nodes[name].completed for name in self.members):
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
            common = self.copied_later.go_without(common) | frozenset(
                each
                for each in common
                if all((name, each.round, each.number) in copies for name in self.members)
            )
        highest = max([self.truth, *(each.number for each in common)])
        following = self.decided.get(self.epoch + 1)
        if following is None:
            self.floor = self.truth = highest
        elif highest > max(self.bounds[following.epoch], following.basis.number):
            raise ViolationError(
                f"{highest} becomes committed in epoch {self.epoch} after its members accepted to "
                f"go on from {following.basis}"
            )

    def floor_of(self, node: Node) -> int:
        """The highest that was committed in the epoch of a worker, which may be an older one."""
        epoch = self.changing_node(node.name).disk.epoch
        return self.floor if epoch == self.epoch else self.bounds.get(epoch + 1, self.floor)

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
        self.versions.check_begins(node, proposal.round)

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
        basis, truth = change.basis.number, self.truth
        if is_new and goes_back(change, self.decided.get(change.epoch - 1)):
            if change.line <= self.line:
                raise ViolationError(f"epoch {change.epoch} goes back in line {self.line}")
            self.floor = self.truth = basis
        elif is_new and basis < truth:
            raise ViolationError(
                f"epoch {change.epoch} goes on from {change.basis}, though {truth} was committed"
            )
        if is_new:
            self.bounds[change.epoch] = truth
        self.floor = self.truth = max(self.truth, basis)
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
            leave_to_heirs(self, change)
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
            self.later(0.0, lambda: self.strikes.amid_change(node, connection))

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
            case Stage() if node.name in message.change.workers:
                self.versions.check_proposed(node, message.change)
            case Decided(_, change):
                if self.decided.get(change.epoch) != change:
                    raise ViolationError(f"{node.name} says that {change.epoch} is decided")


def live(
    seed: int, workers: tuple[str, ...] = ("alpha", "beta", "gamma"), **options: Any
) -> ChangingWorld:
    """Run one seed and check it. Raises as `simulate`."""
    return lived(ChangingWorld(seed, workers, **options), seed)
