"""What an instance that has ended stands for."""

from wallarood.model.batch import Barrier
from wallarood.model.checkpoint import CheckpointPart
from wallarood.runtime.dataflow.snapshots import Snapshots


def collecting(parts: list[CheckpointPart]) -> Snapshots:
    return Snapshots(
        "alpha",
        {0: "count"},
        {0: {}},
        0,
        on_moved=lambda: None,
        on_done=parts.append,
        on_slow=lambda: None,
    )


def test_an_instance_that_ends_behind_a_released_barrier_does_not_stand_for_it() -> None:
    parts: list[CheckpointPart] = []
    snapshots = collecting(parts)
    snapshots.begin(Barrier(1, 3))
    snapshots.sources_at(3, ())
    snapshots.released(3)
    snapshots.stage_ended(0)
    assert not snapshots.encode_ended()
    assert parts == []
    snapshots.begin(Barrier(1, 4))
    snapshots.sources_at(4, ())
    assert snapshots.encode_ended()
    assert [part.checkpoint.number for part in parts] == [4]


def test_an_instance_that_ended_before_does_not_stand_for_a_released_barrier_either() -> None:
    parts: list[CheckpointPart] = []
    snapshots = collecting(parts)
    snapshots.released(3)
    snapshots.stage_ended(0)
    snapshots.begin(Barrier(1, 3))
    snapshots.sources_at(3, ())
    assert not snapshots.encode_ended()
    assert parts == []
