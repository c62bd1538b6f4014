"""One worker of a world in which the cluster changes: its votes, what it stages and adopts."""

import sqlite3
from typing import TYPE_CHECKING, Any

import attrs
import msgspec

from wallarood.control import effects as do
from wallarood.control.change import effects as change
from wallarood.control.change.events import AheadCopied, ChangeStaged, StagingFailed, VoteWritten
from wallarood.control.formation.startup import Role
from wallarood.control.node import ClusterNode
from wallarood.control.worker_state import WorkerState
from wallarood.model.change import Change, PartName, Vote
from wallarood.model.checkpoint import CheckpointPart
from wallarood.model.cluster_record import ClusterRecord, Layout
from wallarood.model.ids import Ballot
from wallarood.model.messages import RoundProposal
from wallarood.model.staging import StagedChain, StagedChange, StagedPart
from wallarood.storage.change_rows import ChangeRows
from wallarood.storage.checkpoint_files import fill_new
from wallarood.storage.checkpoint_rows import put_marks
from wallarood.storage.checkpoints import CheckpointStore

from .changing_job import ChangingJob
from .changing_parts import can_read, is_over, part_of, present_in, publish_left
from .disk import Disk
from .errors import ViolationError
from .job import SimJob
from .node import SETTINGS, Call, DiedError, Node, SimRound

if TYPE_CHECKING:
    from .changing import ChangingWorld

CHANGE_WAIT_S = 6.0
HEARTBEAT_S, BRIEF_HEARTBEAT_S = 0.5, 0.65
TRY_AGAIN_S = 0.5


@attrs.define(eq=False)
class ChangingDisk(Disk):
    """A disk that has votes, and what is staged of epochs to come."""

    seat: str = ""
    restored: str = ""
    """Why the directory counts as a copy."""
    vote: Vote | None = None
    voted: tuple[int, frozenset[PartName]] | None = None
    """The round in which the last vote was written, and the replicas that were here by then."""
    changes: dict[Change, tuple[ClusterRecord, CheckpointPart]] = attrs.field(factory=dict)
    """What is staged of each."""
    layouts: dict[Change, Layout] = attrs.field(factory=dict)
    """Who has which part of what each goes on from."""
    former: list[dict[int, Any]] = attrs.field(factory=list)
    """What the receiver has of the writers of former seats."""

    @property
    def epoch(self) -> int:
        """The epoch that this worker is in; 0 for none."""
        return self.record.topology.epoch if self.record is not None else 0

    def adopt(self, record: ClusterRecord, *, keeps_above: bool = False) -> None:
        """The next epoch, in one transaction: basis, round, line, and no vote."""
        assert record.change is not None
        if self.database is None:
            self.database = sqlite3.connect(":memory:", isolation_level=None)
            fill_new(self.database, record.cluster_id)
        staged, part = self.changes[record.change]
        store = self.open(staged)
        above = _rows_above(self.database, part.checkpoint.number) if keeps_above else []
        rows = ChangeRows(store)
        number = rows.begin()
        for state in part.states:
            rows.add(number, state.computation, state.chunks, after=0)
        before = self.layouts[record.change]
        rows.finish(_staged_part(number, staged, part, before))
        self.record, self.vote, self.changes = rows.adopt(record), None, {}
        for table, row in above:
            into = f"INSERT OR IGNORE INTO {table} VALUES ({', '.join('?' * len(row))})"
            self.database.execute(into, row)
        store = self.open(self.record) if above else store
        self.look(store)

    def prune(self) -> None:
        """Let go of what was here in the epoch before."""
        assert self.record is not None
        store = self.open(self.record)
        with store.transaction() as cursor:
            put_marks(cursor, msgspec.structs.replace(store.marks, former=()))

    def destroy(self) -> None:
        """The disk is another one, and empty: the receiver has what it has.

        What was prepared for it is there again when the part of which it is is there again.
        """
        self.forget()
        self.copies, self.starts, self.nevers, self.lost = self.copies + 1, 0, set(), frozenset()
        self.vote, self.voted, self.changes = None, None, {}

    def set_aside(self) -> None:
        """The state of a seat that is in the cluster no more is archived."""
        self.former.append(self.visible)
        self.forget()
        self.vote, self.changes, self.staged, self.torn = None, {}, {}, set()
        self.restored, self.voted = "", None
        self.visible, self.received, self.line_of = {}, {}, {}


def _staged_part(
    number: int, record: ClusterRecord, part: CheckpointPart, before: Layout
) -> StagedChange:
    """What is staged, as it stands in the database."""
    sources = tuple((s.source, s.partition, s.position, s.ended) for s in part.sources)
    sinks = tuple((s.step, s.state, s.unpublished) for s in part.sinks)
    chains = tuple(
        StagedChain(s.computation, ((-number, len(s.chunks)),) if s.chunks else ())
        for s in part.states
    )
    staged = StagedPart(number, part.checkpoint, sources, sinks, chains)
    return StagedChange(Ballot(1, ""), record, before.topology, before.members, staged)


