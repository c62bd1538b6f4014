"""What a worker says about itself: the answer to ``GET /status``, and what people see of it.

A worker reports its own stage instances and source partitions, and what it knows of its peers. A
picture of the whole cluster is the sum over its workers.
"""

from enum import Enum
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
from wallarood.model.ids import ClusterId, WorkerName


class JobState(Enum):
    """How far the work of this worker is."""

    FORMING = "forming"
    RECOVERING = "recovering"
    """The cluster rolls back to its last checkpoint, or waits for all members to do so."""
    RUNNING = "running"
    PAUSED = "paused"
    """The cluster exists, but a worker is away: sources wait for it."""
    COMPLETED = "completed"
    FAILED = "failed"


@attrs.frozen
class WorkerStatus:
    """A member of the cluster as this worker sees it.

    `state` is one word: "here" for the worker itself, "connected", "away" or "left". `heard_s` is
    how long ago a peer was last heard, in seconds; None for the worker itself, or if it never was.
    """

    name: WorkerName
    address: str
    state: str
    heard_s: float | None = None


@attrs.frozen
class StageStatus:
    """The instance of one stage on this worker; counts are since the process started.

    `overruns` is how often user code has held the event loop for longer than a second, `in_hand`
    how many records are awaited, or in a thread. `pickled` is how many records went to other
    workers as pickle, or in a way as slow, since the last recovery. `backlog` is the number of
    batches that wait for the stage. `rate` is in records in a second, over the last few seconds.
    `failing` says what a source or sink waits for outside, and since when; empty if for nothing.
    `unpublished` is how many committed transactions of a sink wait to be published, and
    `unpublished_bytes` how many bytes of them are kept on disk; `sink` has more about a sink.
    `watermark` is how far event time has come here, in microseconds since 1970 UTC; None if the
    stage has heard of none. `waits` says what the records of a stream wait for here; empty if they
    do not. `late` has how many records came too late, by cause.

    `busy` is the share of the last seconds (0 to 1) in user code or a sink, `blocked` that in which
    the stage waited because what comes after it had no room. `states` are what its computations
    keep, `hot_keys` the keys with most of its records, by samples, `failures` the last records that
    failed or came too late. `slots` has the slots of this worker in at most 16 groups: the first
    and the last slot of each, and its share of the records here, by samples; `slot_skew` is how
    many times its part the busiest group has. Both are empty where too little is known.
    """

    index: int
    name: str
    kind: str
    records_in: int = 0
    records_out: int = 0
    skipped: int = 0
    dead_letters: int = 0
    backlog: int = 0
    rate: float = 0.0
    overruns: int = 0
    in_hand: int = 0
    pickled: int = 0
    failing: str = ""
    unpublished: int = 0
    unpublished_bytes: int = 0
    sink: SinkStatus | None = None
    watermark: int | None = None
    waits: str = ""
    late: tuple[tuple[str, int], ...] = ()
    busy: float = 0.0
    blocked: float = 0.0
    rate_out: float = 0.0
    late_rate: float = 0.0
    failed_rate: float = 0.0
    states: tuple[StateSize, ...] = ()
    hot_keys: tuple[HotKey, ...] = ()
    slots: tuple[tuple[int, int, float], ...] = ()
    slot_skew: float | None = None
    failures: tuple[FailureSample, ...] = ()

    @property
    def idle(self) -> float:
        """The share of the time in which it waited for records, or for its turn."""
        return max(0.0, 1.0 - self.busy - self.blocked)


@attrs.frozen
class SourceStatus:
    """One source partition that this worker reads; `bytes_total` is None if unknown.

    `watermark` is how far event time has come in it, in microseconds since 1970 UTC, None if it has
    shown no stamp; `condition` is "unopened", "active", "idle" or "ended", and empty if the source
    has no event time. `lag_records` is how many records are there and not yet read, if the source
    knows; `rate` what is read, in records a second, and `blocked` the share of the time in which it
    waited for room, both over the last seconds.
    `away` says why it cannot be read, and since when; empty if it can. `away_since` is the same in
    seconds since 1970 UTC, None if it can; `reconnects` how often it was opened again, its server
    having been away. `log_lag_bytes` is how much of its server's log it has not read, if known.
    """

    source: str
    partition: str
    worker: WorkerName
    records: int = 0
    bytes_read: int | None = None
    bytes_total: int | None = None
    ended: bool = False
    watermark: int | None = None
    condition: str = ""
    away: str = ""
    lag_records: int | None = None
    rate: float = 0.0
    blocked: float = 0.0
    away_since: float | None = None
    reconnects: int = 0
    log_lag_bytes: int | None = None

    @property
    def lag_bytes(self) -> int | None:
        """How much is there and not yet read; None if unknown."""
        if self.log_lag_bytes is not None:
            return self.log_lag_bytes
        if self.bytes_read is None or self.bytes_total is None:
            return None
        return 0 if self.ended else self.bytes_total - self.bytes_read


