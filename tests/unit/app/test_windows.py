"""Windows as an application writes them: what is taken, what is refused, and what is told."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

import wallarood as w
from wallarood.model.pipeline import LATE_OUTPUT, ErrorPolicy, StepKind
from wallarood.model.timing.windows import Emit, WindowKind, WindowSpec

MINUTE = 60_000_000
Clicks = w.KeyedStream[str, tuple[str, int]]


def user(click: tuple[str, int]) -> str:
    return click[0]


def size(click: tuple[str, int]) -> int:
    return click[1]


def clicks(*, time: bool = True) -> Clicks:
    source = w.ListSource([("ada", 1)], record=tuple[str, int])
    return w.source("clicks", source, time=w.ingest_time() if time else None).key_by(user)


def spec_of(stream: w.Stream[Any], name: str = "") -> WindowSpec:
    app = w.application("app", stream.to_sink(w.ListSink([])))
    specs = [step.computation.spec for step in app.steps if step.computation is not None]
    return next(each for each in specs if isinstance(each, WindowSpec))


def counted(windows: w.Windows, **options: Any) -> WindowSpec:
    return spec_of(clicks().window(windows, **options).aggregate(w.count()))


def test_spans_are_strings_or_timedeltas() -> None:
    assert w.tumbling("1min") == w.tumbling(timedelta(minutes=1))
    assert w.tumbling("1min").size == MINUTE
    assert w.hopping("1min", every="10s", offset="65s").offset == 5_000_000
    assert w.tumbling("10s", offset="-3s").offset == 7_000_000


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: w.tumbling("0s"), "tumbling: size='0s': expected more than 0s"),
        (lambda: w.tumbling("-5s"), "tumbling: size='-5s': expected more than 0s"),
        (lambda: w.tumbling("soon"), "tumbling: size='soon': .*expected a span"),
        (lambda: w.tumbling(5), "tumbling: size=5: .*expected a span"),  # type: ignore[arg-type]
        (lambda: w.hopping("10s", every="20s"), "every='20s' is more than size='10s'"),
        (lambda: w.hopping("1d", every="0s"), "hopping: every='0s': expected more than 0s"),
        (lambda: w.hopping("1d", every="7s"), "has 86,400 panes of 1s, at most 120 are possible"),
        (lambda: w.session("0s"), "session: gap='0s': expected more than 0s"),
        (lambda: w.session("10s", max="5s"), "session: max='5s' is less than gap='10s'"),
        (lambda: w.rolling("0s"), "rolling: size='0s': expected more than 0s"),
        (lambda: w.calendar("year", tz="UTC"), "unit='year': expected 'day', 'week' or 'month'"),  # type: ignore[arg-type]
        (lambda: w.calendar("day", tz="Mars/Base"), "tz='Mars/Base': no such time zone"),
        (lambda: w.calendar("day", tz="../x"), "no such time zone"),
        (lambda: w.calendar("day", tz=""), "no such time zone"),
        (lambda: w.calendar("day", tz="UTC", offset="24h"), "expected less than a day"),
        (lambda: w.count_window(0, ttl="1d"), "count_window: n=0: expected a positive int"),
        (lambda: w.count_window(3, every=4, ttl="1d"), "every=4 is more than n=3"),
        (lambda: w.count_window(1000, every=1, ttl="1d"), "would have 1,000 panes"),
        (lambda: w.count_window(3, ttl=None), "ttl=None: expected a span"),  # type: ignore[arg-type]
        (lambda: w.every("0s"), "every='0s': expected more than 0s"),
    ],
)
def test_what_makes_no_windows_is_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(w.PipelineError, match=rf"test_windows\.py:\d+: .*{message}"):
        make()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: clicks().window("1min"), "expected windows such as w.tumbling"),
        (lambda: clicks(time=False).window(w.tumbling("1s")), "needs event time"),
        (lambda: clicks().window(w.tumbling("1s"), grace="-1s"), "grace='-1s': expected at least"),
        (lambda: clicks().window(w.tumbling("1s"), on_late="drop"), "on_late='drop': expected"),
        (lambda: clicks().window(w.tumbling("1s"), emit="always"), "emit='always': expected"),
        (lambda: clicks().window(w.rolling("1s"), emit="updates"), "says everything once"),
        (lambda: clicks().window(w.count_window(3, ttl="1d"), grace="1s"), "none is late"),
        (lambda: clicks().window(w.tumbling("1s")).aggregate(), "at least one aggregation"),
        (lambda: clicks().window(w.tumbling("1s")).aggregate(w.sum()), "sum needs a number"),
        (lambda: clicks().window(w.tumbling("1s")).fold(3, min), "fold: make=3: expected"),
        (lambda: clicks().window(w.tumbling("1s")).fold(int, lambda one: one), "2 arguments"),
        (lambda: clicks().window(w.session("1s")).fold(int, max), "set merge="),
        (lambda: clicks().window(w.count_window(3, ttl="1d")).late, "no record is late"),
        (lambda: clicks().window(w.tumbling("1s"), on_late="stop").late, "both"),
        (lambda: clicks().window(w.tumbling("1s")).collect(state=3), "unknown option 'state'"),
    ],
)
def test_what_cannot_be_done_in_windows_is_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(w.PipelineError, match=rf"test_windows\.py:\d+: .*{message}"):
        make()


def test_windows_of_which_nothing_is_made_are_named() -> None:
    windows = clicks().window(w.tumbling("1s"))
    with pytest.raises(w.PipelineError, match=r"test_windows\.py:\d+: nothing is made of"):
        w.application("app", windows.late.to_sink(w.ListSink([])))


def test_a_step_says_what_it_was_told() -> None:
    letters = w.dead_letter(w.ListSink([]))
    spec = counted(w.session("30min"), grace="1min", on_late=letters, emit=w.every("1s"))

    assert spec.windows.kind is WindowKind.SESSION
    assert (spec.grace, spec.emit, spec.emit_every) == (MINUTE, Emit.EVERY, 1_000_000)
    assert spec.on_late is ErrorPolicy.DEAD_LETTER
    assert counted(w.tumbling("1s")).on_late is ErrorPolicy.SKIP


def test_counted_windows_need_no_event_time() -> None:
    windows = clicks(time=False).window(w.count_window(3, ttl=w.forever))

    spec = spec_of(windows.aggregate(w.count()))
    assert not spec.stamped
    assert spec.windows.ttl is None


def test_late_records_are_a_stream_of_what_came_in() -> None:
    windows = clicks().window(w.tumbling("1s"))
    late = windows.late.map(size)
    counts = windows.aggregate(w.count(), name="by-second")
    app = w.application(
        "app", late.to_sink(w.ListSink([])), counts.to_sink(w.ListSink([]), name="counts")
    )

    step = app.step("by-second")
    assert step.computation is not None
    assert step.computation.spec.on_late is ErrorPolicy.STREAM
    assert step.record == w.Windowed[str, int]
    (merged,) = [each for each in app.steps if each.name.endswith("-late")]
    assert [(each.step, each.output) for each in merged.inputs] == [("by-second", LATE_OUTPUT)]
    assert (merged.record, merged.key, merged.stamped) == (tuple[str, int], str, True)


def test_windows_may_be_gathered_more_than_once() -> None:
    windows = clicks().window(w.tumbling("1s"))
    counts, lists = windows.aggregate(w.count()), windows.collect()
    again = windows.aggregate(w.count(), name="again")
    app = w.application("app", *(end.to_sink(w.ListSink([])) for end in (counts, lists, again)))

    names = [step.name for step in app.steps if step.kind is StepKind.PARTITIONED]
    assert names == ["tumbling-count", "tumbling-collect", "again"]


@pytest.mark.parametrize("corrected", [{"grace": "1s"}, {"emit": "updates"}])
def test_results_that_may_be_corrected_are_not_counted_twice(corrected: Any) -> None:
    sums = clicks().window(w.tumbling("1s"), **corrected).aggregate(w.count())
    kept = sums.filter(lambda result: result.value > 1)
    for refused in (
        lambda: kept.aggregate(w.count()),
        lambda: kept.key_by(lambda result: result.value).window(w.tumbling("1min")),
    ):
        with pytest.raises(w.PipelineError, match=r"results of tumbling\(1s\), which has grace="):
            refused()

    kept.aggregate(w.count(), corrections=True)
    kept.window(w.tumbling("1min"), corrections=True)
    clicks().window(w.tumbling("1s")).aggregate(w.count()).aggregate(w.count())


def test_the_fingerprint_has_what_lays_out_the_state_and_nothing_else() -> None:
    def line(windows: w.Windows, **options: Any) -> str:
        end = clicks().window(windows, **options).aggregate(w.count()).to_sink(w.ListSink([]))
        (found,) = [
            each for each in w.application("app", end).fingerprint if each.startswith("part")
        ]
        return found

    first = line(w.tumbling("1min"))
    assert line(w.tumbling("1min"), grace="1h", on_late="stop") == first
    others = [
        line(w.tumbling("2min")),
        line(w.tumbling("1min", offset="1s")),
        line(w.hopping("1min", every="30s")),
        line(w.session("1min")),
        line(w.session("1min", max="1h")),
        line(w.rolling("1min")),
        line(w.calendar("day", tz="UTC")),
        line(w.calendar("day", tz="Europe/Berlin")),
        line(w.count_window(60_000_000, ttl="1d")),
    ]
    assert len({first, *others}) == 1 + len(others)
    assert line(w.count_window(3, ttl="1d")) == line(w.count_window(3, ttl=w.forever))


def test_a_result_tells_when_its_window_opened_and_closed() -> None:
    result = w.Windowed("ada", -1, MINUTE, 3)

    assert result.opened.isoformat() == "1969-12-31T23:59:59.999999+00:00"
    assert result.closed.isoformat() == "1970-01-01T00:01:00+00:00"
