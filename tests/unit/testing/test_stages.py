"""Time in the stages of a test: where the watermark is after what was fed."""

from typing import Any

import pytest

import wallarood as w
from wallarood.model.time import MAX_TIME, MIN_TIME, Condition
from wallarood.testing.stages import Stages

SECOND = 1_000_000


def stages(**options: Any) -> Stages:
    """The stages of an application whose records are their own stamps, in seconds."""
    options = {"out_of_order": "0s", **options}
    time = w.event_time(lambda record: record, unit="s", **options)
    stream = w.source("in", w.ListSource([]), time=time)
    app = w.application("a", stream.to_sink(w.StdoutSink(), name="out"))
    return Stages(app, partitions={"in": ["0", "1"]}, now=0)


def watermark(running: Stages) -> float:
    """Where the watermark of the source is, in seconds."""
    time = running.time_of("in")
    assert time is not None
    return time.watermark if time.watermark in (MIN_TIME, MAX_TIME) else time.watermark / SECOND


async def test_a_partition_without_a_record_yet_holds_the_watermark() -> None:
    running = stages()
    await running.feed("in", [9], partition="0")
    assert watermark(running) == MIN_TIME
    await running.feed("in", [4], partition="1")
    assert watermark(running) == 4


async def test_a_checkpoint_has_the_watermark_and_a_crash_goes_back_to_it() -> None:
    running = stages()
    await running.feed("in", [100], partition="0")
    await running.feed("in", [100], partition="1")
    running.checkpoint()
    await running.feed("in", [200], partition="0")
    await running.feed("in", [200], partition="1")
    assert watermark(running) == 200
    running.crash()
    assert watermark(running) == 100
    await running.feed("in", [5], partition="0")
    assert watermark(running) == 100


async def test_time_ends_with_all_sources() -> None:
    running = stages()
    await running.feed("in", [1], partition="0")
    await running.end()
    assert watermark(running) == MAX_TIME


@pytest.mark.parametrize("first", ["0", "1"])
async def test_with_hold_the_watermark_stays_when_all_are_idle(first: str) -> None:
    running = stages(when_all_idle="hold")
    await running.feed("in", [5], partition="0")
    await running.feed("in", [4], partition="1")
    time = running.time_of("in")
    assert time is not None
    for partition in (first, "1" if first == "0" else "0"):
        time.tell(partition, Condition.IDLE)
        await running.flow()
    assert watermark(running) == 5
    running.now += 60 * SECOND
    await running.flow()
    assert watermark(running) == 5


class Kept:
    """What is kept of a key."""

    count = 0


def rung(name: str, kept: Kept, timers: w.Timers) -> str:
    return f"timer {name}"


@pytest.mark.parametrize("in_order", [False, True])
async def test_what_comes_after_an_end_and_a_restart_has_its_turn_at_the_next_end(
    in_order: bool,
) -> None:
    def take(record: float, kept: Kept, timers: w.Timers) -> str:
        timers.after("10s", f"{record:g}")
        return f"record {record:g}"

    ring = w.state_computation_timed(
        state=Kept, on_timer=rung, ttl=w.forever, in_order=in_order, name="ring"
    )(take)
    time = w.event_time(lambda record: record, unit="s", out_of_order="0s")
    stream = w.source("in", w.ListSource([], record=float), time=time).key_by(str).to(ring)
    app = w.application("a", stream.to_sink(w.StdoutSink(), name="out"))
    running = Stages(app, partitions={"in": ["0"]}, now=0)
    await running.feed("in", [100], partition="0")
    await running.end()
    running.checkpoint()
    running.crash()
    await running.feed("in", [50, 200], partition="0")
    await running.end()
    first = ["record 100", "timer 100"]
    assert running.results["out"][:2] == first
    again = sorted(running.results["out"][2:])
    assert again == ["record 200", "record 50", "timer 200", "timer 50"]
