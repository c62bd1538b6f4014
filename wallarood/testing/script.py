"""Running a pipeline by a script: what comes when, by a clock that the script moves."""
# Theory of operation
# ===================
# A step is done, and all that follows from it, before the next one. So behind each record the
# watermark is where it belongs: on a cluster it may come later, with more records before it. The
# wall clock stands still but where a step moves it, and then goes from one thing that is due to the
# next. A crash goes back to the last checkpoint, and what was fed since then is fed again.

from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypeAlias

import attrs

from wallarood.app.spans import Span
from wallarood.flow.stamps import stamp_of
from wallarood.model.errors import ApplicationError
from wallarood.model.pipeline import Application
from wallarood.model.spans import parse_span
from wallarood.model.time import Condition, StampsFrom
from wallarood.runtime.setups import opened
from wallarood.testing.stages import Stages, source_names


@attrs.frozen
class Feed:
    """See `feed`."""

    source: str
    record: Any
    stamp: int | None
    partition: str


@attrs.frozen
class Idle:
    """See `idle`."""

    source: str
    partition: str


@attrs.frozen
class Wall:
    """See `wall`."""

    us: int


@attrs.frozen
class Checkpoint:
    """See `checkpoint`."""


@attrs.frozen
class Stop:
    """See `stop`."""


@attrs.frozen
class Crash:
    """See `crash`."""


ScriptStep: TypeAlias = Feed | Idle | Wall | Checkpoint | Stop | Crash
"""A step of a script for `run`."""


def feed(
    source: str, record: Any, *, stamp: datetime | int | None = None, partition: str = "0"
) -> Feed:
    """A step of a script: *source* reads *record* from *partition*.

    *stamp*, a datetime with a time zone or microseconds since 1970 UTC, is for sources that have
    stamps of their own; else the record has it.
    """
    return Feed(source, record, None if stamp is None else stamp_of(stamp), partition)


def idle(source: str, partition: str = "0") -> Idle:
    """A step of a script: *partition* counts as idle from now on, until a record of it comes."""
    return Idle(source, partition)


def wall(span: Span) -> Wall:
    """A step of a script: the wall clock goes on by *span*, and what is due happens."""
    return Wall(parse_span(span))


def checkpoint() -> Checkpoint:
    """A step of a script: a checkpoint is taken and committed."""
    return Checkpoint()


def stop() -> Stop:
    """A step of a script: the cluster is stopped and started again. Nothing has ended by that."""
    return Stop()


def crash() -> Crash:
    """A step of a script: all is lost since the last checkpoint, and then read again."""
    return Crash()


async def run_script(
    application: Application, script: Sequence[ScriptStep], *, start: datetime | None = None
) -> dict[str, list[Any]]:
    """Do the steps of *script*, then end all sources; return what the sinks got."""
    runner = _Runner.of(application, script, start)
    async with opened(application.setups):
        for step in script:
            await runner.do(step)
        await runner.stages.end()
    runner.stages.finish()
    return runner.stages.results


@attrs.define(eq=False)
class _Runner:
    stages: Stages
    partitions: dict[str, list[str]]
    _fed: list[Feed] = attrs.field(factory=list)
    """Since the last checkpoint."""
    _read_at: dict[tuple[str, str], int | None] = attrs.field(factory=dict)
    """When a partition was read last; None if it counts as idle since."""

    @classmethod
    def of(
        cls, application: Application, script: Sequence[ScriptStep], start: datetime | None
    ) -> "_Runner":
        partitions: dict[str, list[str]] = {name: [] for name in source_names(application)}
        for step in script:
            if not isinstance(step, Feed | Idle):
                continue
            if step.source not in partitions:
                raise ApplicationError(
                    f"{step!r:.200}: application {application.name!r} has the sources "
                    f"{', '.join(map(repr, partitions))}"
                )
            if step.partition not in partitions[step.source]:
                partitions[step.source].append(step.partition)
        now = None if start is None else stamp_of(start)
        runner = cls(Stages(application, partitions=partitions, now=now), partitions)
        runner._opened()
        return runner

    def _opened(self) -> None:
        now = self.stages.now
        self._read_at = {(name, each): now for name, own in self.partitions.items() for each in own}

    async def do(self, step: ScriptStep) -> None:
        """Do one step."""
        match step:
            case Feed():
                self._fed.append(step)
                await self._feed(step)
            case Idle(source, partition):
                await self._idle(source, partition)
            case Wall(us):
                await self._wall(self.stages.now + us)
            case Checkpoint():
                self._checkpoint()
            case Stop():
                self._checkpoint()
                self.stages.crash()
                self._opened()
            case Crash():
                self.stages.crash()
                self._opened()
                for each in self._fed:
                    await self._feed(each)

    def _checkpoint(self) -> None:
        self.stages.checkpoint()
        self._fed.clear()

    async def _feed(self, step: Feed) -> None:
        time = self.stages.time_of(step.source)
        own = time is not None and time.settings.stamps is StampsFrom.SOURCE
        if own is not (step.stamp is not None):
            raise ApplicationError(
                f"feed({step.source!r}, {step.record!r:.100}): "
                + (
                    "the source has stamps of its own: give stamp="
                    if own
                    else "stamp= is for sources that have stamps of their own"
                )
            )
        self._read_at[step.source, step.partition] = self.stages.now
        times = None if step.stamp is None else [step.stamp]
        await self.stages.feed(step.source, [step.record], partition=step.partition, times=times)

    async def _idle(self, source: str, partition: str) -> None:
        time = self.stages.time_of(source)
        if time is not None:
            self._read_at[source, partition] = None
            time.tell(partition, Condition.IDLE)
            await self.stages.flow()

    def _idle_due(self) -> list[tuple[int, str, str]]:
        """When each partition counts as idle if nothing comes."""
        dues = []
        for (source, partition), at in self._read_at.items():
            time = self.stages.time_of(source)
            if time is not None and time.settings.idle is not None and at is not None:
                dues.append((at + time.settings.idle, source, partition))
        return sorted(dues)

    async def _wall(self, target: int) -> None:
        while True:
            idle, due = self._idle_due(), self.stages.wall_due
            first = idle[0][0] if idle else None
            nearest = min((each for each in (first, due) if each is not None), default=None)
            if nearest is None or nearest > target:
                break
            self.stages.now = max(self.stages.now, nearest)
            if first is not None and first <= nearest:
                await self._idle(*idle[0][1:])
            if due is not None and due <= nearest:
                await self.stages.look_at_clock()
        self.stages.now = target
        await self.stages.look_at_clock()