@attrs.frozen
class CheckpointStatus:
    """The checkpoints of one worker.

    `committed` is the highest number that it knows committed, `taken` the highest that it was told
    to take. `last` is the one that it has written last, `age_s` ago, `duration_s` after it was told
    to, with `size_bytes`. `waiting_for` says what the one in flight waits for, `failing` why the
    disk refuses; both are empty if there is nothing. `kept` has (name, number). `succeeded`,
    `abandoned` and `failed` count checkpoints by what became of them since the start; `recent` are
    the last ones, oldest first. `copy` is None where they are not copied.
    """

    committed: int = 0
    taken: int = 0
    last: int | None = None
    age_s: float | None = None
    duration_s: float | None = None
    size_bytes: int | None = None
    waiting_for: str = ""
    failing: str = ""
    kept: tuple[tuple[str, int], ...] = ()
    succeeded: int = 0
    abandoned: int = 0
    failed: int = 0
    recent: tuple[RunStatus, ...] = ()
    copy: CopyStatus | None = None


@attrs.frozen
class DepartedStatus:
    """A worker that is no member any more since *epoch*: it has left, was evicted or replaced."""

    name: WorkerName
    why: str
    epoch: int


@attrs.frozen
class ChangeAnswer:
    """What has become of a change of the cluster that was asked for here: it is *taken* up or not.

    `name` is that of the request; `text` says more.
    """

    name: str
    taken: bool
    text: str


@attrs.frozen
class Status:
    """One worker at one moment.

    `phase` says in words what it does ("forming: waiting for 1 of 3 workers: gamma"),
    `waiting_for` only what it waits for. `rate` is what its sources read, in records a second.
    `moving` says what a change of the cluster moves here, and `changes` what has become of those
    that were asked for here lately; `departed` are the last workers that went. `restored`: the
    state directory is a copy, so this worker has no vote in changes. `uptime_s` counts from the
    start of the process, `life_s` from the last change of the cluster: with each the worker is
    built anew, and what it counts begins at 0.
    """

    worker: WorkerName
    version: str
    job: JobState
    phase: str
    uptime_s: float
    life_s: float = 0.0
    application: str = ""
    cluster_id: ClusterId | None = None
    epoch: int = 0
    round: int = 0
    waiting_for: tuple[str, ...] = ()
    workers: tuple[WorkerStatus, ...] = ()
    stages: tuple[StageStatus, ...] = ()
    sources: tuple[SourceStatus, ...] = ()
    rate: float = 0.0
    checkpoint: CheckpointStatus = CheckpointStatus()
    failure: str = ""
    host: HostStatus = attrs.field(factory=HostStatus)
    links: tuple[LinkStatus, ...] = ()
    delivery: DeliveryStatus = attrs.field(factory=DeliveryStatus)
    moving: str = ""
    changes: tuple[ChangeAnswer, ...] = ()
    departed: tuple[DepartedStatus, ...] = ()
    restored: bool = False


@attrs.frozen
class ClusterStatus:
    """What the worker that was asked says, what the others say, and who did not answer."""

    asked: Status
    others: tuple[Status, ...] = ()
    silent: tuple[WorkerName, ...] = ()

    @property
    def workers(self) -> tuple[Status, ...]:
        """All that have answered, the one that was asked first."""
        return (self.asked, *self.others)


def bytes_read(position: Any, bytes_total: int | None, repeat: int) -> int | None:
    """How far into a file a position is, all passes counted; None if it is not one of a file.

    *bytes_total* is the size of all *repeat* passes together.
    """
    if bytes_total is None:
        return None
    if position is None:
        return 0
    if not isinstance(position, dict) or "bytes" not in position:
        return None
    passes = int(position.get("pass", 0))
    return min(bytes_total, passes * (bytes_total // max(1, repeat)) + int(position["bytes"]))


def progress(sources: tuple[SourceStatus, ...]) -> float | None:
    """The share of the input that was read, 0 to 1; None if its size is not known."""
    if not sources or any(each.bytes_total is None for each in sources):
        return None
    total = sum(each.bytes_total or 0 for each in sources)
    read = sum((each.bytes_total if each.ended else each.bytes_read) or 0 for each in sources)
    return read / total if total else 1.0