def _rows_above(
    database: sqlite3.Connection | None, number: int
) -> list[tuple[str, tuple[Any, ...]]]:
    """What a database has of checkpoints above *number*."""
    if database is None:
        return []
    return [
        (table, row)
        for table in ("checkpoint", "chunk")
        for row in database.execute(f"SELECT * FROM {table} WHERE number > ?", (number,))
    ]


class ChangingNode(Node):
    """A worker; *wanted* is whether it is started at all, *gone* whether it has ended for good.

    *replaces* is whether it is started to take the place of a member, on an empty disk.
    """

    world: "ChangingWorld"
    disk: ChangingDisk

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self.disk = ChangingDisk()
        self.wanted = self.gone = self.replaces = False
        self.contact = ""
        self.version: tuple[str, ...] = ()
        self.ran: set[tuple[int, tuple[str, ...]]] = set()
        """In which epochs a process of it was started with which version."""
        self.new_seat()

    def new_seat(self) -> None:
        """Another state directory."""
        self.disk.restored = ""
        self.disk.seat = f"{self.name}-{self.world.rng.getrandbits(32):08x}"

    def runs(self, version: tuple[str, ...]) -> None:
        """A process is started with this version of the application."""
        self.version = version
        self.ran.add((self.disk.epoch, version))

    @property
    def joins(self) -> bool:
        """Whether it is started to join a cluster that runs."""
        return self.disk.record is None and (self.replaces or self.world.is_spare(self.name))

    def start(self) -> None:
        """A process begins, if it is wanted."""
        if self.wanted and not self.gone:
            super().start()

    def make_brain(self, role: Role, record: ClusterRecord | None) -> ClusterNode:
        """What a process decides with."""
        timing = attrs.evolve(
            SETTINGS.timing,
            heartbeat_s=BRIEF_HEARTBEAT_S if self.world.span.is_brief else HEARTBEAT_S,
            change_wait_s=CHANGE_WAIT_S,
            seek_s=3.0,
            evict_after_s=self.world.evict_after_s,
        )
        replicas = self.world.copied_later.of(self.name)
        staged = [each for each, _ in self.disk.changes.values()]
        return ClusterNode(
            self.world.founding(self),
            role,
            record,
            settings=attrs.evolve(SETTINGS, timing=timing, replicas=replicas),
            now=self.world.now,
            classes=self.world.bugs.classes,
            vote=self.disk.vote,
            staged=staged[-1] if record is None and staged else None,
        )

    def make_job(self, mine: SimRound) -> SimJob:
        """The job of a round in the epoch that this worker is in."""
        assert self.store is not None
        assert self.disk.record is not None
        change = self.disk.record.change
        if change is not None and mine.proposal.checkpoint == change.basis:
            publish_left(self.world, self.name, self.disk)
        return ChangingJob(
            self.disk.record.topology,
            self.world.records,
            worker=self.name,
            round=mine.proposal.round,
            line=mine.proposal.line,
            restored=self.store.restore(mine.proposal.checkpoint.number),
            disk=self.disk,
            parts=self.world.bugs.parts,
            reports=self.reports(mine),
        )

    def _write(self, mine: SimRound, part: CheckpointPart) -> None:
        if self.world.journals is not None:
            self.world.journals.taken(self, part.checkpoint.round, part.checkpoint.number)
        super()._write(mine, part)

    def _begin_round(self, proposal: RoundProposal) -> None:
        assert self.disk.record is not None
        self.world.check_begins(self, proposal)
        self.world.changing_cuts.topologies[proposal.round] = self.disk.record.topology
        super()._begin_round(proposal)

    @property
    def is_due(self) -> bool:
        """As ever; but who adopts an epoch takes nothing any more, and begins anew with it."""
        return not self._adopts and super().is_due

    def turn(self) -> None:
        """As ever, while this worker stays in its epoch."""
        if not self._adopts:
            super().turn()

    def _perform(self, effects: list[do.ShellEffect]) -> None:
        super()._perform(effects)
        if self._adopts:
            self.posted.clear()
            self.queue.clear()
            self.deadline = None

    @property
    def _adopts(self) -> bool:
        return self.brain is not None and self.brain.ended_as is WorkerState.OUTDATED

    # ---- effects of a change ---------------------------------------------------------------------

    def do_change(self, effect: change.OfAChange) -> None:
        """Carry out one effect."""
        match effect:
            case change.WriteVote(vote):
                self._write_vote(vote)
            case change.CopyAhead(name):
                life = self.life
                self.world.later(
                    self.world.rng.random() / 2, lambda: self._copied_ahead(name, life)
                )
            case change.StageChange():
                life = self.life
                self.world.later(
                    self.world.rng.random() + self.world.disk_time(self.name),
                    lambda: self._stage(effect, life),
                )
            case change.AdoptChange(record):
                self._adopt_in_turn(record)
            case change.SetAside(reason, exit_code):
                self.world.say(f"{self.name}: {reason} ({exit_code})")
                if self.call_in_progress is not None:  # what has begun is carried out before
                    self._apply(self.call_in_progress)
                    self.call_in_progress = None
                self.world.check_set_aside(self)
                self.disk.set_aside()
                self.gone = not exit_code or not self.world.returns(self)
                self.die()
                raise DiedError
            case change.Unstage():
                self.disk.changes = {}
            case change.SeekAt(control):
                self.contact = control.host
            case change.Seek(name):
                self.world.seek(self, name)
            case change.Distrust(why):
                self.disk.restored = why
            case change.TellOperator(name, taken, text):
                self.world.say(f"{self.name}: request {name}: {'taken' if taken else 'no'}: {text}")
                self.world.strikes.check_answer(self.name, text)

    def _adopt_in_turn(self, record: ClusterRecord) -> None:
        """As in the runtime: after all that the store is still to do."""
        life = self.life

        def adopt() -> None:
            self.world.check_adopts(self, record)
            self.disk.adopt(record, keeps_above=self.world.keeps_above)
            self._go_on_with_journal(record)
            if self.world.early_pruned:
                self.disk.prune()

        def of_store(_: CheckpointStore) -> None:
            adopt()
            self.store = self.disk.open(record)

        def of_none() -> None:
            if self.life == life:
                adopt()
                self.guarded(self._begin_anew)

        if self.store is None:  # a newcomer
            self.world.later(self.world.disk_time(self.name), of_none)
        else:
            self.stored(of_store, lambda _: self.guarded(self._begin_anew))

    def _begin_anew(self) -> None:
        self.die()
        raise DiedError

    @property
    def kept_journals(self) -> tuple[tuple[str, int], ...]:
        """In which epoch the copies here of others' journals were whole last."""
        return () if self.world.journals is None else self.world.journals.kept_by(self)

    def _go_on_with_journal(self, record: ClusterRecord) -> None:
        if self.world.journals is None or record.change is None:
            return
        for gone in record.change.gone:
            if gone.name == self.name:
                self.world.journals.replace(self.name, gone.seat, self.disk.seat)

    def _write_vote(self, vote: Vote) -> None:
        def write(store: CheckpointStore) -> None:
            if self.disk.restored:
                raise ViolationError(f"{self.name} votes, and its directory is a copy")
            if vote.epoch != self.disk.epoch:
                return  # the row was cleared by the next epoch, which comes after it in the store
            if self.disk.restored:
                raise ViolationError(f"{self.name} votes, and its directory is a copy")
            self.world.check_promised(self, vote)
            self.disk.vote = vote
            self.disk.voted = (store.round, frozenset(store.replicas.held))
            self.world.check_vote(self.name, vote)

        written = VoteWritten(vote)
        self.world.strikes.accepts(self.name, vote)
        if self.world.early_promise:
            self.posted.append(written)
            self.stored(write, lambda _: None)
        else:
            self.stored(write, lambda _: self.posted.append(written))

    def _apply(self, call: Call) -> Any:
        result, voted = super()._apply(call), self.disk.voted
        if self.store is not None and voted is not None and self.store.round == voted[0]:
            late = set(self.disk.replicas) - voted[1]
            if late:
                raise ViolationError(f"{self.name} takes {late} after it has voted")
        return result

    def _copied_ahead(self, name: str, life: int) -> None:
        if self.life == life and self.alive:
            self._post(AheadCopied(name))

    def _stage(self, effect: change.StageChange, life: int) -> None:
        world, staged = self.world, effect.record.change
        if self.life != life or not self.alive or self.disk.epoch >= effect.record.topology.epoch:
            return
        assert staged is not None
        again = self.stopped_until > world.now or not all(
            can_read(world, self.name, name)
            for name in present_in(world, effect.previous.workers, staged)
        )
        fails = world.disk_fails(self.name)
        if self.world.early_staged:
            self._post(ChangeStaged(effect.ballot))
        if staged not in self.disk.changes:
            if again or (fails and world.rng.random() < 0.7):
                world.later(TRY_AGAIN_S, lambda: self._stage(effect, life))
                return
            if fails:
                self._post(StagingFailed(effect.ballot, "no space left"))
                return
            try:
                part = part_of(world, self.name, staged, effect.previous)
            except ViolationError:
                if not is_over(world, staged):
                    raise
                why = "its basis is there no more"
                self._post(StagingFailed(effect.ballot, why))
                return
            self.disk.changes[staged] = (effect.record, part)
            self.disk.layouts[staged] = Layout(effect.previous, effect.old_members)
        self._post(ChangeStaged(effect.ballot))

    def _post(self, event: AheadCopied | ChangeStaged | StagingFailed) -> None:
        self.posted.append(event)
        self.guarded(self.turn)
