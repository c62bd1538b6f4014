"""Parts of a status that are numbers: of state, keys, failures, links, the host, checkpoints."""

import attrs

from wallarood.model.ids import WorkerName


@attrs.frozen
class StateSize:
    """What one computation keeps on this worker; `bytes` is about what it takes in a checkpoint.

    `keys_before` is how many keys there were `before_s` ago, a quarter of an hour at most unless
    `admin.growth-after` says otherwise; `settled` is whether that is long enough ago to tell from
    it whether the state grows: every state does at first.
    """

    computation: str
    keys: int = 0
    bytes: int = 0
    keys_before: int = 0
    before_s: float = 0.0
    settled: bool = False


@attrs.frozen
class SinkStatus:
    """What a sink instance makes visible; counts are since the last recovery.

    `waiting_records` is how many records of committed transactions its receiver does not have yet,
    0 where the sink does not tell. `published` is how many transactions it has made visible,
    `failures` how many attempts have failed. Times are in seconds since 1970 UTC: when it last made
    something visible, and since when its receiver is away; None if it has not, or is not.
    """

    waiting_records: int = 0
    published: int = 0
    failures: int = 0
    last_published: float | None = None
    failing_since: float | None = None


@attrs.frozen
class HotKey:
    """A key that has a large share (0 to 1) of the records of a stage here, by samples."""

    key: str
    share: float


@attrs.frozen
class FailureSample:
    """A record that failed or came too late; `at` is in seconds since 1970 UTC."""

    at: float
    computation: str
    error: str
    file: str = ""
    line: int = 0
    record: str = ""


@attrs.frozen
class LinkStatus:
    """The link to one peer, since the round began: bytes, and how long stages waited for credit."""

    peer: WorkerName
    bytes_out: int = 0
    bytes_in: int = 0
    blocked_s: float = 0.0


@attrs.frozen
class HostStatus:
    """The process and its host.

    `cpu` is in cores, over the last seconds; `loop_delay_s` the longest that the event loop was
    held up in them. `disk_free_bytes` is of the file system with the state. `certificate_ends` is
    when the first certificate ends, in seconds since 1970 UTC; None without TLS. `starts` is how
    often this worker was started in its state directory, this start included.
    """

    cpu: float = 0.0
    memory_bytes: int = 0
    loop_delay_s: float = 0.0
    disk_free_bytes: int | None = None
    disk_bytes: int | None = None
    certificate_ends: float | None = None
    starts: int = 0


@attrs.frozen
class RunStatus:
    """One of the last checkpoints; see `wallarood.runtime.checkpoint_log.CheckpointRun`."""

    number: int
    at: float
    outcome: str
    collect_s: float | None = None
    queue_s: float | None = None
    write_s: float | None = None
    commit_s: float | None = None
    size_bytes: int | None = None


@attrs.frozen
class DeliveryStatus:
    """How many records took how long from being read to being committed, since the start.

    `counts` are by the upper bounds in `bounds_s`, with one more for what took longer.
    """

    bounds_s: tuple[float, ...] = ()
    counts: tuple[int, ...] = ()
    seconds: float = 0.0


@attrs.frozen
class Shares:
    """What a stage did in the last seconds: parts of the time (0 to 1), and records a second."""

    busy: float = 0.0
    blocked: float = 0.0
    rate_in: float = 0.0
    rate_out: float = 0.0
    late_rate: float = 0.0
    failed_rate: float = 0.0


@attrs.frozen
class CopyStatus:
    """The copy of this worker's checkpoints on the disk of *holder*.

    `copied` is the last checkpoint of which all is there, as far as is known; None if none is. With
    `fatal` the last committed one is not among them: the loss of this worker's disk would lose it.
    `sending` says what is under way, in words; `sent_bytes` counts since the start.
    """

    holder: WorkerName
    copied: int | None
    fatal: bool
    sending: str = ""
    sent_bytes: int = 0
