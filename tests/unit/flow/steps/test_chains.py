"""Chains of steps as one loop: which step failed, with which record, and what is left of it."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.compiling import compiled

import wallarood as w
from wallarood.flow.compile import Inline
from wallarood.flow.failures import Failure
from wallarood.model.batch import Batch
from wallarood.planning.listings import list_partitions
from wallarood.planning.plan import plan

WORDS = ("map", "filter", "inspect", "flat_map", "lazily")


def refuse_13(number: int) -> None:
    if number % 13 == 12:
        raise ValueError(number)


def step(word: str, number: int) -> list[int]:
    """What a step of this kind makes of a record. Raises ValueError."""
    refuse_13(number)
    match word:
        case "map":
            return [] if number % 5 == 0 else [number + 1]
        case "filter":
            return [number] if number % 3 else []
        case "inspect":
            return [number]
        case _:
            return [number * 2 + place for place in range(number % 3)]


def lazily(number: int) -> Iterator[int]:
    yield from step("flat_map", number)


def with_step(stream: Any, word: str, name: str) -> Any:
    options: Any = {"on_error": "skip", "name": name}
    match word:
        case "map":
            return stream.map(lambda n: next(iter(step("map", n)), None), **options)
        case "filter":
            return stream.filter(lambda n: bool(step("filter", n)), **options)
        case "inspect":
            return stream.inspect(refuse_13, **options)
        case "lazily":
            return stream.flat_map(lazily, **options)
        case _:
            return stream.flat_map(lambda n: step("flat_map", n), **options)


def segment_of(stream: Any, stage: int = 0) -> Inline:
    app = w.application("a", stream.to_sink(w.ListSink([])))
    topology = plan(app, ("alpha",), (("alpha", list_partitions(app)),))
    (segment,) = compiled(app, topology.stages[stage])
    assert isinstance(segment, Inline)
    return segment


def expected(words: list[str], records: list[int]) -> tuple[list[int], list[tuple[str, str]]]:
    """What comes out, and step and record of each failure; a step at a time."""
    failed = []
    for place, word in enumerate(words):
        following = []
        for number in records:
            try:
                following += step(word, number)
            except ValueError:
                failed.append((f"step-{place}", str(number)))
        records = following
    return records, failed


@given(
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=5),
    st.lists(st.integers(0, 200), max_size=40),
    st.booleans(),
)
def test_each_failure_is_that_of_its_step_and_of_the_record_that_the_step_was_given(
    words: list[str], records: list[int], stamped: bool
) -> None:
    stream: Any = w.source("in", w.ListSource([]))
    for place, word in enumerate(words):
        stream = with_step(stream, word, f"step-{place}")
    failures: list[Failure] = []
    batch = Batch(list(records), times=list(range(len(records))) if stamped else None)

    done = segment_of(stream).run(batch, failures)

    values, failed = expected(words, records)
    assert done.values == values
    assert len(done.times or ()) == (len(values) if stamped else 0)
    assert sorted((f.letter.computation, f.letter.record) for f in failures) == sorted(failed)


def test_a_record_is_through_all_steps_of_a_chain_before_the_next() -> None:
    calls: list[tuple[str, int]] = []
    numbers: Any = w.source("in", w.ListSource([]))
    stream = numbers.inspect(lambda n: calls.append(("one", n)))
    segment_of(stream.inspect(lambda n: calls.append(("two", n)))).run(Batch([1, 2]), [])
    assert calls == [("one", 1), ("two", 1), ("one", 2), ("two", 2)]


@pytest.mark.parametrize("keyed", [False, True])
def test_a_generator_that_fails_halfway_leaves_nothing_of_its_record(keyed: bool) -> None:
    def halfway(number: int) -> Iterator[int]:
        yield number
        if number == 2:
            raise ValueError(number)
        yield -number

    numbers: Any = w.source("in", w.ListSource([]))
    stream = (numbers.key_by(str) if keyed else numbers).flat_map(halfway, on_error="skip")
    failures: list[Failure] = []
    done = segment_of(stream).run(Batch([1, 2, 3]), failures)
    assert done.values == [1, -1, 3, -3]
    assert done.keys == (["1", "1", "3", "3"] if keyed else None)
    assert [each.letter.record for each in failures] == ["2"]


def test_a_list_that_a_state_keeps_is_taken_as_it_is_now() -> None:
    @w.state_computation_multi(state=list)
    def all_so_far(number: int, before: list[int]) -> list[int]:
        before.append(number)
        return before

    numbers: Any = w.source("in", w.ListSource([]))
    segment = segment_of(numbers.collect().to(all_so_far), stage=1)
    assert segment.run(Batch([1, 2]), []).values == [1, 1, 2]


def test_an_exception_that_is_raised_twice_tells_the_step_of_each_time() -> None:
    error = ValueError("kept")

    def refuse(number: int) -> int:
        if number % 2:
            raise error
        return number + 1

    numbers: Any = w.source("in", w.ListSource([]))
    stream = numbers.map(refuse, name="first", on_error="skip")
    stream = stream.map(refuse, name="second", on_error="skip")
    failures: list[Failure] = []
    assert segment_of(stream).run(Batch([1, 2, 3]), failures).values == []
    assert [(f.letter.computation, f.letter.record) for f in failures] == [
        ("first", "1"),
        ("second", "3"),
        ("first", "3"),
    ]
