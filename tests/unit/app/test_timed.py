"""Timed computations as an application declares them, and what is refused."""

from collections.abc import Callable
from typing import Any

import pytest

import wallarood as w
from wallarood.model.errors import PipelineError
from wallarood.model.timing.computations import TimedSpec


class Seen:
    count = 0


def work(record: str, seen: Seen, timers: w.Timers) -> int | None:
    return seen.count


def fire(name: str, seen: Seen, timers: w.Timers, *, key: str) -> int | None:
    return seen.count


def gone(seen: Seen) -> int:
    return seen.count


def words(*, timed: str = "") -> Any:
    time = w.ingest_time() if timed else None
    return w.source("words", w.ListSource(["a"], record=str), time=time).key_by(str)


def spec_of(stream: Any) -> TimedSpec:
    app = w.application("test", stream.to_sink(w.ListSink([])))
    computation = app.step("work").computation
    assert computation is not None
    spec: TimedSpec = computation.spec
    return spec


def test_a_timed_computation_knows_what_it_was_told_and_whether_there_is_time() -> None:
    declared = w.state_computation_timed(state=Seen, on_timer=fire, ttl="1h", on_expire=gone)(work)
    assert spec_of(words().to(declared)) == TimedSpec(
        False, fire, 3_600_000_000, gone, timer_with_key=True
    )
    assert spec_of(words(timed="yes").to(declared)).stamped


def test_forever_says_that_no_end_is_meant() -> None:
    declared = w.state_computation_timed(state=Seen, ttl=w.forever)(work)
    assert spec_of(words().to(declared)).endless
    assert spec_of(words().to(declared)).ttl is None


def test_results_have_the_type_that_the_function_returns() -> None:
    declared = w.state_computation_timed(state=Seen)(work)
    app = w.application("test", words().to(declared).to_sink(w.ListSink([])))
    assert app.step("work").record is int


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "no state": (
        lambda: w.state_computation_timed(work),  # type: ignore[call-arg, misc]
        "write @w.state_computation_timed",
    ),
    "two parameters": (
        lambda: w.state_computation_timed(state=Seen)(gone),  # type: ignore[arg-type]
        "cannot be called as f\\(record, state, timers\\)",
    ),
    "on_timer": (
        lambda: w.state_computation_timed(state=Seen, on_timer=gone)(work),
        "on_timer cannot be called as f\\(name, state, timers\\)",
    ),
    "on_expire": (
        lambda: w.state_computation_timed(state=Seen, ttl="1h", on_expire=fire)(work),
        "on_expire cannot be called as f\\(state, key=key\\)",
    ),
    "on_expire without ttl": (
        lambda: w.state_computation_timed(state=Seen, on_expire=gone)(work),
        "on_expire without ttl",
    ),
    "ttl": (
        lambda: w.state_computation_timed(state=Seen, ttl="a while")(work),
        "ttl='a while'",
    ),
    "ttl of nothing": (
        lambda: w.state_computation_timed(state=Seen, ttl="0s")(work),
        "ttl='0s': expected more than 0s",
    ),
    "in_order": (
        lambda: w.state_computation_timed(state=Seen, in_order=1)(work),  # type: ignore[arg-type]
        "in_order=1: expected True or False",
    ),
    "in_order without time": (
        lambda: words().to(w.state_computation_timed(state=Seen, in_order=True)(work)),
        "work: in_order=True needs event time",
    ),
    "without a key": (
        lambda: w.source("words", w.ListSource(["a"])).to(
            w.state_computation_timed(state=Seen)(work)
        ),
        "work keeps state but the stream has no key",
    ),
    "collected": (
        lambda: words().collect().to(w.state_computation_timed(state=Seen)(work)),
        "work has timers for each key: put .key_by",
    ),
    "an unknown option": (
        lambda: w.state_computation_timed(state=Seen, timer=fire)(work),  # type: ignore[call-arg]
        "unknown option 'timer'",
    ),
    "another state": (
        lambda: w.state_computation_timed(state=dict)(work),  # type: ignore[arg-type]
        "its state is hinted Seen",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_is_refused_with_its_line(what: str) -> None:
    declare, message = REFUSED[what]
    with pytest.raises(PipelineError, match=message) as raised:
        declare()
    assert str(raised.value).startswith(f"{__file__}:")
