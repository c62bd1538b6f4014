"""Records of pairs that a test changes, though the join keeps them."""

from typing import Any

import pytest

import wallarood as w
from wallarood.testing import feed, run

Reading = dict[str, Any]


def source(name: str) -> Any:
    time = w.event_time(lambda reading: reading["t"], unit="s", out_of_order="0s", idle=None)
    records = w.source(name, w.ListSource([], record=dict), time=time)
    return records.key_by(lambda reading: reading["k"])


def changed_left(pair: Any) -> int:
    left, _ = pair
    left["n"] = left.get("n", 0) + 1
    return int(left["n"])


def changed_right(pair: Any) -> int:
    _, right = pair
    if right is not None:
        right["n"] = right.get("n", 0) + 1
    return 0


def changed_copy(pair: Any) -> int:
    left, _ = pair
    return len(dict(left, n=1)) - 2


SCRIPT = [
    feed("right", {"k": "a", "t": 1}),
    feed("left", {"k": "a", "t": 1}),
    feed("right", {"k": "a", "t": 2}),
    feed("left", {"k": "a", "t": 2}),
    feed("right", {"k": "a", "t": 3}),
]


def joined(how: str) -> Any:
    left, right = source("left"), source("right")
    if how == "join":
        return left.join(right, within=("-5s", "5s"))
    if how == "as of":
        return left.join_asof(right, within="1min")
    return left.enrich(w.table(right, ttl=w.forever))


@pytest.mark.parametrize(
    ("how", "change"),
    [
        ("join", changed_left),
        ("join", changed_right),
        ("as of", changed_right),
        ("", changed_right),
    ],
)
def test_a_record_that_the_join_keeps_and_a_later_step_changes_is_found(
    how: str, change: Any
) -> None:
    app = w.application("case", joined(how).map(change).to_sink(w.ListSink([]), name="out"))
    with pytest.raises(AssertionError, match="had emitted was changed") as raised:
        run(app, SCRIPT)
    assert "'n': " in str(raised.value)
    assert "change a copy" in str(raised.value)


@pytest.mark.parametrize("how", ["join", "as of", ""])
def test_a_copy_may_be_changed(how: str) -> None:
    app = w.application("case", joined(how).map(changed_copy).to_sink(w.ListSink([]), name="out"))
    assert set(run(app, SCRIPT)["out"]) == {1}


def test_a_record_that_is_not_kept_may_be_changed() -> None:
    app = w.application("case", joined("").map(changed_left).to_sink(w.ListSink([]), name="out"))
    assert run(app, SCRIPT)["out"] == [1, 1]
