"""Scripts: what comes when, and what is done again after a crash."""

from datetime import UTC, datetime
from typing import Any

import pytest

import wallarood as w
from wallarood import testing
from wallarood.testing.script import _Runner

SECOND = 1_000_000
START = datetime(1970, 1, 1, tzinfo=UTC)


def app(**options: Any) -> w.Application:
    """An application that counts its records; they are their own stamps, in seconds."""
    options = {"out_of_order": "0s", **options}
    time = w.event_time(lambda record: record, unit="s", **options)
    stream = w.source("in", w.ListSource([], record=float), time=time)
    counts = stream.key_by(str).aggregate(w.count())
    return w.application("a", counts.to_sink(w.StdoutSink(), name="out"))


async def watermark_after(script: list[testing.ScriptStep], **options: Any) -> float:
    """Where the watermark of the source is then, in seconds."""
    runner = _Runner.of(app(**options), script, START)
    for step in script:
        await runner.do(step)
    time = runner.stages.time_of("in")
    assert time is not None
    return time.watermark / SECOND


async def test_a_partition_becomes_idle_and_time_goes_on_by_what_passes() -> None:
    script = [testing.feed("in", 100), testing.wall("75s")]
    assert await watermark_after(script, out_of_order="5s") == 110
    assert await watermark_after(script, out_of_order="5s", when_all_idle="hold") == 95
    assert await watermark_after(script, out_of_order="5s", idle=None) == 95


async def test_old_records_are_not_late_because_of_the_clock_of_today() -> None:
    script = [testing.feed("in", 0), testing.wall("70s"), testing.feed("in", 60)]
    assert await watermark_after(script) == 60


class Beats:
    """How often a key's timer has fired."""

    count = 0


def beat(name: str, beats: Beats, timers: w.Timers) -> int:
    beats.count += 1
    timers.after("10s")
    return beats.count


@w.state_computation_timed(state=Beats, on_timer=beat, ttl=w.forever)
def begin(record: tuple[str, float], beats: Beats, timers: w.Timers) -> None:
    if beats.count == 0:
        timers.after("10s")


def beating(args: list[str]) -> w.Application:
    """Timers that set themselves again from the first record of each key."""
    time = w.event_time(lambda record: record[1], unit="s", out_of_order="5s")
    stream = w.source("in", w.ListSource([], record=tuple[str, float]), time=time)
    beats = stream.key_by(lambda record: record[0]).to(begin)
    return w.application("beats", beats.to_sink(w.ListSink([]), name="out"))


@pytest.mark.parametrize("partitions", [("0", "1"), ("1", "0"), ("0", "0")])
def test_chained_timers_fire_up_to_the_last_watermark_and_once_at_the_end(
    partitions: tuple[str, str],
) -> None:
    """Up to 95, that of the furthest partition; then the one of 100, and none that it sets."""
    first, second = partitions
    script = [
        testing.feed("in", ("a", 0), partition=first),
        testing.feed("in", ("b", 3), partition=second),
        testing.feed("in", ("c", 100), partition=second),
    ]
    results = testing.run(beating([]), script)
    assert sorted(results["out"]) == sorted([*range(1, 11), *range(1, 11), 1])


@pytest.mark.parametrize("order", [("0", "1"), ("1", "0")])
async def test_when_all_are_idle_the_highest_counts(order: tuple[str, str]) -> None:
    script: list[testing.ScriptStep] = [
        testing.feed("in", 5, partition="0"),
        testing.feed("in", 4, partition="1"),
        *(testing.idle("in", each) for each in order),
    ]
    assert await watermark_after(script, when_all_idle="hold") == 5


async def test_a_partition_that_is_back_moves_time_neither_back_nor_on() -> None:
    script = [
        testing.feed("in", 20, partition="1"),
        testing.feed("in", 100, partition="0"),
        testing.idle("in", "1"),
        testing.feed("in", 200, partition="0"),
        testing.feed("in", 30, partition="1"),
    ]
    assert await watermark_after(script) == 200


async def test_a_watermark_survives_a_crash_and_a_stop() -> None:
    for step in (testing.crash(), testing.stop()):
        script = [testing.feed("in", 100), testing.checkpoint(), step, testing.feed("in", 5)]
        assert await watermark_after(script) == 100


def test_what_a_crash_lost_is_fed_again_and_counts_once() -> None:
    script = [
        testing.feed("in", 1.0),
        testing.checkpoint(),
        testing.feed("in", 1.0),
        testing.crash(),
        testing.feed("in", 1.0),
    ]
    assert testing.run(app(), script, start=START)["out"] == [("1.0", 1), ("1.0", 2), ("1.0", 3)]


def test_what_does_not_fit_the_application_is_said() -> None:
    with pytest.raises(w.ApplicationError, match=r"Feed\(source='out'.*has the sources 'in'"):
        testing.run(app(), [testing.feed("out", 1.0)])
    with pytest.raises(w.ApplicationError, match="stamp= is for sources that have stamps"):
        testing.run(app(), [testing.feed("in", 1.0, stamp=5)])


class Stamped(w.ListSource[Any]):
    """A list in which each record knows when it happened."""

    stamped = True


def test_a_source_with_stamps_of_its_own_is_fed_with_them() -> None:
    stream = w.source("in", Stamped([]), time=w.event_time())
    own = w.application("a", stream.to_sink(w.StdoutSink(), name="out"))
    assert testing.run(own, [testing.feed("in", "a", stamp=5)]) == {"out": ["a"]}
    with pytest.raises(w.ApplicationError, match="has stamps of its own: give stamp="):
        testing.run(own, [testing.feed("in", "a")])
