"""Looks at the counters of a worker every second, so that rates and shares of time are known."""
# Theory of operation
# ===================
# Tasks only count. What was done in the last seconds is the difference between two looks, so it
# costs the flow nothing, however many ask. The task that looks sleeps in short naps: how late it is
# woken is how long something held the event loop.

import itertools
import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import attrs
import trio

from wallarood.admin.figures.host import Host, certificates_end, disk_of, memory_bytes
from wallarood.admin.figures.values import HostStatus, Shares, StateSize
from wallarood.admin.figures.window import Growth, Look, Window
from wallarood.runtime.dataflow.counters import StageCounters
from wallarood.runtime.dataflow.job import Job
from wallarood.runtime.worker import Worker
from wallarood.wire.strict import unstructure

NAP_S = 0.2
NAPS = 5
"""After so many naps the counters are looked at."""
SLOW_LOOKS = 60
"""Disk and certificates are looked at after so many looks, while the disk refuses nothing."""
GROWTH_AFTER_S = 300.0
GROWTH_LOOKS = 5 / 3
"""The sizes of states are noted so often in the time after which it is told whether they grow."""
HISTORY_S = 10.0
HISTORY_MAX = 360
"""An hour."""


@attrs.frozen
class Moment:
    """What this worker did in the seconds before `at`, in seconds since 1970 UTC.

    `read` and `sunk` are records a second, `delivery_s` the mean time to the commit of those that
    were committed in that time; None if none were.
    """

    at: float
    read: float
    sunk: float
    delivery_s: float | None


@attrs.define(eq=False)
class Sampler:
    """Of *worker*; `state` is where its state is, `certificates` what it proves itself by."""

    worker: Worker
    state: Path | None = None
    certificates: tuple[Path, ...] = ()
    starts: int = 0
    growth_after_s: float = GROWTH_AFTER_S
    """For how long a state must be known before it is told whether it grows."""
    clock: Callable[[], float] = time.perf_counter
    """That of the counters' spells."""
    history: deque[Moment] = attrs.field(factory=lambda: deque(maxlen=HISTORY_MAX), init=False)
    _host: Host = attrs.field(factory=Host, init=False)
    _disk: tuple[int | None, int | None] = attrs.field(default=(None, None), init=False)
    _ends: float | None = attrs.field(default=None, init=False)
    _job: Job | None = attrs.field(default=None, init=False)
    _stages: dict[int, Window] = attrs.field(factory=dict, init=False)
    _sources: dict[tuple[str, str], Window] = attrs.field(factory=dict, init=False)
    _sizes: dict[tuple[int, str], Growth] = attrs.field(factory=dict, init=False)
    _grown_at: float = attrs.field(default=0.0, init=False)
    _noted_at: float = attrs.field(default=0.0, init=False)
    _delivered: tuple[int, float] = attrs.field(default=(0, 0.0), init=False)

    async def run(self) -> None:
        """Look, until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._look_around)
            await self._look_on()

    async def _look_on(self) -> None:
        while True:
            for _ in range(NAPS):
                due = trio.current_time() + NAP_S
                await trio.sleep_until(due)
                self._host.woke(trio.current_time() - due)
            self.look()

    async def _look_around(self) -> None:
        """Look at the host now and then, in a thread: a disk may not answer."""
        for look in itertools.count():
            await trio.sleep(NAPS * NAP_S)
            if look % SLOW_LOOKS == 0 or self.worker.disk_problem:
                await trio.to_thread.run_sync(self._look_at_host, abandon_on_cancel=True)

    def _look_at_host(self) -> None:
        if self.state is not None:
            self._disk = disk_of(self.state)
        if self.certificates:
            self._ends = certificates_end(self.certificates)

    def look(self) -> None:
        """Take in what the counters are now."""
        now = self.clock()
        self._host.ran(time.process_time(), now)
        job = self.worker.job
        if job is not self._job:
            self._job = job
            for windows in (self._stages, self._sources, self._sizes):
                windows.clear()
            self._grown_at = 0.0
        if job is not None:
            self._look_at(job, now)
        if now >= self._noted_at:
            self._noted_at = now + HISTORY_S
            self._note()

    def _look_at(self, job: Job, now: float) -> None:
        for index, counters in job.counters.items():
            self._stages.setdefault(index, Window()).add(_look_at_stage(counters, now))
        for name, task in job.sources.items():
            for partition, read in task.partitions.items():
                look = Look(now, 0.0, read.blocked.at(now), read.records)
                self._sources.setdefault((name, partition), Window()).add(look)
        if now >= self._grown_at:
            self._grown_at = now + self.growth_after_s / GROWTH_LOOKS
            for each in self.sizes():
                self._sizes.setdefault(each[0], Growth()).add(now, each[1][0])

    def _note(self) -> None:
        counts = self.worker.checkpoint_log.delivery
        records, seconds = sum(counts.counts), counts.seconds
        before, before_s = self._delivered
        self._delivered = records, seconds
        new = records - before
        sunk = sum(self.stage(each.stage).rate_in for each in self._job.sinks) if self._job else 0.0
        delivery_s = (seconds - before_s) / new if new > 0 else None
        self.history.append(Moment(time.time(), self.read_rate, sunk, delivery_s))

    def sizes(self) -> list[tuple[tuple[int, str], tuple[int, int]]]:
        """(stage, computation) with how many keys and bytes, of all states of computations."""
        if (job := self._job) is None:
            return []
        states = job.collector.states
        return [
            ((stage.index, name), state.size())
            for stage in job.wiring.stages
            for name, state in states.get(stage.index, {}).items()
            if name in stage.steps  # else it is a clock
        ]

    def states(self, stage: int) -> tuple[StateSize, ...]:
        """What the computations of *stage* keep here, and had some minutes ago."""
        now, found = self.clock(), []
        for key, (keys, size) in self.sizes():
            if key[0] == stage:
                before, before_s = self._sizes.get(key, Growth()).before(now)
                settled = before_s >= self.growth_after_s
                found.append(StateSize(key[1], keys, size, before, before_s, settled))
        return tuple(found)

    def stage(self, index: int) -> Shares:
        """What the instance of a stage here did in the last seconds."""
        window = self._stages.get(index)
        return window.shares() if window is not None else Shares()

    def source(self, step: str, partition: str) -> Shares:
        """What a source partition did in the last seconds: blocked and rate_in."""
        window = self._sources.get((step, partition))
        return window.shares() if window is not None else Shares()

    async def told(self, _: Mapping[str, Any]) -> Any:
        """The last hour, for all who ask for it: a list of moments."""
        return unstructure(list(self.history))

    @property
    def read_rate(self) -> float:
        """Records a second that the sources here read."""
        return sum(window.shares().rate_in for window in self._sources.values())

    def host(self) -> HostStatus:
        """The process and its host."""
        free, size = self._disk
        return HostStatus(
            cpu=self._host.cpu,
            memory_bytes=memory_bytes(),
            loop_delay_s=self._host.loop_delay_s,
            disk_free_bytes=free,
            disk_bytes=size,
            certificate_ends=self._ends,
            starts=self.starts,
        )


def _look_at_stage(counters: StageCounters, now: float) -> Look:
    return Look(
        now,
        counters.busy.at(now),
        counters.blocked.at(now),
        counters.records_in,
        counters.records_out,
        sum(counters.late.values()),
        counters.failed,
    )
