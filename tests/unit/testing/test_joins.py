"""The cases of joins, tables, timers and expiry, each with its right result, run by a script."""

from datetime import UTC, datetime
from typing import Any

import pytest

import wallarood as w
from wallarood.testing import crash, feed, run, run_with_crashes, stop
from wallarood.testing.script import ScriptStep, checkpoint

Record = tuple[str, float, str]
START = datetime(1970, 1, 3, tzinfo=UTC)


def source(name: str) -> Any:
    """Records (key, seconds, value), in order."""
    time: Any = w.event_time(lambda record: record[1], unit="s", out_of_order="0s", idle=None)
    return w.source(name, w.ListSource([], record=Record), time=time).key_by(lambda each: each[0])


def values(pair: Any) -> str:
    left, right = pair
    return f"{left[2] if left else None}-{right[2] if right else None}"


def results(stream: Any, script: list[ScriptStep]) -> list[Any]:
    app = w.application("case", stream.to_sink(w.ListSink([]), name="out"))
    return run(app, script, start=START)["out"]


def both(seconds: float) -> list[ScriptStep]:
    """The watermark of both sources rises to this."""
    return [feed(side, ("mark", seconds, "mark")) for side in ("left", "right")]


def left(seconds: float, value: str) -> ScriptStep:
    return feed("left", ("a", seconds, value))


def right(seconds: float, value: str) -> ScriptStep:
    return feed("right", ("a", seconds, value))


def test_8_join_within_bounds() -> None:
    pairs = source("left").join(source("right"), within=("0s", "2s")).map(values)
    script = [left(time, str(time)) for time in (0, 1, 2)]
    script += [right(time, str(time)) for time in (0, 1, 2)]
    assert sorted(results(pairs, script)) == ["0-0", "0-1", "0-2", "1-1", "1-2", "2-2"]


def test_25_an_unmatched_record_comes_once_behind_its_bound() -> None:
    pairs = source("left").join(source("right"), within=("-5s", "10s"), how="left").map(values)
    found = results(pairs, [left(100, "L"), *both(110), left(110, "M"), *both(110.000001)])
    # Two pairs of marks follow at the second, before its watermark; M meets nobody until the end.
    assert [each for each in found if each != "mark-mark"] == ["L-None", "M-None"]
    assert found.index("L-None") == 4


def test_26_a_record_below_the_watermark_is_kept_while_it_may_be_met() -> None:
    pairs = source("left").join(source("right"), within=("-5s", "10s")).map(values)
    assert "L-R" in results(pairs, [*both(98), right(95, "R"), left(100, "L")])


def test_27_as_of_equal_times_the_last_that_arrived() -> None:
    pairs = source("left").join_asof(source("right"), within="1min").map(values)
    script = [right(20, "b"), right(20, "c"), left(20, "T"), *both(20), *both(20.000001)]
    assert results(pairs, script)[0] == "T-c"


def test_28_the_newest_row_of_a_table_and_a_deleted_one() -> None:
    def ask(*changes: tuple[float, str]) -> str:
        table = w.table(source("right"), ttl="1h", deleted=lambda row: row[2] == "delete")
        pairs = source("left").enrich(table).map(values)
        script = [*(right(*each) for each in changes), left(100, "?")]
        (found,) = results(pairs, script)
        return str(found)

    assert ask((20, "v2"), (10, "v1")) == "?-v2"
    assert ask((20, "v2"), (30, "delete"), (25, "v3")) == "?-None"


@pytest.mark.parametrize("between", [[], [stop()], [checkpoint(), crash()]])
def test_29_a_record_that_comes_before_the_table_is_held(between: list[ScriptStep]) -> None:
    pairs = source("left").enrich(w.table(source("right"), ttl=w.forever)).map(values)
    script = [left(0, "order"), *between, right(5, "name"), left(1, "again")]
    assert results(pairs, script) == ["order-name", "again-name"]


def test_the_list_of_an_endless_table_is_read_first_as_what_is_there_at_a_start() -> None:
    def of(name: str, path: str) -> Any:
        lines = w.source(name, w.FileSource(path, follow=True))
        return lines.key_by(lambda line: line[0])

    def of_pair(pair: tuple[str, str | None]) -> tuple[str, str | None]:
        return pair[0][2:], None if pair[1] is None else pair[1][2:]

    table = w.table(of("right", "customers"), ttl=w.forever)
    pairs = of("left", "orders").enrich(table).map(of_pair)
    app = w.application("case", pairs.to_sink(w.ListSink([]), name="out"))
    lists = {"left": ["a order"], "right": ["b other", "a name"]}
    assert run(app, lists) == {"out": [("order", "name")]}
    assert run_with_crashes(app, lists, every=1) == {"out": [("order", "name")]}
    script = [feed("left", "a order"), feed("right", "a name")]
    assert run(app, script) == {"out": [("order", None)]}


class Seen:
    count = 0


def fired(name: str, seen: Seen, timers: w.Timers) -> str:
    return name


def test_30_timers_fire_by_time_key_and_name() -> None:
    @w.state_computation_timed(state=Seen, on_timer=fired, ttl=w.forever)
    def start(record: Record, seen: Seen, timers: w.Timers) -> None:
        if record[2]:
            name, seconds = record[2].split("@")
            timers.at(int(seconds) * 1_000_000, name)

    script = [feed("in", ("k", 0, each)) for each in ("b@10", "a@10", "c@5")]
    found = results(source("in").to(start), [*script, feed("in", ("other", 10, ""))])
    assert found == ["c", "a", "b"]


def test_31_a_timer_that_sets_itself_again_fires_once_at_the_end() -> None:
    def again(name: str, seen: Seen, timers: w.Timers) -> str:
        timers.after("1s")
        return "fired"

    @w.state_computation_timed(state=Seen, on_timer=again, ttl=w.forever)
    def start(record: Record, seen: Seen, timers: w.Timers) -> None:
        timers.after("10s")

    assert results(source("in").to(start), [feed("in", ("k", 0, ""))]) == ["fired"]


def test_32_what_expired_stays_gone_after_a_crash_with_its_timers() -> None:
    @w.state_computation_timed(state=Seen, on_timer=fired, ttl="10s")
    def start(record: Record, seen: Seen, timers: w.Timers) -> int:
        seen.count += 1
        if record[2]:
            timers.at(20_000_000, record[2])
        return seen.count

    script = [
        feed("in", ("a", 0, "timer")),
        checkpoint(),
        feed("in", ("mark", 11, "")),
        checkpoint(),
        crash(),
        feed("in", ("mark", 19, "")),
        feed("in", ("a", 30, "")),
    ]
    assert results(source("in").to(start), script) == [1, 1, 2, 1]


def test_33_the_first_of_a_day_passes() -> None:
    hours = 3600.0
    first = w.source(
        "in",
        w.ListSource([], record=Record),
        time=w.event_time(lambda record: record[1], unit="s", out_of_order="0s"),
    ).distinct(lambda record: record[0], within="24h")
    script = [feed("in", ("a", at, str(at))) for at in (0.0, 24 * hours - 60, 24 * hours)]
    assert [each[1] for each in results(first, script)] == [0.0, 24 * hours]
