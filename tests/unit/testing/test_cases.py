"""Event time, case by case: what comes when, and what follows from it.

Stamps are seconds. A record is (key, stamp, value); one of key "-" only moves the watermark.
"""

from datetime import UTC, datetime
from typing import Any

import pytest

import wallarood as w
from wallarood import testing
from wallarood.testing import crash, feed, idle, stop, wall

SECOND = 1_000_000
START = datetime(1970, 1, 1, tzinfo=UTC)
Row = tuple[str, float, int]
OPTIONS = ("out_of_order", "idle", "when_all_idle", "drift")


def a(stamp: float, value: int = 1, *, partition: str = "0") -> testing.ScriptStep:
    """A record of key a."""
    return feed("in", ("a", stamp, value), partition=partition)


def at(stamp: float) -> testing.ScriptStep:
    """The watermark comes to *stamp*, where nothing may be out of order."""
    return feed("in", ("-", stamp, 0))


def results(script: list[testing.ScriptStep], windows: Any, **options: Any) -> list[Any]:
    """What the windows of key a have told: (start, end, value, pane), in seconds."""
    time = {name: options.pop(name) for name in OPTIONS if name in options}
    of = options.pop("of", None) or w.sum(of=lambda row: row[2])
    replaced = options.pop("replaced", False)
    stream = w.source(
        "in",
        w.ListSource([], record=Row),
        time=w.event_time(
            lambda row: float(row[1]), unit="s", future="100000d", **{"out_of_order": "0s", **time}
        ),
    )
    gathered = stream.key_by(lambda row: row[0]).window(windows, **options).aggregate(of)
    app = w.application("cases", gathered.to_sink(w.StdoutSink(), name="out"))
    return [
        (
            each.start / SECOND,
            each.end / SECOND,
            each.value,
            each.pane,
            *([_seconds(each.replaces)] if replaced else []),
        )
        for each in testing.run(app, script, start=START)["out"]
        if each.key == "a"
    ]


def _seconds(spans: tuple[tuple[int, int], ...]) -> tuple[tuple[float, float], ...]:
    return tuple((start / SECOND, end / SECOND) for start, end in spans)


def on_time(*rows: tuple[float, float, int]) -> list[Any]:
    return [(*row, "on_time") for row in rows]


TEN = w.tumbling("10s")


def test_1_a_record_is_in_the_window_that_begins_with_its_stamp_or_before() -> None:
    script = [a(0, 1), a(9.999999, 2), a(10, 4)]
    assert results(script, TEN) == on_time((0, 10, 3), (10, 20, 4))


def test_2_stamps_before_1970_are_in_windows_too() -> None:
    assert results([a(-0.000001, 1), at(0)], TEN) == on_time((-10, 0, 1))


def test_3_a_window_is_over_when_the_watermark_is_at_its_end() -> None:
    assert results([at(10), a(9)], TEN) == []


def test_4_what_is_out_of_order_counts_as_long_as_that_is_allowed() -> None:
    script = [a(0), a(12), a(7), a(15), a(26)]
    found = results(script, TEN, out_of_order="5s")
    assert found == on_time((0, 10, 2), (10, 20, 2), (20, 30, 1))


def test_5_within_grace_a_window_is_corrected_and_then_it_is_gone() -> None:
    minute = 60
    script = [
        a(4 * minute, 1),
        at(5 * minute),
        a(3 * minute, 2),
        at(6 * minute),
        a(4 * minute, 9),
    ]
    assert results(script, w.tumbling("5min"), grace="1min") == [
        (0, 300, 1, "on_time"),
        (0, 300, 3, "late"),
    ]


def test_6_hopping_windows_close_one_after_the_other() -> None:
    hopping = w.hopping("60s", every="30s")
    script = [a(45), at(60), at(90)]
    assert results(script, hopping) == on_time((0, 60, 1), (30, 90, 1))


def test_7_updates_come_once_a_batch_and_the_last_result_follows() -> None:
    stream = w.source(
        "in",
        w.ListSource([], record=Row),
        time=w.event_time(lambda row: row[1], unit="s", out_of_order="20s"),
    )
    sums = stream.key_by(lambda row: row[0]).window(w.tumbling("60s"), emit="updates")
    told = sums.aggregate(w.sum(of=lambda row: row[2]))
    app = w.application("cases", told.to_sink(w.StdoutSink(), name="out"))
    rows = [("a", float(number), number) for number in (5, 8, 3, 15, 19, 23, 9, 13, 10)]
    found = testing.run(app, {"in": rows}, batch_records=3)["out"]
    assert [(each.value, each.pane) for each in found] == [
        (16, "early"),
        (73, "early"),
        (105, "early"),
        (105, "on_time"),
    ]


