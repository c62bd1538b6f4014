"""A tracer is told of each step, of the job before it begins, and of the round when it runs."""

from collections.abc import Sequence
from pathlib import Path

import attrs
from support.lone import endless, lone_worker

from wallarood.control.effects import BeginRound, ShellEffect
from wallarood.control.events import Event, RoundWritten
from wallarood.runtime.dataflow.job import Job


@attrs.define(eq=False)
class Told:
    """A tracer that remembers."""

    things: list[object] = attrs.field(factory=list)

    def stepped(self, event: Event, effects: Sequence[ShellEffect]) -> None:
        self.things += [event, *effects]

    def built(self, job: Job) -> None:
        self.things.append(("built", job.records_read))

    def ready(self, round_: int) -> None:
        self.things.append(("ready", round_))


async def test_it_is_told_in_the_order_in_which_things_happen(tmp_path: Path) -> None:
    told = Told()
    async with lone_worker(tmp_path, endless([]), tracer=told) as lone:
        await lone.running()
        await lone.until(lambda: lone.worker.job is not None and lone.worker.job.records_read)
    kinds = [each if isinstance(each, tuple) else type(each) for each in told.things]
    places = [kinds.index(each) for each in (RoundWritten, BeginRound, ("built", 0), ("ready", 1))]
    assert places == sorted(places)
