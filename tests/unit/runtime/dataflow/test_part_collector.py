"""What an instance that has ended stands for."""

from wallarood.model.batch import Barrier
from wallarood.model.checkpoint import CheckpointPart
from wallarood.runtime.dataflow.part_collector import PartCollector


def collecting(parts: list[CheckpointPart]) -> PartCollector:
    return PartCollector(
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
    collector = collecting(parts)
    collector.begin(Barrier(1, 3))
    collector.sources_at(3, ())
    collector.released(3)
    collector.stage_ended(0)
    assert not collector.encode_ended()
    assert parts == []
    collector.begin(Barrier(1, 4))
    collector.sources_at(4, ())
    assert collector.encode_ended()
    assert [part.checkpoint.number for part in parts] == [4]


def test_an_instance_that_ended_before_does_not_stand_for_a_released_barrier_either() -> None:
    parts: list[CheckpointPart] = []
    collector = collecting(parts)
    collector.released(3)
    collector.stage_ended(0)
    collector.begin(Barrier(1, 3))
    collector.sources_at(3, ())
    assert not collector.encode_ended()
    assert parts == []
