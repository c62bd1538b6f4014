"""Partitions: uniform, and few move."""

from hypothesis import given
from hypothesis import strategies as st

from wallarood.planning.partitions import assign

workers_lists = st.lists(
    st.text("abcdefgh", min_size=1, max_size=2), min_size=1, max_size=8, unique=True
)


@given(st.integers(1, 300), workers_lists, workers_lists)
def test_partitions_are_uniform_and_few_move(
    partitions: int, before: list[str], after: list[str]
) -> None:
    first = assign(partitions, before)
    second = assign(partitions, after, first)
    for owners, workers in ((first, before), (second, after)):
        counts = [owners.count(worker) for worker in workers]
        assert sum(counts) == partitions
        assert max(counts) - min(counts) <= 1
    held = {worker: first.count(worker) for worker in after}
    small, larger = divmod(partitions, len(after))
    most_kept = 0
    for place, count in enumerate(sorted(held.values(), reverse=True)):
        most_kept += min(count, small + (place < larger))
    kept = sum(a == b for a, b in zip(first, second, strict=True))
    assert kept == most_kept
