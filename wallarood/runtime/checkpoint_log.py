"""What became of the last checkpoints on this worker, and how long records took to be committed."""
# Theory of operation
# ===================
# A record is delivered when a checkpoint that holds it is known committed: what follows from it is
# published then. No record is stamped for that. Between two barriers the sources have read so many
# records in so long; taken as read evenly, they say how many waited for how long.

from bisect import bisect_left
from collections import deque
from collections.abc import Callable
from enum import Enum

import attrs

RUNS_MAX = 60
BARRIERS_MAX = 64
"""Of how many barriers that are not known committed it is noted what was read before them."""
DELIVERY_S = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
"""The upper bounds of the classes of delivery time; one more class has what took longer."""


class Outcome(Enum):
    """What became of a checkpoint here."""

    RUNNING = "running"
    WRITTEN = "written"
    """This worker's part is on disk."""
    COMMITTED = "committed"
    ABANDONED = "abandoned"
    FAILED = "failed"
    """The disk refused it."""


@attrs.define
class CheckpointRun:
    """One checkpoint on this worker. `at` is when it began, in seconds since 1970 UTC.

    `collect_s` is how long it took until the barrier had passed all instances and their state was
    encoded, `queue_s` how long the part waited for the disk, `write_s` how long the disk took,
    `commit_s` how long it then took to be known committed; None where it is not so far.
    """

    number: int
    at: float
    outcome: Outcome = Outcome.RUNNING
    collect_s: float | None = None
    queue_s: float | None = None
    write_s: float | None = None
    commit_s: float | None = None
    size_bytes: int | None = None
    _began: float = 0.0
    _moved: float = 0.0


@attrs.define
class Delivery:
    """How long records took from being read to being committed: counts by `DELIVERY_S`."""

    counts: list[int] = attrs.field(factory=lambda: [0] * (len(DELIVERY_S) + 1))
    seconds: float = 0.0
    """The sum over all records."""

    def add(self, records: int, *, least_s: float, most_s: float) -> None:
        """So many records took between *least_s* and *most_s*, evenly."""
        width_s = max(most_s - least_s, 1e-9)
        done = 0
        first = bisect_left(DELIVERY_S, least_s)
        for place in range(first, len(self.counts)):
            bound_s = DELIVERY_S[place] if place < len(DELIVERY_S) else most_s
            upto = round(records * min(1.0, max(0.0, bound_s - least_s) / width_s))
            if bound_s >= most_s:
                upto = records
            self.counts[place] += upto - done
            done = upto
            if done == records:
                break
        self.seconds += records * (least_s + most_s) / 2


@attrs.frozen
class _Barrier:
    """`records` were read from `since` to `at`, when the barrier was put after them."""

    number: int
    since: float
    at: float
    records: int


@attrs.define(eq=False)
class CheckpointLog:
    """The last checkpoints, oldest first. `counts` has how many there were of each outcome."""

    runs: deque[CheckpointRun] = attrs.field(factory=lambda: deque(maxlen=RUNS_MAX))
    counts: dict[Outcome, int] = attrs.field(
        factory=lambda: {Outcome.COMMITTED: 0, Outcome.ABANDONED: 0, Outcome.FAILED: 0}
    )
    delivery: Delivery = attrs.field(factory=Delivery)
    on_end: Callable[[CheckpointRun], None] | None = None
    """Called when it is known of a checkpoint what became of it."""
    _barriers: deque[_Barrier] = attrs.field(factory=lambda: deque(maxlen=BARRIERS_MAX))
    _read: int = 0
    _read_at: float = 0.0

    def _run(self, number: int) -> CheckpointRun | None:
        return next((each for each in reversed(self.runs) if each.number == number), None)

    def job_began(self, now: float) -> None:
        """A job begins to count what it reads; what the one before read is not delivered by it."""
        self._read, self._read_at = 0, now
        self._barriers.clear()

    def begun(self, number: int, now: float, *, at: float) -> None:
        """Checkpoint *number* was asked for; *at* is the wall clock."""
        if self._run(number) is None:
            self.runs.append(CheckpointRun(number, at, began=now, moved=now))

    def barrier(self, number: int, now: float, *, records: int) -> None:
        """Its barrier stands after all *records* that this job has read."""
        self._barriers.append(_Barrier(number, self._read_at, now, records - self._read))
        self._read, self._read_at = records, now

    def collected(self, number: int, now: float) -> None:
        """The part of this worker is whole."""
        if (run := self._run(number)) is not None:
            run.collect_s, run._moved = now - run._began, now

    def written(self, number: int, now: float, *, write_s: float, size_bytes: int) -> None:
        """It is on disk, which took *write_s* after it had waited for its turn."""
        if (run := self._run(number)) is not None:
            run.queue_s = max(0.0, now - run._moved - write_s)
            run.write_s, run.size_bytes, run._moved = write_s, size_bytes, now
            if run.outcome is Outcome.RUNNING:
                run.outcome = Outcome.WRITTEN

    def failed(self, number: int) -> None:
        """The disk refused it."""
        self._end(number, Outcome.FAILED)

    def abandoned(self, number: int) -> None:
        """It makes no progress, and the next one begins."""
        self._end(number, Outcome.ABANDONED)

    def _end(self, number: int, outcome: Outcome) -> None:
        run = self._run(number)
        if run is not None and run.outcome in (Outcome.RUNNING, Outcome.WRITTEN):
            run.outcome = outcome
            self.counts[outcome] += 1
            self._tell(run)

    def _tell(self, run: CheckpointRun) -> None:
        if self.on_end is not None:
            self.on_end(run)

    def committed(self, number: int, now: float) -> None:
        """It is known committed, and with it all that was read before its barrier."""
        run = self._run(number)
        if run is not None and run.outcome is not Outcome.COMMITTED:
            if run.outcome in self.counts:  # it was abandoned, and proves to be committed
                self.counts[run.outcome] -= 1
            run.outcome, run.commit_s = Outcome.COMMITTED, max(0.0, now - run._moved)
            self.counts[Outcome.COMMITTED] += 1
            self._tell(run)
        while self._barriers and self._barriers[0].number <= number:
            read = self._barriers.popleft()
            if read.records > 0:
                self.delivery.add(read.records, least_s=now - read.at, most_s=now - read.since)
