"""Batch computations with state: a list of records of one key at a time."""

from collections import defaultdict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import wallarood as w
from wallarood import testing


class Seen:
    """All records so far."""

    def __init__(self) -> None:
        self.records: list[Any] = []


@w.state_computation_batch(state=Seen)
def gathered(records: list[Any], seen: Seen) -> list[tuple[Any, int]]:
    """Each record with its number among those of its state."""
    seen.records += records
    first = len(seen.records) - len(records)
    return [(record, first + n) for n, record in enumerate(records)]


def app_of(stream: w.Stream) -> w.Application:
    return w.application("gathered", stream.to_sink(w.StdoutSink(), name="out"))


def records_in() -> w.Stream:
    return w.source("in", w.FileSource("in"))


@given(
    records=st.lists(st.sampled_from([1, True, "1", b"1", (1,), (True,), 2]), max_size=40),
    every=st.integers(1, 15),
)
def test_each_key_has_its_state_and_its_order(records: list[Any], every: int) -> None:
    app = app_of(records_in().key_by(lambda record: record, name="key").to(gathered))
    found = testing.run_with_crashes(app, {"in": records}, every=every)["out"]
    numbers: dict[str, list[int]] = defaultdict(list)
    for record, number in found:
        numbers[repr(record)].append(number)
    counts = {each: sum(repr(record) == each for record in records) for each in map(repr, records)}
    assert numbers == {each: list(range(count)) for each, count in counts.items()}


def test_results_keep_the_key_of_their_list() -> None:
    keyed = records_in().key_by(lambda number: number % 2 == 1, name="key").to(gathered)
    counts = keyed.aggregate(w.count())
    assert testing.run(app_of(counts), {"in": [1, 2, 3, 5]})["out"] == [(True, 3), (False, 1)]


def test_one_state_for_all_records_behind_collect() -> None:
    app = app_of(records_in().collect().to(gathered))
    found = testing.run_with_crashes(app, {"in": list("abcde")}, every=2)["out"]
    assert found == [(letter, number) for number, letter in enumerate("abcde")]


def test_a_list_that_fails_fails_as_a_whole_and_others_go_on() -> None:
    @w.state_computation_batch(state=Seen)
    def picky(numbers: list[int], seen: Seen) -> list[int]:
        return [1 // number for number in numbers]

    numbers = w.source("in", w.GeneratorSource())
    keyed = numbers.key_by(lambda number: number >= 0, name="key")
    skipping = app_of(keyed.to(picky, on_error="skip"))
    assert testing.run(skipping, {"in": [1, -1, 0, 1]})["out"] == [-1]
    with pytest.raises(w.ApplicationError, match=r"'picky' failed at .*(?s:.*)record: \[1, 0, 1\]"):
        testing.run(app_of(keyed.to(picky)), {"in": [1, -1, 0, 1]})


def test_it_needs_a_key_or_collect_and_a_list_and_a_state() -> None:
    with pytest.raises(w.PipelineError, match="gathered keeps state but the stream has no key"):
        records_in().to(gathered)
    with pytest.raises(w.PipelineError, match=r"cannot be called as f\(record, state\)"):
        w.state_computation_batch(state=Seen)(lambda records: records)