def test_9_an_idle_source_lets_time_go_on_so_that_the_last_window_closes() -> None:
    script = [a(100), wall("75s"), stop()]
    found = results(script, TEN, out_of_order="5s", idle="60s")
    assert found == on_time((100, 110, 1))


def test_12_a_stall_does_not_make_records_of_long_ago_late() -> None:
    script = [a(0), wall("70s"), a(60)]
    assert results(script, w.tumbling("1min")) == on_time((0, 60, 1), (60, 120, 1))


def test_13_a_partition_that_comes_back_is_late_and_stops_nobody() -> None:
    script = [
        a(20, 1, partition="1"),
        a(20, 2),
        idle("in", "1"),
        a(200, 4),
        a(30, 8, partition="1"),
        a(205, 16),
    ]
    assert results(script, TEN, drift="10s") == on_time((20, 30, 3), (200, 210, 20))


def test_14_a_window_that_has_fired_does_not_open_again_after_a_crash() -> None:
    script = [a(5, 1), at(100), testing.checkpoint(), crash(), a(5, 2)]
    assert results(script, TEN) == on_time((0, 10, 1))


def test_15_stopping_is_not_the_end_and_the_end_closes_a_window_once() -> None:
    script = [a(3, 7), stop(), stop()]
    assert results(script, TEN) == on_time((0, 10, 7))


def test_16_hopping_windows_know_the_greatest_without_subtracting() -> None:
    hopping = w.hopping("60s", every="10s")
    found = results([a(5, 9), a(65, 1)], hopping, of=w.max(of=lambda row: row[2]))
    nine = [(start, start + 60, 9) for start in range(-50, 10, 10)]
    assert found == on_time(*nine, *((start, start + 60, 1) for start in range(10, 70, 10)))


def test_17_exactly_a_gap_apart_are_two_sessions() -> None:
    found = results([a(0), a(10), at(20)], w.session("10s"))
    assert found == on_time((0, 10, 1), (10, 20, 1))


def test_18_a_record_between_two_sessions_makes_them_one() -> None:
    found = results([a(0), a(15), a(8)], w.session("10s"), out_of_order="20s")
    assert found == on_time((0, 25, 3))


def test_19_a_session_that_goes_on_within_grace_replaces_what_was_told() -> None:
    script = [a(0), at(10), a(9), at(19)]
    found = results(script, w.session("10s"), grace="20s", replaced=True)
    assert found == [(0, 10, 1, "on_time", ()), (0, 19, 2, "on_time", ((0, 10),))]


def test_20_a_session_ends_at_its_longest() -> None:
    found = results([a(0), a(8), a(14), a(16)], w.session("10s", max="15s"))
    assert found == on_time((0, 15, 3), (16, 26, 1))


@pytest.mark.parametrize(
    ("zone", "noon", "start", "end"),
    [
        ("Europe/Berlin", (2025, 3, 30), (2025, 3, 29, 23), (2025, 3, 30, 22)),
        ("America/Sao_Paulo", (2018, 11, 4), (2018, 11, 4, 3), (2018, 11, 5, 2)),
    ],
)
def test_21_and_22_a_day_lasts_from_date_to_date(
    zone: str, noon: Any, start: Any, end: Any
) -> None:
    stamp = datetime(*noon, 12, tzinfo=UTC).timestamp()
    found = results([a(stamp)], w.calendar("day", tz=zone))
    wanted = [datetime(*each, tzinfo=UTC).timestamp() for each in (start, end)]
    assert [row[:2] for row in found] == [tuple(wanted)]


def test_23_rolling_windows_end_at_each_record() -> None:
    found = results([a(0, 1), a(5, 2), a(10, 4), at(11)], w.rolling("10s"))
    assert [row[2] for row in found] == [1, 3, 6]


def test_24_windows_by_count_end_with_a_rest() -> None:
    script = [a(stamp, 1) for stamp in range(7)]
    found = results(script, w.count_window(3, ttl=w.forever))
    assert [row[2:] for row in found] == [(3, "on_time"), (3, "on_time"), (1, "partial")]
