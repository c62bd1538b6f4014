"""Compiled stages against a plain loop over records, with records that fail at random."""

import threading
from typing import Any, Literal

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from support.compiling import compiled

import wallarood as w
from wallarood.flow.compile import Inline
from wallarood.flow.failures import ComputationFailed, Failure
from wallarood.model.batch import Batch
from wallarood.planning.listings import list_partitions
from wallarood.planning.plan import plan
from wallarood.runtime.dataflow.tasks.segments import run_segments

Policy = Literal["stop", "skip"]


class RefusedError(Exception):
    pass


def refuse_13(number: int) -> None:
    if number % 13 == 12:
        raise RefusedError(number)


def keep(number: int) -> int | None:
    refuse_13(number)
    return None if number % 5 == 0 else number + 1


def several(number: int) -> Any:
    refuse_13(number)
    return (number * 10 + n for n in range(number % 3))


def even(number: int) -> bool:
    refuse_13(number)
    return number % 2 == 0


async def awaited(number: int) -> int:
    await trio.lowlevel.checkpoint()
    refuse_13(number)
    return number + 100


@w.computation(blocking=True)
def blocking(number: int) -> int:
    refuse_13(number)
    return -number


def seen(number: int) -> None:
    refuse_13(number)


ORACLE: dict[str, Any] = {
    "map": lambda n: [] if n % 5 == 0 else [n + 1],
    "flat_map": lambda n: [n * 10 + k for k in range(n % 3)],
    "filter": lambda n: [n] if n % 2 == 0 else [],
    "inspect": lambda n: [n],
    "awaited": lambda n: [n + 100],
    "blocking": lambda n: [-n],
}


def with_step(stream: w.Stream, word: str, policy: Policy) -> w.Stream:
    match word:
        case "map":
            return stream.map(keep, on_error=policy)
        case "flat_map":
            return stream.flat_map(several, on_error=policy)
        case "filter":
            return stream.filter(even, on_error=policy)
        case "inspect":
            return stream.inspect(seen, on_error=policy)
        case "awaited":
            return stream.to(awaited, on_error=policy)
        case _:
            return stream.to(blocking, on_error=policy)


def oracle(records: list[int], words: list[str]) -> tuple[list[tuple[int, int]], int]:
    """(key, record) pairs that come out, and how many records failed; a record at a time."""
    rows = [(number % 7, number) for number in records]
    failed = 0
    for word in words:
        following = []
        for key, number in rows:
            if number % 13 == 12:
                failed += 1
            else:
                following += [(key, each) for each in ORACLE[word](number)]
        rows = following
    return rows, failed


def segments_of(words: list[str], policy: Policy) -> Any:
    stream = w.source("in", w.ListSource([])).key_by(lambda number: number % 7, name="by-rest")
    for word in words:
        stream = with_step(stream, word, policy)
    app = w.application("a", stream.to_sink(w.ListSink([])))
    topology = plan(app, ("alpha",), (("alpha", list_partitions(app)),))
    return compiled(app, topology.stages[0])


def ran(segments: Any, records: list[int]) -> tuple[Batch, list[Failure]]:
    failures: list[Failure] = []

    async def run() -> Batch:
        return await run_segments(segments, Batch(list(records)), failures)

    return trio.run(run), failures


words_lists = st.lists(st.sampled_from(list(ORACLE)), max_size=4)
numbers = st.lists(st.integers(0, 200), max_size=40)


@given(numbers, words_lists)
def test_a_stage_does_what_a_loop_over_records_does(records: list[int], words: list[str]) -> None:
    done, failures = ran(segments_of(words, "skip"), records)
    rows, failed = oracle(records, words)
    assert done.values == [record for _, record in rows]
    if rows:
        assert done.keys == [key for key, _ in rows]
    assert len(failures) == failed


@given(st.lists(st.integers(0, 200), min_size=1, max_size=30), words_lists)
def test_with_stop_the_first_failure_ends_it_and_is_named(
    records: list[int], words: list[str]
) -> None:
    _, failed = oracle(records, words)
    segments = segments_of(words, "stop")
    if not failed:
        ran(segments, records)
        return
    with pytest.raises(ComputationFailed) as caught:
        ran(segments, records)
    letter = caught.value.letter
    assert letter.error.startswith("RefusedError")
    assert int(letter.record) % 13 == 12
    assert letter.file == __file__


def test_no_record_is_passed_to_user_code_twice() -> None:
    calls: list[int] = []

    def noted(number: int) -> int:
        calls.append(number)
        refuse_13(number)
        return number

    app = w.application(
        "a",
        w.source("in", w.ListSource([])).map(noted, on_error="skip").to_sink(w.ListSink([])),
    )
    topology = plan(app, ("alpha",), (("alpha", list_partitions(app)),))
    ran(compiled(app, topology.stages[0]), list(range(100)))
    assert calls == list(range(100))


def odd(number: int) -> int:
    if number == 3:
        raise StopIteration
    return number


@pytest.mark.parametrize("keyed", [False, True])
def test_a_function_that_raises_stop_iteration_loses_no_record(keyed: bool) -> None:
    numbers = w.source("in", w.ListSource([]))
    stream = numbers.key_by(odd, on_error="skip") if keyed else numbers.map(odd, on_error="skip")
    app = w.application("a", stream.to_sink(w.ListSink([])))
    topology = plan(app, ("alpha",), (("alpha", list_partitions(app)),))
    done, failures = ran(compiled(app, topology.stages[0]), list(range(6)))
    assert done.values == [0, 1, 2, 4, 5]
    assert [each.letter.record for each in failures] == ["3"]


