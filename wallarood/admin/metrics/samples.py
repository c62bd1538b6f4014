"""From what workers say to the samples of each metric."""

from collections.abc import Iterator
from typing import TypeAlias

from wallarood.admin.figures.values import DeliveryStatus, SinkStatus
from wallarood.admin.status import ClusterStatus, JobState, SourceStatus, StageStatus, Status
from wallarood.model.time import MAX_TIME, SECOND

Sample: TypeAlias = tuple[str, tuple[str, ...], float]
"""The name of a metric, the values of its labels after ``worker``, and the value."""


def samples_of(status: Status) -> Iterator[Sample]:
    """All samples of one worker but those of a histogram and an info."""
    yield from _worker(status)
    yield from _checkpoints(status)
    for stage in status.stages:
        yield from _stage(stage)
    for source in status.sources:
        yield from _source(source)
    for link in status.links:
        yield "link_sent_bytes", (link.peer,), link.bytes_out
        yield "link_received_bytes", (link.peer,), link.bytes_in
        yield "link_blocked_seconds", (link.peer,), link.blocked_s


def _worker(status: Status) -> Iterator[Sample]:
    host = status.host
    for state in JobState:
        yield "job_state", (state.value,), float(status.job is state)
    yield "uptime_seconds", (), status.uptime_s
    yield "starts", (), host.starts
    yield "round", (), status.round
    yield "epoch", (), status.epoch
    for peer in status.workers:
        if peer.state != "here":
            yield "peer_connected", (peer.name,), float(peer.state == "connected")
    yield "cpu_cores", (), host.cpu
    yield "memory_bytes", (), host.memory_bytes
    yield "loop_delay_seconds", (), host.loop_delay_s
    if host.disk_free_bytes is not None and host.disk_bytes is not None:
        yield "disk_free_bytes", (), host.disk_free_bytes
        yield "disk_bytes", (), host.disk_bytes
    if host.certificate_ends is not None:
        yield "certificate_end_seconds", (), host.certificate_ends


def _stage(stage: StageStatus) -> Iterator[Sample]:
    name = (stage.name,)
    yield "stage_busy_ratio", name, stage.busy
    yield "stage_blocked_ratio", name, stage.blocked
    yield "stage_idle_ratio", name, stage.idle
    yield "stage_records_in", name, stage.records_in
    yield "stage_records_out", name, stage.records_out
    yield "stage_skipped", name, stage.skipped
    yield "stage_dead_letters", name, stage.dead_letters
    yield "stage_overruns", name, stage.overruns
    yield "stage_pickled", name, stage.pickled
    yield "stage_backlog_batches", name, stage.backlog
    yield "stage_failing", name, float(bool(stage.failing))
    if stage.sink is not None:
        yield from _sink(stage, stage.sink)
    for cause, count in stage.late:
        yield "stage_late", (stage.name, cause), count
    if stage.slot_skew is not None:
        yield "stage_slot_skew_ratio", name, stage.slot_skew
    if (time := _seconds(stage.watermark)) is not None:
        yield "stage_watermark_seconds", name, time
    for state in stage.states:
        yield "state_keys", (stage.name, state.computation), state.keys
        yield "state_bytes", (stage.name, state.computation), state.bytes


def _sink(stage: StageStatus, sink: SinkStatus) -> Iterator[Sample]:
    name = (stage.name,)
    yield "sink_waiting_transactions", name, stage.unpublished
    yield "sink_waiting_records", name, sink.waiting_records
    yield "sink_waiting_bytes", name, stage.unpublished_bytes
    yield "sink_published", name, sink.published
    yield "sink_failures", name, sink.failures
    if sink.last_published is not None:
        yield "sink_published_seconds", name, sink.last_published
    if sink.failing_since is not None:
        yield "sink_failing_since_seconds", name, sink.failing_since


def _source(source: SourceStatus) -> Iterator[Sample]:
    labels = (source.source, source.partition)
    yield "source_records", labels, source.records
    yield "source_blocked_ratio", labels, source.blocked
    yield "source_ended", labels, float(source.ended)
    yield "source_reconnects", labels, source.reconnects
    if source.away_since is not None:
        yield "source_away_since_seconds", labels, source.away_since
    if source.lag_records is not None:
        yield "source_lag_records", labels, source.lag_records
    if source.lag_bytes is not None:
        yield "source_lag_bytes", labels, source.lag_bytes
    if (time := _seconds(source.watermark)) is not None:
        yield "source_watermark_seconds", labels, time


def _checkpoints(status: Status) -> Iterator[Sample]:
    checkpoint = status.checkpoint
    yield "checkpoint_committed", (), checkpoint.committed
    yield "checkpoint_disk_refuses", (), float(bool(checkpoint.failing))
    for outcome, count in (
        ("committed", checkpoint.succeeded),
        ("abandoned", checkpoint.abandoned),
        ("failed", checkpoint.failed),
    ):
        yield "checkpoints", (outcome,), count
    age_s = checkpoint.age_s if checkpoint.age_s is not None else status.life_s
    yield "checkpoint_age_seconds", (), age_s
    if checkpoint.size_bytes is not None:
        yield "checkpoint_last_bytes", (), checkpoint.size_bytes
    if checkpoint.copy is not None:
        yield "copy_lacks", (), float(checkpoint.copy.fatal)
        yield "copy_sent_bytes", (), checkpoint.copy.sent_bytes
    last = next((e for e in reversed(checkpoint.recent) if e.outcome == "committed"), None)
    if last is not None:
        phases = (last.collect_s, last.queue_s, last.write_s, last.commit_s)
        for phase, took_s in zip(("collect", "queue", "write", "commit"), phases, strict=True):
            if took_s is not None:
                yield "checkpoint_phase_seconds", (phase,), took_s


def up_of(cluster: ClusterStatus) -> Iterator[tuple[str, float]]:
    """Each worker with whether it has answered."""
    for status in cluster.workers:
        yield status.worker, 1.0
    for name in cluster.silent:
        yield name, 0.0


def buckets_of(delivery: DeliveryStatus) -> list[tuple[str, float]]:
    """The counts up to each bound, as a histogram of Prometheus has them."""
    found, total = [], 0
    for bound, count in zip((*map(str, delivery.bounds_s), "+Inf"), delivery.counts, strict=False):
        total += count
        found.append((bound, float(total)))
    return found


def _seconds(watermark: int | None) -> float | None:
    return None if watermark is None or watermark >= MAX_TIME else watermark / SECOND
