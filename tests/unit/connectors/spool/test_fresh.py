"""What was written lately is in memory: whole files only, and no more than there is room for."""

from wallarood.connectors.spool.blocks import Block
from wallarood.connectors.spool.fresh import Fresh

ONE: Block = (2, 40, ["a", "b"])
TWO: Block = (3, 50, ["c"])


def test_a_file_is_here_when_all_of_it_is_until_it_is_not_needed() -> None:
    fresh = Fresh(100)
    fresh.add(ONE)
    assert fresh.of("first") is None
    fresh.add(TWO)
    fresh.prepared("first")
    assert fresh.of("first") == [ONE, TWO]
    fresh.forget("first")
    fresh.forget("first")
    assert fresh.of("first") is None


def test_there_is_room_again_for_what_was_forgotten_or_not_kept() -> None:
    fresh = Fresh(100)
    for name in ("first", "second"):
        fresh.add(ONE)
        fresh.add(TWO)
        fresh.prepared(name)
    assert fresh.of("second") is None, "the first takes the room"
    fresh.add((9, 10, ["d"]))
    fresh.prepared("third")
    assert fresh.of("third") is not None, "what there was of the second takes none"
    fresh.forget("first")
    fresh.add(ONE)
    fresh.add(TWO)
    fresh.prepared("fourth")
    assert fresh.of("fourth") == [ONE, TWO]


def test_a_block_that_is_left_out_leaves_out_its_file_alone() -> None:
    fresh = Fresh(100)
    fresh.add(ONE)
    fresh.skip()
    fresh.add(TWO)
    fresh.prepared("first")
    fresh.add(TWO)
    fresh.prepared("second")
    assert fresh.of("first") is None
    assert fresh.of("second") == [TWO]
    assert fresh._size_bytes == TWO[1]
