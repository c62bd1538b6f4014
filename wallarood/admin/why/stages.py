"""Which stage holds up the others: the first busy one behind those that are blocked."""
# Theory of operation
# ===================
# A stage that is blocked waits for the next one to take its records, so the cause is further down.
# From the first blocked stage the way goes to the target that is blocked itself, and so on; where
# no target is, the busiest of them is the cause. A source whose partitions wait for its own stage
# is held up by that one.

from collections.abc import Sequence

import attrs

from wallarood.admin.status import ClusterStatus, StageStatus, Status
from wallarood.admin.why.finding import Fault, Finding
from wallarood.model.topology import StageKind, Topology

BLOCKED = 0.2
"""From this share of the time on a stage counts as held up."""
BUSY = 0.8
"""From this share on a stage counts as the cause although nothing waits for it."""
SKEW = 1.5
"""So many times the mean of all workers make a worker's part too large."""
HOT = 0.2
"""From this share of a worker's records on a key is the cause of its part being too large."""


@attrs.frozen
class StageView:
    """One stage on all of its workers that have answered."""

    index: int
    name: str
    kind: str
    instances: tuple[tuple[str, StageStatus], ...]
    reading_blocked: float = 0.0
    """How much of the time the partitions of its source waited for it, on the worst worker."""

    @property
    def busiest(self) -> tuple[str, StageStatus]:
        """The worker on which it is busiest."""
        return max(self.instances, key=lambda each: each[1].busy)

    @property
    def busy(self) -> float:
        """The share of the time in which it works, on the busiest worker."""
        return self.busiest[1].busy

    @property
    def blocked(self) -> float:
        """The share of the time in which it is held up, on the worst worker."""
        return max(each.blocked for _, each in self.instances)

    @property
    def rate(self) -> float:
        """Records a second on all workers."""
        return sum(each.rate for _, each in self.instances)


def stage_views(cluster: ClusterStatus, topology: Topology) -> dict[int, StageView]:
    """All stages, by index."""
    found: dict[int, list[tuple[str, StageStatus]]] = {}
    for status in cluster.workers:
        for stage in status.stages:
            found.setdefault(stage.index, []).append((status.worker, stage))
    blocked: dict[str, float] = {}
    for status in cluster.workers:
        for source in status.sources:
            blocked[source.source] = max(blocked.get(source.source, 0.0), source.blocked)
    views = {}
    for index, instances in sorted(found.items()):
        first = instances[0][1]
        reading = blocked.get(topology.stages[index].steps[0], 0.0)
        views[index] = StageView(index, first.name, first.kind, tuple(instances), reading)
    return views


def slowest(views: dict[int, StageView], topology: Topology) -> StageView | None:
    """The stage that holds up the others; None if none does."""
    targets: dict[int, list[int]] = {}
    for edge in topology.edges:
        targets.setdefault(edge.source, []).append(edge.target)
    for view in views.values():
        if view.blocked >= BLOCKED:
            return _cause(view, views, targets)
        if view.reading_blocked >= BLOCKED:
            return view
    busy = [view for view in views.values() if view.busy >= BUSY]
    return max(busy, key=lambda view: view.busy, default=None)


def _cause(
    view: StageView, views: dict[int, StageView], targets: dict[int, list[int]]
) -> StageView | None:
    while True:
        after = [views[each] for each in targets.get(view.index, ()) if each in views]
        if not after:
            return view
        held = [each for each in after if each.blocked >= BLOCKED and each.index > view.index]
        if not held:
            return max(after, key=lambda each: each.busy)
        view = max(held, key=lambda each: each.blocked)


def find_slowest(cluster: ClusterStatus, topology: Topology) -> Finding | None:
    """What is said of the stage that holds up the others; None if none does."""
    views = stage_views(cluster, topology)
    view = slowest(views, topology)
    if view is None:
        return None
    evidence = (*_parts(view), *_loop(cluster.workers, view.busiest[0]), *hops(views))
    worker, most = max(view.instances, key=lambda each: each[1].rate)
    mean = view.rate / len(view.instances)
    if view.kind == StageKind.PARTITIONED.value and len(view.instances) > 1 and mean > 0:
        ratio = most.rate / mean
        hot = most.hot_keys[0] if most.hot_keys else None
        if ratio >= SKEW and hot is not None and hot.share >= HOT:
            return Finding(
                Fault.HOT_KEY,
                f"key {hot.key} has {hot.share:.0%} of the records that stage {view.name} gets on "
                f"{worker}, which gets {ratio:.1f} times the mean of all workers",
                (
                    "one key is processed by one worker: give it parts of its own in key_by (for "
                    "example a number of the client), and add these up in a second step",
                    *evidence,
                ),
                view.name,
            )
        if ratio >= SKEW:
            return Finding(
                Fault.SKEWED_SLOTS,
                f"the slots of stage {view.name} are skewed: {worker} gets {ratio:.1f} times as "
                "many records as a worker gets on average",
                (
                    *_busiest_slots(worker, most),
                    "no single key explains it: more partitions spread them better",
                    *evidence,
                ),
                view.name,
            )
    worker, busiest = view.busiest
    before = max((each.blocked for each in views.values()), default=0.0)
    waits = max(before, view.reading_blocked)
    held = f", and what comes before it waits {waits:.0%} of the time" if waits >= BLOCKED else ""
    if view.kind == StageKind.SINK.value:
        sentence = (
            f"sink {view.name} is slow: on {worker} it is writing {busiest.busy:.0%} of the "
            f"time{held}"
        )
        return Finding(Fault.SLOW_SINK, sentence, evidence, view.name)
    sentence = (
        f"stage {view.name} is slow: on {worker} it is busy {busiest.busy:.0%} of the time{held}"
    )
    return Finding(Fault.SLOW_STAGE, sentence, evidence, view.name)


def _busiest_slots(worker: str, instance: StageStatus) -> tuple[str, ...]:
    """Which slots of a worker have most of its records, if that is known."""
    if not instance.slots:
        return ()
    first, last, share = max(instance.slots, key=lambda each: each[2])
    return (f"of the records of {worker}, {share:.0%} are of its slots {first} to {last}",)


def _parts(view: StageView) -> tuple[str, ...]:
    """How the records of a stage are spread over its workers."""
    if len(view.instances) < 2:
        return ()
    parts = ", ".join(f"{worker} {each.rate:,.0f}/s" for worker, each in view.instances)
    return (f"records of {view.name} by worker: {parts}",)


def _loop(workers: Sequence[Status], name: str) -> tuple[str, ...]:
    """Whether the processor of a worker is what limits it."""
    status = next(each for each in workers if each.worker == name)
    if status.host.cpu < BUSY:
        return ()
    return (
        f"the process of {name} uses {status.host.cpu:.0%} of a core: its stages share it, so more "
        "workers help, or blocking=True for what waits or computes outside Python",
    )


def hops(views: dict[int, StageView]) -> tuple[str, ...]:
    """Where time goes, stage by stage, on the busiest worker of each."""
    return tuple(
        f"{view.name} ({view.kind}): busy {view.busy:.0%}, blocked {view.blocked:.0%}, "
        f"{view.rate:,.0f} records/s"
        for view in views.values()
    )
