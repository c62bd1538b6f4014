"""Aggregations against plain Python: any values, any cut into batches, crashes in between."""

import datetime
import math
from collections.abc import Callable, Hashable
from decimal import Decimal
from fractions import Fraction
from operator import itemgetter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import wallarood as w
from wallarood import testing

KEYS = st.one_of(
    st.sampled_from(["a", "b", "1", b"a", b"1", 0, 1, True, False, 1 << 70, ("a", 1), ("a", True)]),
    st.text(max_size=2),
    st.integers(-2, 2),
)
NUMBERS = st.one_of(
    st.integers(),
    st.floats(allow_nan=False, width=32),
    st.booleans(),
    st.integers(1 << 62, 1 << 66),
)
RECORDS = st.lists(st.tuples(KEYS, NUMBERS), max_size=60)

key_of, value_of = itemgetter(0), itemgetter(1)


def app_of(*aggregations: w.Aggregation, **options: Any) -> w.Application:
    """Pairs of key and value, aggregated by key."""
    stream = w.source("pairs", w.FileSource("pairs")).key_by(key_of, name="by-key")
    return w.application(
        "aggregates",
        stream.aggregate(*aggregations, **options).to_sink(w.StdoutSink(), name="out"),
    )


def identity(key: Hashable) -> tuple[str, str]:
    """What makes two keys the same one, without a look at how the engine does it."""
    return type(key).__name__, repr(key)


def expected(
    records: list[tuple[Any, Any]], every: int, result: Callable[[list[Any]], tuple[Any, ...]]
) -> list[tuple[Any, ...]]:
    """One update for each batch and key: what *result* makes of all values of the key so far."""
    values: dict[tuple[str, str], list[Any]] = {}
    updates = []
    for start in range(0, len(records), every):
        batch = records[start : start + every]
        for key, value in batch:
            values.setdefault(identity(key), []).append(value)
        firsts = {identity(key): key for key, _ in reversed(batch)}
        for each in dict.fromkeys(identity(key) for key, _ in batch):
            updates.append((firsts[each], *result(values[each])))
    return updates


def exact(updates: list[tuple[Any, ...]]) -> list[list[tuple[str, str]]]:
    """Updates in a form in which 1, 1.0 and True differ, and NaN is equal to itself."""
    return [[identity(part) for part in update] for update in updates]


def added(values: list[Any]) -> Any:
    """The sum in the order of the values; not `sum`, which adds floats more cleverly since 3.12."""
    total: Any = 0
    for value in values:
        total += value
    return total


ALL = [
    ("count", w.count(), len),
    ("sum", w.sum(of=value_of), added),
    ("min", w.min(of=value_of), min),
    ("max", w.max(of=value_of), max),
    ("mean", w.mean(of=value_of), lambda values: added(values) / len(values)),
]


@pytest.mark.parametrize(("name", "aggregation", "oracle"), ALL)
@given(records=RECORDS, every=st.integers(1, 40))
def test_each_gives_what_plain_python_gives(
    name: str,
    aggregation: w.Aggregation,
    oracle: Callable[[list[Any]], Any],
    records: list[tuple[Any, Any]],
    every: int,
) -> None:
    app = app_of(aggregation)
    found = testing.run_with_crashes(app, {"pairs": records}, every=every)["out"]
    assert exact(found) == exact(expected(records, every, lambda values: (oracle(values),)))
    assert app.steps[2].name == name


@given(records=RECORDS, every=st.integers(1, 40))
def test_several_at_once_give_a_row(records: list[tuple[Any, Any]], every: int) -> None:
    app = app_of(*(each for _, each, _ in ALL))
    found = testing.run_with_crashes(app, {"pairs": records}, every=every)["out"]

    def results(values: list[Any]) -> tuple[Any, ...]:
        return tuple(oracle(values) for _, _, oracle in ALL)

    assert exact(found) == exact(expected(records, every, results))


@given(
    values=st.lists(
        st.one_of(st.integers(), st.none(), st.text(max_size=1), st.just(math.nan)), max_size=30
    ),
    every=st.integers(1, 10),
)
def test_values_that_do_not_fit_change_nothing(values: list[Any], every: int) -> None:
    records = [("key", value) for value in values]
    letters = w.dead_letter(w.ListSink([]), name="letters")
    app = app_of(w.min(of=value_of), w.count(), w.sum(of=value_of), on_error=letters)
    found = testing.run_with_crashes(app, {"pairs": records}, every=every)
    kept: list[int] = []
    updates = []
    for start in range(0, len(values), every):
        fitting = [value for value in values[start : start + every] if type(value) is int]
        kept += fitting
        if fitting:
            updates.append(("key", min(kept), len(kept), sum(kept)))
    assert found["out"] == updates
    refused = [repr(record) for record in records if type(record[1]) is not int]
    assert [letter.record for letter in found["letters"]] == refused


