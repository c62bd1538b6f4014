"""Who reads a partition that appears: the same everywhere, and about as many each."""

from collections import Counter

import pytest

from wallarood.planning.dealing import reader_of

WORKERS = ("alpha", "beta", "gamma")


@pytest.mark.parametrize("count", [1, 2, 3, 7, 64])
def test_numbered_partitions_are_dealt_out_evenly(count: int) -> None:
    readers = Counter(reader_of("in", f"topic-{number}", WORKERS) for number in range(count))
    assert max(readers.values()) - min(readers[each] for each in WORKERS) <= 1


def test_others_go_by_their_names() -> None:
    names = [f"{number}.parquet" for number in range(300)] + ["", "é", "\udcff", "9" * 30]
    readers = Counter(reader_of("in", name, WORKERS) for name in names)
    assert min(readers[each] for each in WORKERS) > 60
    assert [reader_of("in", name, WORKERS) for name in names] == [
        reader_of("in", name, WORKERS) for name in names
    ]


def test_it_is_the_same_in_every_version() -> None:
    """A restart with another version must not give a partition to somebody else."""
    found = [reader_of(*each, WORKERS) for each in (("in", "a-0"), ("in", "a-1"), ("x", "a-0"))]
    assert found == ["gamma", "alpha", "beta"]
