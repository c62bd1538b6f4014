"""What tasks count while they work: plain numbers, added to once a batch."""

import time
from collections import deque
from types import TracebackType

import attrs

from wallarood.model.pipeline import DeadLetter

SAMPLES_MAX = 8
"""How many of the last failures of a stage are kept to be shown."""


@attrs.define
class Stopwatch:
    """Adds up spells of time, in seconds. `with` it measures one, which may take long.

    A spell that has not ended counts too: `at` tells how much it was up to a moment.
    """

    seconds: float = 0.0
    since: float | None = None
    """When the present spell began (perf_counter); None if there is none."""

    def __enter__(self) -> None:
        self.since = time.perf_counter()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self.since is not None:
            self.seconds += time.perf_counter() - self.since
            self.since = None

    def at(self, now: float) -> float:
        """The seconds up to *now* (perf_counter)."""
        return self.seconds + (max(0.0, now - self.since) if self.since is not None else 0.0)


@attrs.frozen
class Sample:
    """A record that failed or came too late, and when (seconds since 1970 UTC)."""

    at: float
    letter: DeadLetter


@attrs.define
class StageCounters:
    """Of one stage instance, since its start.

    `busy` is the time in user code, sinks included; `blocked` that in which the task waited because
    what comes after it had no room. The rest it waited for records, or for its turn.
    """

    records_in: int = 0
    records_out: int = 0
    skipped: int = 0
    dead_letters: int = 0
    failed: int = 0
    """How many records user code could not process; those that came too late are not among them."""
    busy: Stopwatch = attrs.field(factory=Stopwatch)
    blocked: Stopwatch = attrs.field(factory=Stopwatch)
    in_thread_since: float | None = None
    """When the call in a thread began that the stage is in (perf_counter)."""
    in_hand: int = 0
    """The records that user code awaits or blocks for now."""
    late: dict[str, int] = attrs.field(factory=dict)
    """How many records came too late, by cause."""
    overruns: int = 0
    """How often user code held the event loop for longer than a second."""
    samples: deque[Sample] = attrs.field(factory=lambda: deque(maxlen=SAMPLES_MAX))
    """The last failures."""


@attrs.define
class SourceCounters:
    """Of one source partition. `position` is where the next read begins.

    `appeared` is whether the partition has appeared since the cluster was formed.
    """

    records: int = 0
    position: object = None
    ended: bool = False
    appeared: bool = False
    blocked: Stopwatch = attrs.field(factory=Stopwatch)
    """The time in which the source waited because its stage had no room."""


@attrs.define
class SinkCounters:
    """Of what one sink instance makes visible, since its start.

    Times are in seconds since 1970 UTC: when it last did, and since when its receiver is away; None
    if it has not, or is not.
    """

    published: int = 0
    """How many transactions."""
    last_published: float | None = None
    failures: int = 0
    """How many attempts have failed."""
    failing_since: float | None = None


@attrs.define
class LinkCounters:
    """Of the link to one peer, since its round began: bytes of records and marks sent.

    `blocked_s` is how long stages have waited for the peer to take what was sent; of several stages
    at the same time each counts.
    """

    bytes_out: int = 0
    blocked_s: float = 0.0