def last(app: w.Application, records: list[Any], **options: Any) -> Any:
    """The last update."""
    return testing.run(app, {"pairs": records}, **options)["out"][-1]


def test_ints_do_not_overflow_and_decimals_and_fractions_stay_exact() -> None:
    assert last(app_of(w.sum(of=value_of)), [("a", 1 << 200), ("a", 1)]) == ("a", (1 << 200) + 1)
    tenths = [("a", Decimal("0.1"))] * 10
    assert last(app_of(w.sum(of=value_of)), tenths) == ("a", Decimal(1))
    thirds = [("a", Fraction(1, 3))] * 3
    assert last(app_of(w.mean(of=value_of)), thirds) == ("a", Fraction(1, 3))


@pytest.mark.parametrize(
    ("aggregation", "records", "message"),
    [
        (w.sum(of=value_of), [("a", 1), ("a", None)], "TypeError: cannot add None"),
        (w.sum(of=value_of), [("a", "x")], r"TypeError: cannot add 'x' \(str\)"),
        (w.sum(of=value_of), [("a", 0.5), ("a", Decimal(1))], "TypeError: unsupported operand"),
        (w.sum(of=value_of), [("a", 1 << 2000), ("a", 0.5)], "OverflowError: int too large"),
        (w.mean(of=value_of), [("a", 1 << 2000)], "OverflowError: "),
        (w.min(of=value_of), [("a", None)], "TypeError: '<' not supported"),
        (w.max(of=value_of), [("a", 1.0), ("a", math.nan)], "ValueError: nan .* neither less nor"),
        (w.max(of=value_of), [("a", {})], "TypeError: '>' not supported"),
        (w.min(of=value_of), [("a", 1), ("b", 2), ("a", "x")], "TypeError: '<' not supported"),
        (w.min(of=itemgetter(2)), [("a", 1)], "IndexError: tuple index out of range"),
    ],
)
def test_a_record_that_does_not_fit_stops_the_job_by_name(
    aggregation: w.Aggregation, records: list[Any], message: str
) -> None:
    with pytest.raises(w.ApplicationError, match=f"computation 'mine' failed at .*: {message}"):
        testing.run(app_of(aggregation, name="mine"), {"pairs": records})
    left = testing.run(app_of(aggregation, on_error="skip"), {"pairs": [*records, ("z", 5, 5)]})
    assert left["out"][-1] == ("z", 5)


def test_what_has_an_order_has_a_least_and_a_greatest() -> None:
    days = [("a", datetime.date(2026, 1, day)) for day in (3, 1, 2)]
    row = last(app_of(w.min(of=value_of), w.max(of=value_of)), days)
    assert row == ("a", datetime.date(2026, 1, 1), datetime.date(2026, 1, 3))
    infinite = [("a", math.inf), ("a", -math.inf)]
    assert last(app_of(w.min(of=value_of)), infinite) == ("a", -math.inf)


def test_a_function_is_called_once_for_each_record_even_if_others_fail() -> None:
    seen = []

    def value(record: Any) -> Any:
        seen.append(record)
        return record[1]

    records = [("a", 1), ("a", None), ("b", 3), ("a", 4)]
    app = app_of(w.sum(of=value), w.max(of=value), on_error="skip")
    assert testing.run(app, {"pairs": records})["out"] == [("a", 5, 4), ("b", 3, 3)]
    assert seen == records


def test_into_makes_the_record_and_may_filter_and_fail() -> None:
    def into(key: str, count: int) -> str | None:
        return f"{key}={6 // (count - 1)}" if key != "b" else None

    letters = w.dead_letter(w.ListSink([]), name="letters")
    app = app_of(w.count(), into=into, on_error=letters)
    found = testing.run(app, {"pairs": [(key, 0) for key in "aabbccdc"]})
    assert found["out"] == ["a=6", "c=3"]
    assert [each.error.split(":")[0] for each in found["letters"]] == ["ZeroDivisionError"]


def test_the_key_stays_with_the_record() -> None:
    stream = w.source("pairs", w.FileSource("pairs")).key_by(key_of, name="by-key")
    counts = stream.aggregate(w.count()).map(itemgetter(1)).aggregate(w.max())
    app = w.application("twice", counts.to_sink(w.StdoutSink(), name="out"))
    records = [(True, 0), (1, 0), (True, 0)]
    found = testing.run_with_crashes(app, {"pairs": records}, every=2)["out"]
    assert exact(found) == exact([(True, 1), (1, 1), (True, 2)])
