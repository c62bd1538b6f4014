"""Ours, with and without what is counted always, by turns of 70 ms in one process.

The functions that count and look are replaced by ones that ask first whether they are to. Whatever
else a process differs in from another, its start, its memory, the mood of the machine, is the same
for both: only so a difference of a hundredth can be seen.

What a stage counts for its own sake stays in both, as the time that user code took, by which slices
are cut, and how many records a source has read; so do the five wake-ups of the sampler a second.
"""

import itertools
import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any, TypeAlias

import attrs
import trio

import wallarood as w
from bench.data import records_of
from bench.functions import Total, add, count, first, format_count, split, word_itself
from wallarood.admin.figures.host import Host
from wallarood.admin.figures.sampler import Sampler
from wallarood.runtime.checkpoint_log import CheckpointLog
from wallarood.runtime.dataflow.counters import Stopwatch
from wallarood.runtime.dataflow.looks import Looks

VARIABLE = "WALLAROOD_BENCH_COUNTING"
"""What has the job, for how many seconds it is measured, and the file to tell, as JSON."""
SPELL_S = 0.07
WARM_S = 2.0
RECORDS = {"least": 65_536, "W1": 20_000, "W2": 100_000}
"""How many records there are of a job: they come again and again."""
Turn: TypeAlias = tuple[bool, int, float]
KINDS = {"least": int, "W1": str, "W2": tuple[str, int]}
COUNTED: list[tuple[type, tuple[str, ...]]] = [
    (Looks, ("look",)),
    (Stopwatch, ("__enter__", "__exit__")),
    (Sampler, ("look",)),
    (Host, ("woke",)),
    (
        CheckpointLog,
        ("begun", "barrier", "collected", "written", "failed", "abandoned", "committed"),
    ),
]


@attrs.define
class Switch:
    """Whether it is counted now."""

    on: bool = True

    def put_into(self, kind: type, name: str) -> None:
        """Have a method of *kind* do nothing while this is off."""
        counts: Callable[..., Any] = getattr(kind, name)

        def if_on(*arguments: Any, **named: Any) -> Any:
            return counts(*arguments, **named) if self.on else None

        setattr(kind, name, if_on)


@attrs.frozen
class Again:
    """Records that come again and again, for an endless source."""

    records: list[Any]
    record: Any
    bounded: bool = False
    scope: w.Scope = w.Scope.SHARED

    def partitions(self) -> list[str]:
        return ["0"]

    async def open(self, partition: str, position: Any, context: Any) -> w.SourceReader:
        return Reader(self.records, position or 0, context.limits.batch_records_max)


@attrs.define
class Reader:
    records: list[Any]
    position: int
    size: int

    async def read(self) -> w.SourceBatch | None:
        start = self.position % len(self.records)
        self.position += len(records := self.records[start : start + self.size])
        return w.SourceBatch(records, self.position)

    async def committed(self, position: Any) -> None:
        return

    async def aclose(self) -> None:
        return


@attrs.frozen
class Drop:
    state: None = None

    async def open(self, context: w.SinkContext, state: Any) -> "Drop":
        return self

    async def write(self, records: list[Any]) -> None:
        return

    async def prepare(self) -> None:
        return None

    async def commit(self, prepared: Any) -> None:
        return

    async def aclose(self) -> None:
        return


def seen(number: int, total: Total) -> tuple[int, int]:
    total.value += 1
    return number, total.value


def pipeline(job: str, records: list[Any]) -> w.Stream:
    """W1 and W2 of `bench throughput`, or a job that does as little as can be."""
    source = w.source("input", Again(records, KINDS[job]))
    counting = w.state_computation(state=Total)
    if job == "W1":
        return source.flat_map(split).key_by(word_itself).to(counting(count)).map(format_count)
    if job == "W2":
        return source.key_by(first).to(counting(add))
    return source.map(lambda n: n + 1, name="more").key_by(lambda n: n % 5000).to(counting(seen))


async def measure(sampler: Sampler, switch: Switch, seconds: float) -> list[Turn]:
    """Of each turn whether it was counted, how many records were read, and the CPU time."""
    turns: list[Turn] = []
    while sampler.worker.job is None:  # noqa: ASYNC110 - nobody tells of it
        await trio.sleep(0.1)
    await trio.sleep(WARM_S)
    until = trio.current_time() + seconds
    for on in itertools.cycle((True, False, False, True)):  # so that no drift favours one
        if trio.current_time() >= until:
            return turns
        job = sampler.worker.job
        assert job is not None
        switch.on = on
        before, used = job.records_read, time.process_time()
        await trio.sleep(SPELL_S)
        turns.append((on, job.records_read - before, time.process_time() - used))
    return turns


def run() -> int:
    """A worker that ends itself when it has measured."""
    _, seconds, file = json.loads(os.environ[VARIABLE])
    switch, sample = Switch(), Sampler.run
    for kind, names in COUNTED:
        for name in names:
            switch.put_into(kind, name)

    async def sample_and_measure(sampler: Sampler) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(sample, sampler)
            turns = await measure(sampler, switch, seconds)
            with open(file, "w") as out:  # noqa: ASYNC230 - it is measured by now
                json.dump(turns, out)
            os._exit(0)

    setattr(Sampler, "run", sample_and_measure)  # noqa: B010 - mypy: a method is replaced
    from wallarood.__main__ import main  # noqa: PLC0415 - as a worker is started

    return main()


def application(_: list[str]) -> w.Application:
    """The application of the job of this process."""
    job, _, _ = json.loads(os.environ[VARIABLE])
    size = RECORDS[job]
    chosen = list(range(size)) if job == "least" else records_of(job, size, part=0, parts=1, seed=1)
    return w.application(f"counting {job}", pipeline(job, chosen).to_sink(Drop(), name="out"))


if __name__ == "__main__":
    sys.exit(run())
