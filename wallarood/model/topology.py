"""The physical plan: which worker runs which stage, owns which partition and reads which input."""

from enum import Enum
from typing import Final

import attrs

from wallarood.model.ids import WorkerName

SINCE_CHANGES: Final = {"omit_default": True}
"""Of a field that came with changes of clusters: it is not written where it has its default."""


class StageKind(Enum):
    """What the first computation of a stage is; it decides where instances may live."""

    SOURCE = "source"
    SIMPLE = "simple"
    STATEFUL = "stateful"
    PARTITIONED = "partitioned"
    SINK = "sink"

    @property
    def has_state(self) -> bool:
        """Whether it keeps state, for all records or by key."""
        return self in (StageKind.STATEFUL, StageKind.PARTITIONED)


class Routing(Enum):
    """How an edge chooses the instance that gets a record."""

    FORWARD = "forward"
    """The instance on the same worker."""
    KEYED = "keyed"
    """The instance that owns the partition of the record's key."""
    SINGLE = "single"
    """The only instance."""
    SPREAD = "spread"
    """All instances in turn, each with an equal share."""


@attrs.frozen
class SourcePartition:
    """One independently readable part of a source (a file, a listener) and who reads it.

    `left_by` is the worker whose journal it is, which `worker` reads to its end since that one is
    gone: it was the partition `was` there. Both are empty otherwise.
    """

    partition: str
    worker: WorkerName
    left_by: WorkerName = attrs.field(default="", metadata=SINCE_CHANGES)
    was: str = attrs.field(default="", metadata=SINCE_CHANGES)


@attrs.frozen
class Stage:
    """A run of coalesced computations. At most one instance a worker.

    `steps` are names of pipeline steps in order. `stopped_by` says in words what ended the run.
    `workers` lists the instances. `partition_owners` has, for a partitioned stage, the owner of
    each partition as an index into `workers`; it is empty otherwise. `source_partitions` is empty
    but for a source. `writers` has the number of the sink's writer on each of `workers`, and
    `writers_given` how many numbers have been given: none is given twice, so what a writer has
    named by it stays its own. Both are empty until a change of the cluster: writers are numbered
    by their places then.
    """

    index: int
    name: str
    kind: StageKind
    steps: tuple[str, ...]
    stopped_by: str
    workers: tuple[WorkerName, ...]
    partition_owners: tuple[int, ...] = ()
    source_partitions: tuple[SourcePartition, ...] = ()
    writers: tuple[int, ...] = attrs.field(default=(), metadata=SINCE_CHANGES)
    writers_given: int = attrs.field(default=0, metadata=SINCE_CHANGES)

    def writer_of(self, worker: WorkerName) -> int:
        """The number of the sink's writer on *worker*."""
        place = self.workers.index(worker)
        return self.writers[place] if self.writers else place

    @property
    def owners(self) -> tuple[WorkerName, ...]:
        """The owner of each partition of the keys; empty but for a partitioned stage."""
        return tuple(self.workers[place] for place in self.partition_owners)


@attrs.frozen
class Edge:
    """The way from an output of one stage to another stage.

    `output` is 0 for the records of a stage (and for those that a branch's predicate accepts),
    1 for those that a branch's predicate refuses. A dead-letter edge has output -1 and names in
    `origin` the step whose failures it carries; one of late records has -2 and names the step for
    which they came too late. `origin` is the last step of the stage otherwise.
    """

    index: int
    source: int
    origin: str
    output: int
    target: int
    routing: Routing


@attrs.frozen
class Topology:
    """The plan of a whole cluster. The first worker leads checkpoints and recovery."""

    epoch: int
    application: str
    workers: tuple[WorkerName, ...]
    stages: tuple[Stage, ...]
    edges: tuple[Edge, ...]
    key_hash: str = "xxh3_64"

    @property
    def leader(self) -> WorkerName:
        """The worker with coordination duties: the first."""
        return self.workers[0]

    def stages_on(self, worker: WorkerName) -> tuple[Stage, ...]:
        """The stages that have an instance on *worker*."""
        return tuple(stage for stage in self.stages if worker in stage.workers)
