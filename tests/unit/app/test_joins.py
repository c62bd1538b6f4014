"""Joins, tables and distinct records as an application declares them, and what is refused."""

import inspect
from collections.abc import Callable
from typing import Any, Optional

import pytest

import wallarood as w
from wallarood.model.errors import PipelineError
from wallarood.model.pipeline import ErrorPolicy, Step
from wallarood.model.timing.computations import DistinctSpec
from wallarood.model.timing.joins import AsOfSpec, EnrichSpec, How, IntervalSpec
from wallarood.model.timing.windows import WindowKind, Windows

Record = tuple[str, float]


def key(record: Record) -> str:
    return record[0]


def size(record: Record) -> int:
    return len(record[0])


def keyed(name: str, *, timeless: str = "") -> Any:
    time = None if timeless else w.event_time(lambda record: record[1], unit="s")
    return w.source(name, w.ListSource([("a", 0.0)], record=Record), time=time).key_by(key)


def step_of(stream: Any, name: str) -> Step:
    return w.application("test", stream.to_sink(w.ListSink([]))).step(name)


def test_an_interval_join_knows_its_bounds_and_the_types_of_its_pairs() -> None:
    pairs = keyed("left").join(
        keyed("right"), within=("-5min", "1h"), how="outer", grace="1min", name="pay"
    )
    step = step_of(pairs, "pay")
    assert step.computation is not None
    assert step.computation.spec == IntervalSpec(
        -300_000_000, 3_600_000_000, How.OUTER, 60_000_000, ErrorPolicy.SKIP
    )
    assert step.record == tuple[Optional[Record], Optional[Record]]  # noqa: UP045
    assert [each.step for each in step.inputs] == ["key", "key-2"]
    assert step.stamped
    assert step.computation.where.file == __file__


def test_other_joins_and_distinct_know_their_bounds() -> None:
    asof = keyed("a").join_asof(keyed("b"), within=w.forever, on_late="stop")
    assert step_of(asof, "join_asof").computation.spec == AsOfSpec(None, ErrorPolicy.STOP)  # type: ignore[union-attr]
    table = w.table(keyed("c"), ttl="1h")
    named = keyed("d").enrich(table, as_of="event", how="inner")
    assert step_of(named, "enrich").computation.spec == EnrichSpec(  # type: ignore[union-attr]
        True, 3_600_000_000, at_event=True, inner=True
    )
    first = w.source("e", w.ListSource([1])).distinct(str, within="1d")
    assert step_of(first, "distinct").computation.spec == DistinctSpec(False, 86_400_000_000)  # type: ignore[union-attr]


def test_late_records_have_a_sink_of_their_own() -> None:
    letters: list[w.DeadLetter] = []
    late = w.dead_letter(w.ListSink(letters), name="late")
    pairs = keyed("a").join(keyed("b"), within=("0s", "1s"), on_late=late)
    app = w.application("test", pairs.to_sink(w.ListSink([])))
    assert [each.step for each in app.step("late").inputs] == ["join"]