def test_a_key_that_is_selected_in_c_fails_as_if_the_function_were_called() -> None:
    def first(record: tuple[str, ...]) -> str:
        return record[0]

    stream = w.source("in", w.ListSource([])).key_by(first, on_error="skip")
    app = w.application("a", stream.to_sink(w.ListSink([])))
    topology = plan(app, ("alpha",), (("alpha", list_partitions(app)),))
    done, failures = ran(compiled(app, topology.stages[0]), [("a", "x"), (), ("b",)])
    assert done == Batch([("a", "x"), ("b",)], ["a", "b"])
    (letter,) = (each.letter for each in failures)
    assert (letter.record, letter.error) == ("()", "IndexError: tuple index out of range")
    assert letter.line == first.__code__.co_firstlineno + 1


@pytest.mark.parametrize("error", [StopIteration, ValueError])
def test_a_state_that_cannot_be_made_fails_the_record_that_needs_it(error: type) -> None:
    made: list[int] = []

    def make() -> list[int]:
        made.append(len(made))
        if len(made) == 2:
            raise error
        return []

    @w.state_computation(state=make, on_error="skip")
    def seen(number: int, before: list[int]) -> int:
        before.append(number)
        return number

    stream = w.source("in", w.ListSource([])).key_by(odd).to(seen)
    app = w.application("a", stream.to_sink(w.ListSink([])))
    topology = plan(app, ("alpha",), (("alpha", list_partitions(app)),))
    failures: list[Failure] = []
    batch = Batch([10, 20, 30, 20], ["a", "b", "c", "b"])
    (segment,) = compiled(app, topology.stages[1])
    assert isinstance(segment, Inline)
    assert segment.run(batch, failures) == Batch([10, 30, 20], ["a", "c", "b"])
    assert [each.letter.record for each in failures] == ["20"]


async def test_concurrency_is_bounded_and_order_kept() -> None:
    running = 0
    most = 0

    @w.computation(concurrency=4)
    async def slow(number: int) -> int:
        nonlocal running, most
        running += 1
        most = max(most, running)
        for _ in range(number % 5):
            await trio.lowlevel.checkpoint()
        running -= 1
        return number

    app = w.application("a", w.source("in", w.ListSource([])).to(slow).to_sink(w.ListSink([])))
    topology = plan(app, ("alpha",), (("alpha", list_partitions(app)),))
    segments = compiled(app, topology.stages[0])
    done = await run_segments(segments, Batch(list(range(50))), [])
    assert done.values == list(range(50))
    assert most == 4


async def test_what_a_coroutine_returns_lazily_fails_its_own_record_only() -> None:
    @w.computation_multi(on_error="skip")
    async def lazily(number: int) -> Any:
        return (1 // (number - 2) for _ in range(2))

    app = w.application("a", w.source("in", w.ListSource([])).to(lazily).to_sink(w.ListSink([])))
    topology = plan(app, ("alpha",), (("alpha", list_partitions(app)),))
    failures: list[Failure] = []
    segments = compiled(app, topology.stages[0])
    done = await run_segments(segments, Batch([1, 2, 3]), failures)
    assert done.values == [-1, -1, 1, 1]
    assert [each.letter.record for each in failures] == ["2"]


@pytest.mark.parametrize("keyed", [False, True])
async def test_threads_work_at_once_and_results_and_failures_keep_their_order(keyed: bool) -> None:
    meet = threading.Barrier(3, timeout=10)

    @w.computation_multi(blocking=True, threads=3, on_error="skip")
    def twice(number: int) -> list[int]:
        if number % 4 == 0:
            meet.wait()  # three are in here at once, or none gets out
        refuse_13(number)
        return [number, -number]

    numbers: w.Stream[int] = w.source("in", w.ListSource([]))
    stream = numbers.key_by(str).to(twice) if keyed else numbers.to(twice)
    app = w.application("a", stream.to_sink(w.ListSink([])))
    topology = plan(app, ("alpha",), (("alpha", list_partitions(app)),))
    failures: list[Failure] = []
    records = list(range(48))  # pieces of 4 records
    done = await run_segments(compiled(app, topology.stages[0]), Batch(records), failures)
    passed = [n for n in records if n % 13 != 12]
    assert done.values == [each for n in passed for each in (n, -n)]
    assert done.keys == ([str(n) for n in passed for _ in range(2)] if keyed else None)
    assert [each.letter.record for each in failures] == [str(n) for n in records if n % 13 == 12]


async def test_a_failure_in_one_of_several_threads_stops() -> None:
    @w.computation(blocking=True, threads=4)
    def refusing(number: int) -> int:
        refuse_13(number)
        return number

    app = w.application("a", w.source("in", w.ListSource([])).to(refusing).to_sink(w.ListSink([])))
    topology = plan(app, ("alpha",), (("alpha", list_partitions(app)),))
    with pytest.raises(ComputationFailed, match="record: 12"):
        await run_segments(compiled(app, topology.stages[0]), Batch(list(range(20))), [])
