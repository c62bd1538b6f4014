"""Clusters of three as their workers would tell of them."""

from collections.abc import Callable
from typing import Any

import attrs

from wallarood.admin.figures.values import (
    CopyStatus,
    DeliveryStatus,
    FailureSample,
    HostStatus,
    HotKey,
    LinkStatus,
    RunStatus,
    SinkStatus,
    StateSize,
)
from wallarood.admin.status import (
    CheckpointStatus,
    ClusterStatus,
    JobState,
    SourceStatus,
    StageStatus,
    Status,
    WorkerStatus,
)
from wallarood.model.time import SECOND
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


def full_status() -> Status:
    """A worker of which everything is known that can be."""
    status = healthy_cluster().cluster.asked
    status = with_stage(
        COUNT,
        watermark=5 * SECOND,
        late=(("window", 3),),
        states=(StateSize("count", 10, 100),),
        failures=(FailureSample(1.0, "count", "ValueError: x", "app.py", 3, "'x'"),),
        hot_keys=(HotKey("'a'", 0.5),),
        slots=((0, 126, 0.75), (129, 255, 0.25)),
        slot_skew=1.5,
    )(status)
    status = with_stage(SINK, sink=SinkStatus(7, 3, 1, 2.0, 1.0))(status)
    status = with_source(
        away_since=1.0,
        lag_records=5,
        bytes_read=3,
        bytes_total=9,
        watermark=4 * SECOND,
        condition="active",
    )(status)
    return attrs.evolve(
        status,
        cluster_id="wc-1",
        application="words",
        checkpoint=CheckpointStatus(
            committed=4,
            copy=CopyStatus("beta", 4, False),
            age_s=1.0,
            size_bytes=9,
            succeeded=4,
            recent=(RunStatus(4, 1.0, "committed", 0.1, 0.2, 0.3, 0.4, 9),),
        ),
        host=HostStatus(0.5, 1 << 20, 0.01, 1 << 30, 1 << 31, 2e9, 3),
        links=(LinkStatus("beta", 1, 2, 3.0), LinkStatus("gamma", 4, 5, 6.0)),
        delivery=DeliveryStatus((0.1, 1.0), (1, 2, 3), 4.0),
    )
