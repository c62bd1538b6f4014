"""The metrics: their names, labels and meaning, once. wallarood-metrics(7) is made from it.

Names are an interface: they change with the major version only. Labels are bounded by the topology
and the peers: never a key, never a record.
"""

from enum import Enum

import attrs

PREFIX = "wallarood_"


class Form(Enum):
    """What kind of a metric it is."""

    GAUGE = "gauge"
    COUNTER = "counter"
    HISTOGRAM = "histogram"
    INFO = "info"


@attrs.frozen
class Metric:
    """One metric. `name` has neither the prefix nor the ``_total`` of a counter."""

    name: str
    form: Form
    help: str
    labels: tuple[str, ...] = ()

    @property
    def full_name(self) -> str:
        """The name of its samples."""
        end = {Form.COUNTER: "_total", Form.INFO: "_info"}.get(self.form, "")
        return f"{PREFIX}{self.name}{end}"


_STAGE = ("stage",)
_SINK = ("sink",)
_SOURCE = ("source", "partition")

METRICS: tuple[Metric, ...] = (
    Metric("worker", Form.INFO, "The worker, its version, its application and its cluster."),
    Metric("up", Form.GAUGE, "1 for each worker that has answered, 0 for one that has not."),
    Metric("job_state", Form.GAUGE, "1 for the state of the job, 0 for others.", ("state",)),
    Metric("uptime_seconds", Form.GAUGE, "Time since the process started."),
    Metric("starts", Form.COUNTER, "Starts of the worker in its state directory."),
    Metric("round", Form.GAUGE, "The round; it rises with each recovery."),
    Metric("epoch", Form.GAUGE, "The epoch of the topology; it rises with each change."),
    Metric("peer_connected", Form.GAUGE, "1 if the worker hears the peer, else 0.", ("peer",)),
    Metric("stage_busy_ratio", Form.GAUGE, "Share of time in user code or a sink.", _STAGE),
    Metric("stage_blocked_ratio", Form.GAUGE, "Share in which it waited for room.", _STAGE),
    Metric("stage_idle_ratio", Form.GAUGE, "The rest: it waited for records or its turn.", _STAGE),
    Metric("stage_records_in", Form.COUNTER, "Records that the stage has taken.", _STAGE),
    Metric("stage_records_out", Form.COUNTER, "Records that have left the stage.", _STAGE),
    Metric("stage_skipped", Form.COUNTER, "Records that failed and were skipped.", _STAGE),
    Metric("stage_dead_letters", Form.COUNTER, "Records that went to a dead-letter sink.", _STAGE),
    Metric("stage_late", Form.COUNTER, "Records that came too late, by cause.", ("stage", "cause")),
    Metric("stage_overruns", Form.COUNTER, "Calls that held the event loop over a second.", _STAGE),
    Metric("stage_pickled", Form.COUNTER, "Records that went to other workers as pickle.", _STAGE),
    Metric("stage_backlog_batches", Form.GAUGE, "Batches that wait for the stage.", _STAGE),
    Metric("stage_failing", Form.GAUGE, "1 while its server or receiver is away, else 0.", _STAGE),
    Metric(
        "stage_slot_skew_ratio",
        Form.GAUGE,
        "How many times its part of the records the busiest group of slots of the worker has.",
        _STAGE,
    ),
    Metric("stage_watermark_seconds", Form.GAUGE, "Event time, since 1970 UTC.", _STAGE),
    Metric("state_keys", Form.GAUGE, "Keys that a computation keeps.", ("stage", "computation")),
    Metric(
        "state_bytes",
        Form.GAUGE,
        "About what its state takes in a checkpoint.",
        ("stage", "computation"),
    ),
    Metric(
        "sink_waiting_transactions",
        Form.GAUGE,
        "Committed transactions that its receiver does not have yet.",
        _SINK,
    ),
    Metric("sink_waiting_records", Form.GAUGE, "The records in them, if it keeps them.", _SINK),
    Metric("sink_waiting_bytes", Form.GAUGE, "What of them is kept on disk.", _SINK),
    Metric("sink_published", Form.COUNTER, "Transactions that were made visible.", _SINK),
    Metric("sink_failures", Form.COUNTER, "Attempts to publish that have failed.", _SINK),
    Metric("sink_published_seconds", Form.GAUGE, "When it last published, since 1970.", _SINK),
    Metric(
        "sink_failing_since_seconds",
        Form.GAUGE,
        "Since when its receiver is away, since 1970; only while it is.",
        _SINK,
    ),
    Metric("source_records", Form.COUNTER, "Records that were read.", _SOURCE),
    Metric("source_blocked_ratio", Form.GAUGE, "Share in which its stage had no room.", _SOURCE),
    Metric("source_lag_records", Form.GAUGE, "Records that are there and not read.", _SOURCE),
    Metric("source_lag_bytes", Form.GAUGE, "Bytes that are there and not read.", _SOURCE),
    Metric("source_reconnects", Form.COUNTER, "Attempts to reach a server that was away.", _SOURCE),
    Metric(
        "source_away_since_seconds",
        Form.GAUGE,
        "Since when its server is away, since 1970; only while it is.",
        _SOURCE,
    ),
    Metric("source_watermark_seconds", Form.GAUGE, "Event time, since 1970 UTC.", _SOURCE),
    Metric("source_ended", Form.GAUGE, "1 if all of it was read, else 0.", _SOURCE),
    Metric("checkpoint_committed", Form.GAUGE, "The highest checkpoint known committed."),
    Metric("checkpoint_age_seconds", Form.GAUGE, "Time since the last one here, or the start."),
    Metric("checkpoint_last_bytes", Form.GAUGE, "What the last one added on disk."),
    Metric(
        "checkpoint_phase_seconds",
        Form.GAUGE,
        "How long the last one took: collect, queue, write, commit.",
        ("phase",),
    ),
    Metric("checkpoints", Form.COUNTER, "Checkpoints by what became of them.", ("outcome",)),
    Metric("checkpoint_disk_refuses", Form.GAUGE, "1 while the disk refuses checkpoints, else 0."),
    Metric("copy_lacks", Form.GAUGE, "1 while the last committed one is not copied, else 0."),
    Metric("copy_sent_bytes", Form.COUNTER, "Bytes of checkpoints sent to be copied."),
    Metric("delivery_seconds", Form.HISTOGRAM, "Time of records from being read to the commit."),
    Metric("link_sent_bytes", Form.COUNTER, "Bytes of records and marks sent.", ("peer",)),
    Metric("link_received_bytes", Form.COUNTER, "Bytes of records and marks received.", ("peer",)),
    Metric("link_blocked_seconds", Form.COUNTER, "Time that stages waited for credit.", ("peer",)),
    Metric("cpu_cores", Form.GAUGE, "Processor time of the process, in cores."),
    Metric("memory_bytes", Form.GAUGE, "Resident memory of the process."),
    Metric("loop_delay_seconds", Form.GAUGE, "The longest hold-up of the event loop lately."),
    Metric("disk_free_bytes", Form.GAUGE, "Free bytes where the state is."),
    Metric("disk_bytes", Form.GAUGE, "All bytes where the state is."),
    Metric("certificate_end_seconds", Form.GAUGE, "When the first certificate ends, since 1970."),
)  # fmt: skip

BY_NAME = {each.name: each for each in METRICS}
