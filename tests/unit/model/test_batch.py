"""Batches made of batches: every column goes along."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from wallarood.model.batch import Batch

Row = tuple[Any, ...]


@st.composite
def batches(draw: st.DrawFn) -> Batch:
    """A batch with any of the columns."""
    values = draw(st.lists(st.integers(0, 9), max_size=12))
    count = len(values)
    column = st.lists(st.integers(-5, 5), min_size=count, max_size=count)
    cuts = sorted(draw(st.lists(st.integers(0, count), max_size=3)))
    sizes = [end - start for start, end in zip([0, *cuts], [*cuts, count], strict=True)]
    return Batch(
        values,
        draw(st.none() | column),
        times=draw(st.none() | column),
        runs=draw(st.sampled_from([None, [(f"p{n}", size) for n, size in enumerate(sizes)]])),
    )


def rows(batch: Batch) -> list[Row]:
    """Each record with all that stands beside it."""
    empty = [None] * len(batch)
    runs = [name for name, count in batch.runs or () for _ in range(count)]
    return list(
        zip(batch.values, batch.keys or empty, batch.times or empty, runs or empty, strict=True)
    )


def without_runs(some: list[Row]) -> list[Row]:
    return [(*row[:3], None) for row in some]


@given(batches())
def test_other_values_stand_beside_the_same_columns(batch: Batch) -> None:
    done = batch.replace([-value for value in batch.values])
    assert rows(done) == [(-row[0], *row[1:]) for row in rows(batch)]


@given(batches(), st.data())
def test_sifting_sifts_every_column(batch: Batch, data: st.DataObject) -> None:
    flags = [data.draw(st.booleans()) for _ in batch.values]
    kept = [row for row, flag in zip(rows(batch), flags, strict=True) if flag]
    assert rows(batch.sift(flags)) == kept
    assert rows(batch.sift(bytes(flags))) == kept
    gone = [place for place, flag in enumerate(flags) if not flag]
    assert rows(batch.without(gone)) == kept
    others = [str(value) for value in batch.values]
    assert rows(batch.sift(flags, others)) == [(str(row[0]), *row[1:]) for row in kept]


@given(batches(), st.data())
def test_what_a_record_gave_has_its_columns(batch: Batch, data: st.DataObject) -> None:
    lists = [data.draw(st.lists(st.integers(), max_size=3)) for _ in batch.values]
    wanted = [
        (value, *row[1:]) for row, each in zip(rows(batch), lists, strict=True) for value in each
    ]
    assert rows(batch.spread(lists)) == wanted


@given(batches(), st.data())
def test_records_are_put_in_another_order_with_their_columns(
    batch: Batch, data: st.DataObject
) -> None:
    places = data.draw(st.permutations(range(len(batch))))
    assert rows(batch.reorder(places)) == without_runs([rows(batch)[each] for each in places])


@given(batches(), st.integers(0, 12), st.integers(0, 12))
def test_a_cut_has_its_part_of_every_column(batch: Batch, start: int, end: int) -> None:
    assert rows(batch.cut(start, end)) == rows(batch)[start:end]


@given(batches(), st.integers(1, 5))
def test_cutting_and_joining_give_the_batch_again(batch: Batch, size: int) -> None:
    parts = [batch.cut(start, start + size) for start in range(0, max(1, len(batch)), size)]
    assert rows(Batch.join(parts)) == rows(batch)


@given(batches(), st.integers(2, 4), st.data())
def test_dealt_records_keep_their_columns_and_their_order(
    batch: Batch, count: int, data: st.DataObject
) -> None:
    chosen = [data.draw(st.integers(0, count - 1)) for _ in batch.values]
    for number, part in enumerate(batch.deal(chosen, count)):
        own = [row for row, each in zip(rows(batch), chosen, strict=True) if each == number]
        assert rows(part) == without_runs(own)


@given(batches(), st.integers(0, 3), st.integers(1, 4))
def test_one_of_so_many(batch: Batch, first: int, step: int) -> None:
    assert rows(batch.every(first, step)) == without_runs(rows(batch)[first::step])


def test_where_records_are_the_keys_their_parts_are_too() -> None:
    values = ["a", "b"]
    first, second = Batch(values, values, str).deal([0, 1], 2)
    assert first.keys is first.values
    assert second == Batch(["b"], ["b"])


def test_of_joined_batches_the_first_that_is_traced_goes_on() -> None:
    plain, first, second = Batch([1]), Batch([2], trace=b"a" * 24), Batch([3], trace=b"b" * 24)
    assert Batch.join([plain, first, second]).trace == first.trace
    assert Batch.join([plain, Batch([4])]).trace is None
    assert Batch.join([first]).trace == first.trace
