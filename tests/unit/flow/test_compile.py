"""Compiled stages: what runs as one, how a branch parts records, and whose lists are touched."""

from collections.abc import Iterator
from itertools import repeat
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.compiling import compiled

import wallarood as w
from wallarood.flow.compile import Concurrent, Inline, InThread, compile_branch
from wallarood.flow.failures import ComputationFailed, Failure
from wallarood.flow.steps.operators import settled
from wallarood.model.batch import Batch
from wallarood.model.pipeline import Application, FunctionShape
from wallarood.model.topology import Stage, StageKind
from wallarood.planning.listings import list_partitions
from wallarood.planning.plan import plan


class Total:
    def __init__(self) -> None:
        self.count = 0


def records() -> w.Stream:
    return w.source("in", w.ListSource([]))


def stage_of(app: Application, kind: StageKind = StageKind.SOURCE) -> Stage:
    stages = plan(app, ("alpha",), (("alpha", list_partitions(app)),)).stages
    return next(stage for stage in stages if stage.kind is kind)


def run(stream: w.Stream, batch: Batch, kind: StageKind) -> tuple[Batch, list[Failure]]:
    app = w.application("a", stream.to_sink(w.ListSink([])))
    (segment,) = compiled(app, stage_of(app, kind))
    assert isinstance(segment, Inline)
    failures: list[Failure] = []
    return segment.run(batch, failures), failures


def same(record: Any) -> Any:
    return record


def test_steps_in_a_row_are_one_segment_until_one_awaits_or_blocks() -> None:
    @w.computation
    async def awaited(record: Any) -> Any:
        return record

    @w.computation(blocking=True)
    def blocking(record: Any) -> Any:
        return record

    stream = records().map(same).map(same).to(awaited).map(same).to(blocking)
    app = w.application("a", stream.to_sink(w.ListSink([])))
    kinds = [type(each) for each in compiled(app, stage_of(app))]
    assert kinds == [Inline, Concurrent, Inline, InThread]


@given(st.lists(st.integers(-50, 50)), st.integers(1, 7))
def test_partitioned_state_counts_as_a_dictionary_does(numbers: list[int], modulus: int) -> None:
    @w.state_computation(state=Total)
    def count(number: int, total: Total) -> tuple[int, int]:
        total.count += 1
        return number, total.count

    keys = [number % modulus for number in numbers]
    stream = records().key_by(same).to(count)
    done, _ = run(stream, Batch(list(numbers), list(keys)), StageKind.PARTITIONED)
    seen: dict[int, int] = {}
    expected = []
    for key, number in zip(keys, numbers, strict=True):
        seen[key] = seen.get(key, 0) + 1
        expected.append((number, seen[key]))
    assert done == Batch(expected, keys)


def test_keys_that_python_holds_equal_have_states_of_their_own() -> None:
    @w.state_computation(state=Total)
    def count(_record: Any, total: Total) -> int:
        total.count += 1
        return total.count

    stream = records().key_by(same).to(count)
    batch = Batch([0] * 6, [1, True, "1", 1, True, b"1"])
    done, _ = run(stream, batch, StageKind.PARTITIONED)
    assert done.values == [1, 1, 1, 2, 2, 1]


@pytest.mark.parametrize("kind", [StageKind.PARTITIONED, StageKind.STATEFUL])
def test_lazy_results_of_a_state_are_drawn_before_the_next_record_changes_it(
    kind: StageKind,
) -> None:
    @w.state_computation_multi(state=Total)
    def lazy(_record: Any, total: Total) -> Iterator[int]:
        total.count += 1
        return (total.count for _ in range(2))

    keyed = kind is StageKind.PARTITIONED
    stream = (records().key_by(same) if keyed else records().collect()).to(lazy)
    done, _ = run(stream, Batch([0, 0, 0], ["k"] * 3 if keyed else None), kind)
    assert done.values == [1, 1, 2, 2, 3, 3]


def test_a_list_kept_in_the_state_is_given_as_it_was_for_each_record() -> None:
    @w.state_computation_multi(state=list)
    def history(record: int, seen: list[int]) -> list[int]:
        seen.append(record)
        return seen

    done, _ = run(records().collect().to(history), Batch([1, 2, 3]), StageKind.STATEFUL)
    assert done.values == [1, 1, 2, 1, 2, 3]


def test_a_batch_computation_may_change_its_list_and_nobody_else_sees_it() -> None:
    @w.computation_batch
    def sort(numbers: list[int]) -> list[int]:
        numbers.sort()
        return numbers

    shared = Batch([3, 1, 2])
    done, _ = run(records().to(sort), shared, StageKind.SOURCE)
    assert done.values == [1, 2, 3]
    assert shared.values == [3, 1, 2]


class Undecided:
    """Neither true nor false, as the arrays of some libraries are."""

    def __bool__(self) -> bool:
        raise ValueError("undecided")


def even(number: int) -> Any:
    if number == 99:
        raise RuntimeError("no")
    return Undecided() if number == 7 else number % 2 == 0


def test_an_answer_without_truth_is_a_failure_of_its_record() -> None:
    batch = Batch([1, 2, 7, 4])
    done, failures = run(records().filter(even, on_error="skip"), batch, StageKind.SOURCE)
    assert done.values == [2, 4]
    assert [each.letter.record for each in failures] == ["7"]
    with pytest.raises(ComputationFailed, match="undecided"):
        run(records().filter(even), batch, StageKind.SOURCE)


@given(st.lists(st.sampled_from([1, 2, 3, 4, 7, 99])))
def test_a_branch_gives_each_record_to_one_side_or_to_the_failures(numbers: list[int]) -> None:
    yes, no = records().key_by(str).branch(even, name="which", on_error="skip")
    app = w.application("a", yes.to_sink(w.ListSink([])), no.to_sink(w.ListSink([])))
    split = compile_branch(app, stage_of(app))
    assert split is not None
    failures: list[Failure] = []
    accepted, refused = split(Batch(numbers, [str(each) for each in numbers]), failures)
    assert accepted.values == [each for each in numbers if each in (2, 4)]
    assert refused.values == [each for each in numbers if each in (1, 3)]
    failed = sorted(int(each.letter.record) for each in failures)
    assert failed == sorted(each for each in numbers if each in (7, 99))
    for side in (accepted, refused):
        assert side.keys == [str(each) for each in side.values]


def test_a_stage_that_does_not_end_in_a_branch_has_no_split() -> None:
    app = w.application("a", records().map(same).to_sink(w.ListSink([])))
    assert compile_branch(app, stage_of(app)) is None


def test_what_coroutines_return_lazily_is_drawn_with_a_key_for_each_result() -> None:
    @w.computation_multi
    async def several(number: int) -> Iterator[int]:
        return repeat(number, number)

    stream = records().key_by(str).to(several)
    app = w.application("a", stream.to_sink(w.ListSink([])))
    segment = compiled(app, stage_of(app))[-1]
    assert isinstance(segment, Concurrent)
    drawn = [settled(FunctionShape.MANY, repeat(number, number)) for number in (2, 0, 1)]
    done = segment.gather(Batch([2, 0, 1], ["a", "b", "c"]), drawn)
    assert done == Batch([2, 2, 1], ["a", "a", "c"])