def test_the_fingerprint_says_what_lays_out_state_and_not_grace() -> None:
    def lines(**more: Any) -> tuple[str, ...]:
        pairs = keyed("a").join(keyed("b"), **{"within": ("0s", "1s"), **more})
        return w.application("test", pairs.to_sink(w.ListSink([]))).fingerprint

    assert lines() == lines(grace="1h", on_late="stop")
    assert lines() != lines(within=("0s", "2s"))
    assert lines() != lines(how="left")


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "no windows": (
        lambda: keyed("a").join_window(keyed("b"), "1min"),
        "expected windows such as w.tumbling",
    ),
    "windows that count": (
        lambda: keyed("a").join_window(keyed("b"), Windows(WindowKind.COUNT, "count", count=3)),
        "join_window: count: a window of both streams",
    ),
    "no tuple": (lambda: keyed("a").join(keyed("b"), within="5s"), "expected two spans"),
    "the wrong way round": (
        lambda: keyed("a").join(keyed("b"), within=("5s", "1s")),
        "the first is above the second",
    ),
    "no span": (lambda: keyed("a").join(keyed("b"), within=("x", "1s")), "expected a span"),
    "how": (
        lambda: keyed("a").join(keyed("b"), within=("0s", "1s"), how="cross"),
        "how='cross': expected 'inner', 'left', 'right', 'outer'",
    ),
    "negative grace": (
        lambda: keyed("a").join(keyed("b"), within=("0s", "1s"), grace="-1s"),
        "grace='-1s': expected at least 0s",
    ),
    "on_late": (
        lambda: keyed("a").join(keyed("b"), within=("0s", "1s"), on_late="drop"),
        "on_late='drop': expected 'skip', 'stop' or w.dead_letter",
    ),
    "other without keys": (
        lambda: keyed("a").join(w.source("b", w.ListSource([1])), within=("0s", "1s")),
        "the stream has no key: put .key_by",
    ),
    "no stream": (lambda: keyed("a").join("b", within=("0s", "1s")), "expected a stream with keys"),
    "left without time": (
        lambda: keyed("a", timeless="yes").join(keyed("b"), within=("0s", "1s")),
        "join needs event time",
    ),
    "right without time": (
        lambda: keyed("a").join(keyed("b", timeless="yes"), within=("0s", "1s")),
        "join: the other stream needs event time",
    ),
    "keys of other types": (
        lambda: keyed("a").join(keyed("b").key_by(size), within=("0s", "1s")),
        "the keys of the two are of different types, str and int",
    ),
    "as-of without bound": (
        lambda: keyed("a").join_asof(keyed("b"), within=None),
        "within=None: expected a span such as '1h', or w.forever",
    ),
    "as-of of nothing": (
        lambda: keyed("a").join_asof(keyed("b"), within="0s"),
        "within='0s': expected more than 0s",
    ),
    "no table": (lambda: keyed("a").enrich(keyed("b")), "make one by w.table"),
    "as_of": (
        lambda: keyed("a").enrich(w.table(keyed("b"), ttl="1h"), as_of="now"),
        "expected 'latest' or 'event'",
    ),
    "outer enrichment": (
        lambda: keyed("a").enrich(w.table(keyed("b"), ttl="1h"), how="outer"),
        "expected 'left' or 'inner'",
    ),
    "a table without time": (
        lambda: keyed("a").enrich(w.table(keyed("b", timeless="yes"), ttl="1h")),
        "the table, too, needs event time",
    ),
    "a stream without time": (
        lambda: keyed("a", timeless="yes").enrich(w.table(keyed("b"), ttl="1h")),
        "the stream, too, needs event time",
    ),
    "a table as it was without time": (
        lambda: keyed("a", timeless="yes").enrich(
            w.table(keyed("b", timeless="yes"), ttl="1h"), as_of="event"
        ),
        "as_of='event' needs event time",
    ),
    "ttl": (lambda: w.table(keyed("a"), ttl=None), "ttl=None: expected a span"),  # type: ignore[arg-type]
    "deleted": (lambda: w.table(keyed("a"), ttl="1h", deleted=5), "deleted=5"),  # type: ignore[arg-type]
    "a table of no stream": (lambda: w.table(5, ttl="1h"), "expected a stream with keys"),  # type: ignore[arg-type]
    "within of distinct": (
        lambda: w.source("a", w.ListSource([1])).distinct(str, within="0s"),
        "distinct: within='0s'",
    ),
    "partitions": (
        lambda: keyed("a").join(keyed("b"), within=("0s", "1s"), partitions=0),
        "partitions=0",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_is_refused_with_its_line(what: str) -> None:
    declare, message = REFUSED[what]
    with pytest.raises(PipelineError, match=message.replace("(", r"\(")) as raised:
        declare()
    lines, first = inspect.getsourcelines(test_what_cannot_be_is_refused_with_its_line)
    assert str(raised.value).startswith(f"{__file__}:")
    assert int(str(raised.value).split(":")[1]) < first + len(lines)


def test_a_stream_does_not_meet_a_table_that_is_read_by_its_own_source() -> None:
    records = keyed("records")
    table = w.table(records.map(lambda record: record), ttl="1h")
    with pytest.raises(PipelineError, match="both come from source 'records'"):
        records.enrich(table)


def test_results_that_correct_others_are_joined_only_if_that_is_said() -> None:
    counts = keyed("a").window(w.tumbling("1min"), grace="1h").aggregate(w.count())
    with pytest.raises(PipelineError, match="join: the records are results of"):
        counts.join(keyed("b"), within=("0s", "1s"))
    counts.join(keyed("b"), within=("0s", "1s"), corrections=True)


def test_two_joins_need_names_of_their_own() -> None:
    both = keyed("a").join(keyed("b"), within=("0s", "1s")).map(lambda pair: pair)
    again = both.join(keyed("c"), within=("0s", "1s"))
    with pytest.raises(PipelineError, match="the name 'join' is already used"):
        w.application("test", again.to_sink(w.ListSink([])))


def test_a_stream_without_keys_says_what_is_missing() -> None:
    with pytest.raises(PipelineError, match=r"join: the stream has no key: put \.key_by"):
        w.source("a", w.ListSource([1])).join(keyed("b"), within=("0s", "1s"))  # type: ignore[attr-defined]
