"""Clusters of three as their workers would tell of them."""

from collections.abc import Callable
from typing import Any

import attrs

from wallarood.admin.status import (
    ClusterStatus,
    JobState,
    SourceStatus,
    StageStatus,
    Status,
    WorkerStatus,
)
from wallarood.model.topology import Edge, Routing, Stage, StageKind, Topology

WORKERS = ("alpha", "beta", "gamma")
SOURCE, COUNT, SINK = "in + split", "count", "out"


@attrs.frozen
class Made:
    """A cluster that reads, counts by key and writes; nothing is wrong with it."""

    topology: Topology
    cluster: ClusterStatus

    def changed(self, worker: str, change: Callable[[Status], Status]) -> "Made":
        """The same, but for what one worker says."""
        made = [change(each) if each.worker == worker else each for each in self.cluster.workers]
        return attrs.evolve(self, cluster=ClusterStatus(made[0], tuple(made[1:])))

    def everywhere(self, change: Callable[[Status], Status]) -> "Made":
        """The same, but for what all workers say."""
        made = self
        for worker in WORKERS:
            made = made.changed(worker, change)
        return made


def with_stage(name: str, **values: Any) -> Callable[[Status], Status]:
    """A change of one stage of a worker."""

    def change(status: Status) -> Status:
        stages = tuple(
            attrs.evolve(each, **values) if each.name == name else each for each in status.stages
        )
        return attrs.evolve(status, stages=stages)

    return change


def with_source(**values: Any) -> Callable[[Status], Status]:
    """A change of the source partition of a worker."""
    return lambda status: attrs.evolve(
        status, sources=tuple(attrs.evolve(each, **values) for each in status.sources)
    )


def healthy_cluster() -> Made:
    """Three workers that read, count and write; nothing is wrong."""
    stages = (
        Stage(0, SOURCE, StageKind.SOURCE, ("in", "split"), "", WORKERS),
        Stage(1, COUNT, StageKind.PARTITIONED, ("count",), "", WORKERS, (0, 1, 2)),
        Stage(2, SINK, StageKind.SINK, ("out",), "", WORKERS),
    )
    edges = (
        Edge(0, 0, "split", 0, 1, Routing.KEYED),
        Edge(1, 1, "count", 0, 2, Routing.FORWARD),
    )
    statuses = [
        Status(
            worker,
            "1",
            JobState.RUNNING,
            "running",
            60.0,
            workers=tuple(
                WorkerStatus(each, "a:1", "here" if each == worker else "connected", 0.1)
                for each in WORKERS
            ),
            stages=tuple(
                StageStatus(each.index, each.name, each.kind.value, busy=0.1, rate=1000.0)
                for each in stages
            ),
            sources=(SourceStatus("in", f"part-{worker}", worker, rate=1000.0),),
            rate=1000.0,
        )
        for worker in WORKERS
    ]
    topology = Topology(1, "words", WORKERS, stages, edges)
    return Made(topology, ClusterStatus(statuses[0], tuple(statuses[1:])))
