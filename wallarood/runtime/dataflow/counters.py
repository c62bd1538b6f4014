"""What tasks count while they work: plain integers, added to once a batch."""

import attrs


@attrs.define
class StageCounters:
    """Of one stage instance, since its start. Times are in seconds."""

    records_in: int = 0
    records_out: int = 0
    skipped: int = 0
    dead_letters: int = 0
    busy_s: float = 0.0
    in_thread_since: float | None = None
    """When the call in a thread began that the stage is in (perf_counter)."""
    in_hand: int = 0
    """The records that user code awaits or blocks for now."""
    late: dict[str, int] = attrs.field(factory=dict)
    """How many records came too late, by cause."""
    overruns: int = 0
    """How often user code held the event loop for longer than a second."""


@attrs.define
class SourceCounters:
    """Of one source partition. `position` is where the next read begins.

    `appeared` is whether the partition has appeared since the cluster was formed.
    """

    records: int = 0
    position: object = None
    ended: bool = False
    appeared: bool = False
