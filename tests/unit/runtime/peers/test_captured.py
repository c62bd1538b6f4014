"""A part that was just captured is sent from memory, if that is all that the holder lacks."""

import pytest

from wallarood.model.change import PartName
from wallarood.model.messages.replicas import Chunk, ChunkGroup, PartHead
from wallarood.runtime.peers.captured import PARTS_KNOWN, Captured, Known

PART = PartName(1, "alpha", 3, 9)
BASE = ChunkGroup("count", 7, 2)
COUNT, TOTAL = ChunkGroup("count", 9, 1), ChunkGroup("sum", 9, 2)
CHUNKS = (
    Chunk("count", 9, 0, b"count"),
    Chunk("sum", 9, 0, b"sum 0"),
    Chunk("sum", 9, 1, b"sum 1"),
)
CAPTURED = Captured(PartHead(PART, {"sources": []}, 5, 15, (BASE, COUNT, TOTAL)), CHUNKS)


@pytest.mark.parametrize(
    ("there", "groups", "chunks"),
    [
        ({BASE}, (COUNT, TOTAL), CHUNKS),
        ({BASE, COUNT}, (TOTAL,), CHUNKS[1:]),
        ({BASE, COUNT, TOTAL}, (), ()),
    ],
)
def test_what_the_holder_lacks_is_in_memory(
    there: set[ChunkGroup], groups: tuple[ChunkGroup, ...], chunks: tuple[Chunk, ...]
) -> None:
    found = CAPTURED.without(PART, there)
    assert found is not None
    head, some = found
    assert (head.part, head.groups, head.chunks) == (PART, groups, len(chunks))
    assert [chunk for each in some for chunk in each] == list(chunks)


def test_what_an_older_checkpoint_has_written_is_on_the_disk() -> None:
    assert CAPTURED.without(PART, ()) is None
    assert CAPTURED.without(PartName(1, "alpha", 3, 8), {BASE}) is None


def head(number: int, base: int) -> PartHead:
    links = [[base, 2], [number, 1]] if number > base else [[base, 2]]
    manifest = {"chains": [{"computation": "count", "links": links}]}
    part = PartName(1, "alpha", 3, number)
    return PartHead(part, manifest, 1, 0, (ChunkGroup("count", number, 1),))


def test_what_the_holder_has_is_known_as_far_as_a_part_may_build_on_it() -> None:
    """A round may last for weeks, with some parts a second."""
    known = Known({ChunkGroup("count", 1, 2)})
    for number in range(2, 50):
        known.add(head(number, 1))
    assert ChunkGroup("count", 1, 2) in known.groups  # the base of all
    known.add(head(50, 50))
    assert ChunkGroup("count", 1, 2) in known.groups  # the next may build on the one before
    for number in range(51, 500):
        known.add(head(number, number - number % 10))
    numbers = {group.number for group in known.groups}
    assert max(numbers) == 499
    assert len(numbers) < PARTS_KNOWN + 20
