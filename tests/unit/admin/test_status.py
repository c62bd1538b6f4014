"""Progress is a share of known sizes, or nothing."""

import pytest

from wallarood.admin.status import JobState, SourceStatus, Status, bytes_read, progress
from wallarood.wire.strict import structure, unstructure


def source(read: int | None, total: int | None, *, ended: bool = False) -> SourceStatus:
    return SourceStatus("in", "a.txt", "alpha", 1, read, total, ended)


@pytest.mark.parametrize(
    ("position", "total", "repeat", "expected"),
    [
        (None, 300, 3, 0),
        ({"pass": 0, "bytes": 40}, 300, 3, 40),
        ({"pass": 2, "bytes": 40}, 300, 3, 240),
        ({"pass": 2, "bytes": 400}, 300, 3, 300),
        ({"pass": 0, "bytes": 40}, None, 1, None),
        (17, 300, 1, None),
    ],
)
def test_a_file_position_counts_the_passes_before_it(
    position: object, total: int | None, repeat: int, expected: int | None
) -> None:
    assert bytes_read(position, total, repeat) == expected


def test_progress_is_over_all_partitions() -> None:
    assert progress((source(50, 100), source(0, 300))) == 0.125


def test_an_ended_partition_counts_in_full() -> None:
    assert progress((source(None, 100, ended=True), source(0, 100))) == 0.5


def test_there_is_no_progress_where_a_size_is_unknown() -> None:
    assert progress((source(50, 100), source(5, None))) is None
    assert progress(()) is None


def test_empty_files_are_done() -> None:
    assert progress((source(0, 0),)) == 1.0


def test_a_status_survives_json() -> None:
    status = Status("alpha", "1", JobState.PAUSED, "paused", 3.5, sources=(source(1, None),))
    assert structure(unstructure(status), Status) == status
