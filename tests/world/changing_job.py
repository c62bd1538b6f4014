"""The job of one worker in a cluster that changes: slots and source partitions are dealt anew."""

import functools
from collections import Counter
from typing import Any

import attrs

from wallarood.flow.state.keyed import KeyedState
from wallarood.model.batch import Barrier, EndOfStream
from wallarood.model.change import Change, Why
from wallarood.model.checkpoint import (
    CheckpointId,
    CheckpointPart,
    Restored,
    SourcePosition,
    StatePart,
)
from wallarood.model.topology import (
    Edge,
    Routing,
    SourcePartition,
    Stage,
    StageKind,
    Topology,
)
from wallarood.planning.partitions import assign

from .cuts import Cuts
from .disk import Record
from .errors import ViolationError
from .job import COUNT, READ, Count, SimJob

SLOTS = 8


def first_topology(workers: tuple[str, ...]) -> Topology:
    """How a new cluster is arranged: each worker reads its own partition."""
    partitions = tuple(SourcePartition(name, name) for name in workers)
    return _topology(1, workers, assign(SLOTS, workers), partitions)


def replan(previous: Topology, workers: tuple[str, ...], /, *, epoch: int) -> Topology:
    """Slots with the fewest moves; what a worker has read that leaves is read by another."""
    before = previous.stages[COUNT]
    owners = tuple(before.workers[owner] for owner in before.partition_owners)
    partitions = tuple(
        each if each.worker in workers else attrs.evolve(each, worker=workers[place % len(workers)])
        for place, each in enumerate(previous.stages[READ].source_partitions)
    )
    return _topology(epoch, workers, assign(SLOTS, workers, owners), partitions)


def turned(previous: Topology) -> Topology:
    """The next epoch's, in which each worker has what the one before it had."""
    workers, before = previous.workers, previous.stages[COUNT]
    after = {name: workers[(place + 1) % len(workers)] for place, name in enumerate(workers)}
    owners = tuple(after[before.workers[owner]] for owner in before.partition_owners)
    partitions = tuple(
        attrs.evolve(each, worker=after[each.worker])
        for each in previous.stages[READ].source_partitions
    )
    return _topology(previous.epoch + 1, workers, owners, partitions)


def _topology(
    epoch: int,
    workers: tuple[str, ...],
    owners: tuple[str, ...],
    partitions: tuple[SourcePartition, ...],
) -> Topology:
    numbers = tuple(workers.index(owner) for owner in owners)
    read = Stage(0, "read", StageKind.SOURCE, ("read",), "", workers, source_partitions=partitions)
    count = Stage(1, "count", StageKind.PARTITIONED, ("count",), "", workers, numbers)
    edge = Edge(0, 0, "read", 0, 1, Routing.KEYED)
    return Topology(epoch, "simulated", workers, (read, count), (edge,))


def owner_in(topology: Topology, key: str) -> str:
    """The worker that counts *key*."""
    return owners_in(topology)[slot_of(key)]


@functools.cache
def slot_of(key: str) -> int:
    """Where *key* belongs."""
    return sum(key.encode()) % SLOTS


def owners_in(topology: Topology) -> tuple[str, ...]:
    """The worker that has each slot."""
    stage = topology.stages[COUNT]
    return tuple(stage.workers[owner] for owner in stage.partition_owners)


def read_in(topology: Topology, worker: str) -> tuple[str, ...]:
    """The partitions that *worker* reads."""
    partitions = topology.stages[READ].source_partitions
    return tuple(each.partition for each in partitions if each.worker == worker)


def counts_of(restored: Restored) -> dict[str, int]:
    """What a part has counted of each key."""
    state = KeyedState("count", Count)
    state.restore(restored.chunks.get("count", ()))
    return {key: count.seen for key, count in state.by_key.items()}


