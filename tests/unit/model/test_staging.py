"""What is staged is a value that comes back from disk as it was."""

from wallarood.model.checkpoint import CheckpointId
from wallarood.model.staging import StagedChain, StagedPart
from wallarood.wire.strict import structure, unstructure


def test_a_staged_part_comes_back_as_it_was() -> None:
    part = StagedPart(
        3,
        CheckpointId(1, 9),
        (("in", "p", {"bytes": 7}, False),),
        (("out", {"number": 4}, ("part-3",)),),
        (StagedChain("count", ((9, 2), (-3, 1)), narrowed=True), StagedChain("all", ())),
    )
    assert structure(unstructure(part), StagedPart) == part
