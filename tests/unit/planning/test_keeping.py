"""What an application keeps, and until when, in words."""

from typing import Any

import pytest

import wallarood as w
from wallarood.model.pipeline import Application
from wallarood.planning.explain import as_json, as_text
from wallarood.planning.keeping import advice, keeping
from wallarood.planning.plan import plan


class Seen:
    count = 0


@w.state_computation(state=Seen)
def count(record: Any, seen: Seen) -> int:
    return seen.count


def follow(record: Any, seen: Seen, timers: w.Timers) -> int:
    return seen.count


def keyed(name: str, *, timeless: str = "") -> Any:
    time = None if timeless else w.ingest_time()
    return w.source(name, w.ListSource(["a"], record=str), time=time).key_by(str)


def application(stream: Any) -> Application:
    return w.application("test", stream.to_sink(w.ListSink([])))


def kept(stream: Any) -> str:
    (said,) = keeping(application(stream)).values()
    return said


def test_each_kind_of_state_says_its_end() -> None:
    a, b = keyed("a"), keyed("b")
    assert kept(a.join(b, within=("-5min", "1h"), grace="1s")) == (
        "records until the watermark is above their time + 1h1s (left), + 5min1s (right)"
    )
    assert kept(a.join_asof(b, within="1min")) == (
        "records of the left until the watermark has passed them, the last of the right of each "
        "key for 1min"
    )
    assert kept(a.enrich(w.table(b, ttl="30d"))) == (
        "the newest record of the table of each key, until 30d after it"
    )
    assert kept(a.enrich(w.table(b, ttl=w.forever), as_of="event")) == (
        "the newest record of the table of each key, forever; records until the watermark has "
        "passed them"
    )
    assert kept(w.source("c", w.ListSource(["a"])).distinct(str, within="1d")) == (
        "when a record of each key passed, until 1d later by the clock of the worker"
    )
    timed = w.state_computation_timed(state=Seen, ttl="1h")(follow)
    assert kept(a.to(timed)) == "state and timers of each key, until 1h after its last record"
    assert kept(a.to(count)) == "a state for each key, forever"
    assert kept(a.collect().to(count)) == "one state for all records"
    assert kept(a.aggregate(w.count())) == "the results of each key, forever"


def test_a_plan_says_it_in_text_and_json() -> None:
    app = application(keyed("a").to(count))
    topology = plan(app, ("one",), ())
    said = keeping(app)
    assert "  keeps:     count: a state for each key, forever" in as_text(topology, said)
    assert '"count": "a state for each key, forever"' in as_json(topology, said)


@pytest.mark.parametrize(
    ("stream", "advised"),
    [
        (lambda: keyed("a", timeless="yes").to(count), ""),
        (lambda: keyed("a").to(count), "count keeps a state for each key and never forgets one"),
        (lambda: keyed("a").aggregate(w.count()), "use a window, or"),
        (
            lambda: keyed("a", timeless="yes").to(w.state_computation_timed(state=Seen)(follow)),
            "set ttl=",
        ),
        (lambda: keyed("a").to(w.state_computation_timed(state=Seen, ttl="1h")(follow)), ""),
        (lambda: keyed("a").to(w.state_computation_timed(state=Seen, ttl=w.forever)(follow)), ""),
        (lambda: keyed("a").join_asof(keyed("b"), within=w.forever), ""),
        (lambda: keyed("a").enrich(w.table(keyed("b"), ttl=w.forever)), ""),
        (lambda: keyed("a").join(keyed("b"), within=("0s", "1s")), ""),
    ],
)
def test_state_without_an_end_is_told_of_unless_forever_is_written(
    stream: Any, advised: str
) -> None:
    lines = advice(application(stream()))
    assert len(lines) == bool(advised)
    for line in lines:
        assert line.startswith(f"{__file__}:")
        assert advised in line
