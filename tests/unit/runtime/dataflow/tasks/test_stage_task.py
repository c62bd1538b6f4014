"""Stages as tasks: what they do though nothing comes."""

from pathlib import Path
from typing import Any

import trio
from trio.testing import MockClock

import wallarood as w
from wallarood.app.connector import SourceLimits
from wallarood.model.batch import Batch
from wallarood.model.checkpoint import FIRST_CHECKPOINT, Restored
from wallarood.model.messages import Listing
from wallarood.model.time import SECOND
from wallarood.planning.plan import plan
from wallarood.runtime.dataflow.build.job import build_job, restore_states
from wallarood.runtime.dataflow.build.plan import Plan, Reporting
from wallarood.runtime.dataflow.build.wiring import Wiring
from wallarood.runtime.dataflow.gate import Gate
from wallarood.runtime.dataflow.job import Job
from wallarood.runtime.dataflow.limits import JobLimits
from wallarood.testing.stages import Stages


def wall() -> int:
    return int(trio.current_time() * SECOND)


def alarm(key: str, _state: list[Any], timers: w.Timers) -> str:
    return f"{key} at {timers.watermark}"


@w.state_computation_timed(state=list, on_timer=alarm, ttl=w.forever)
def set_alarm(record: str, _state: list[Any], timers: w.Timers) -> None:
    timers.after("10s", wall=True)


def application() -> w.Application:
    stream = w.source("in", w.ListSource([], record=str)).key_by(str).to(set_alarm)
    return w.application("alarms", stream.to_sink(w.ListSink([]), name="out"))


def restored_job(path: Path, restored: Restored) -> Job:
    """The job of a single worker, whose clock is that of trio."""
    listings = (("alpha", (Listing("in", ("0",)),)),)
    wiring = Wiring(plan(application(), ("alpha",), listings), "alpha")

    def no_port(*_: object) -> None:
        raise AssertionError("there is no other worker")

    return build_job(
        Plan(
            application=application(),
            wiring=wiring,
            cluster_id="wc-1",
            cluster_path=path,
            life="1",
            line=0,
            restored=restored,
            gate=Gate(),
            limits=JobLimits(SourceLimits(), 4, 0.005, 60.0),
            remote_port=no_port,  # type: ignore[arg-type]
            codecs={},
            reporting=Reporting(lambda *_: None, lambda _: None, lambda: None),
            wall=wall,
        ),
        restore_states(application(), wiring, restored),
    )


async def test_a_restored_timer_on_the_wall_clock_fires_though_nothing_comes(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    before = Stages(application(), now=wall())
    await before.feed("in", ["a"])
    before.checkpoint()
    chunks = {name: chunks for (_, name), chunks in before._chunks.items()}
    job = restored_job(tmp_path, Restored(FIRST_CHECKPOINT, chunks=chunks))
    async with trio.open_nursery() as nursery:
        for each in job.stages:
            nursery.start_soon(each.run)
        await trio.sleep(9)
        assert not any(inbox.backlog_batches for inbox in job.inboxes.values())
        await trio.sleep(2)
        nursery.cancel_scope.cancel()
    sink = job.inboxes[job.sinks[0].stage]
    assert sink.backlog_batches == 1
    _, fired = await sink.get(job.sinks[0].alignment)
    assert isinstance(fired, Batch)
    assert fired.keys == ["a"]