def state_part(counts: dict[str, int]) -> StatePart:
    """A part that has all of *counts*."""
    state = KeyedState("count", Count)
    made = {}
    for key, seen in counts.items():
        made[key] = Count()
        made[key].seen = seen
    state.put(made)
    state.capture(1, 0)
    while state.capturing:
        state.encode_some()
    return attrs.evolve(state.finish(), base=True, since=0)


def evicted_in(change: Change) -> set[str]:
    """Those whose parts are to be had from copies only."""
    return {gone.name for gone in change.gone if gone.why is not Why.LEFT}


@attrs.define(eq=False)
class ChangingCuts(Cuts):
    """As `Cuts`, where partitions are read by one worker after the other."""

    topologies: dict[int, Topology] = attrs.field(factory=dict)
    """Of each round."""
    _slots: dict[str, list[int]] = attrs.field(init=False)
    """For each partition, the slots of its records."""

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self._slots = {
            name: [slot_of(key) for key, _ in records] for name, records in self.records.items()
        }

    def _check(self, checkpoint: CheckpointId) -> None:
        read = self._read.get(checkpoint, {})
        if len(read) < len(self.records):
            return
        counted = self._counted.get(checkpoint)
        if not counted:
            return
        owners = owners_in(self.topologies[checkpoint.round])
        slots = Counter(slot for name, until in read.items() for slot in self._slots[name][:until])
        dues = Counter[str]()
        for slot, many in slots.items():
            dues[owners[slot]] += many
        for worker, count in counted.items():
            due = dues[worker]
            if count != due:
                raise ViolationError(
                    f"checkpoint {checkpoint} of {worker} has {count} records in its state, and "
                    f"the sources had read {due} for it"
                )


class ChangingJob(SimJob):
    """A job in the epoch of *topology*; *everything* are the records of all partitions."""

    def __init__(
        self, topology: Topology, everything: dict[str, list[Record]], **options: Any
    ) -> None:
        self.topology, self.everything = topology, everything
        worker, restored = options["worker"], options["restored"]
        self.positions = dict.fromkeys(read_in(topology, worker), 0)
        self.positions |= {each.partition: each.position for each in restored.sources}
        self.turn, self.owners = 0, owners_in(topology)
        super().__init__(workers=topology.workers, records=[], **options)

    def owner_of(self, key: str) -> str:
        """The worker that counts *key*."""
        return self.owners[slot_of(key)]

    def source_step(self, count: int) -> None:
        """Read some records of one partition, each in its turn, or say that there are no more."""
        left = [p for p, at in self.positions.items() if at < len(self.everything[p])]
        if not left:
            self.source_ended = True
            self._mark(EndOfStream())
            self.ended.add(READ)
            self.collector.stage_ended(READ)
            return
        self.turn += 1
        partition = left[self.turn % len(left)]
        at = self.positions[partition]
        batch = self.everything[partition][at : at + count]
        for target in self.workers:
            if some := tuple(each for each in batch if self.owner_of(each[0]) == target):
                self._emit(target, some)
        self.positions[partition] += len(batch)

    def put_barrier(self, barrier: Barrier) -> None:
        """Put a barrier behind what the source has read."""
        if not self.collector.begin(barrier):
            return
        checkpoint = CheckpointId(barrier.round, barrier.number)
        for partition, position in self.positions.items():
            self.reports.cuts.source_at(checkpoint, partition, position)
        if READ not in self.ended:
            self._mark(barrier)
            self.collector.capture_now(READ)
            self.collector.finish(barrier.number, READ)
        here = tuple(
            SourcePosition("source", partition, position, self.source_ended)
            for partition, position in self.positions.items()
        )
        self.collector.sources_at(barrier.number, here)

    def _on_done(self, part: CheckpointPart) -> None:
        """A part is whole. Its state may have come from a worker with a sink of its own."""
        counted = self.counted_at.get(part.checkpoint.number, self.counted)
        self.reports.cuts.counted(part.checkpoint, self.worker, counted)
        self.reports.on_done(part)
