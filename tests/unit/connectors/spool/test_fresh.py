"""What was written lately is in memory: whole files only, and no more than there is room for."""

import sys

from wallarood.connectors.spool.blocks import Block, packed
from wallarood.connectors.spool.fresh import Fresh, memory_of

ONE: Block = (2, 40, ["a", "b"])
TWO: Block = (3, 50, ["c"])
ROOM = memory_of(ONE) + memory_of(TWO) + 200


def test_a_file_is_here_when_all_of_it_is_until_it_is_not_needed() -> None:
    fresh = Fresh(ROOM)
    fresh.add(ONE)
    assert fresh.of("first") is None
    fresh.add(TWO)
    fresh.prepared("first")
    assert fresh.of("first") == [ONE, TWO]
    fresh.forget("first")
    fresh.forget("first")
    assert fresh.of("first") is None


def test_there_is_room_again_for_what_was_forgotten_or_not_kept() -> None:
    fresh = Fresh(ROOM)
    for name in ("first", "second"):
        fresh.add(ONE)
        fresh.add(TWO)
        fresh.prepared(name)
    assert fresh.of("second") is None, "the first takes the room"
    fresh.add((9, 1, ["d"]))
    fresh.prepared("third")
    assert fresh.of("third") is not None, "what there was of the second takes none"
    fresh.forget("first")
    fresh.add(ONE)
    fresh.add(TWO)
    fresh.prepared("fourth")
    assert fresh.of("fourth") == [ONE, TWO]


def test_a_block_that_is_left_out_leaves_out_its_file_alone() -> None:
    fresh = Fresh(ROOM)
    fresh.add(ONE)
    fresh.skip()
    fresh.add(TWO)
    fresh.prepared("first")
    fresh.add(TWO)
    fresh.prepared("second")
    assert fresh.of("first") is None
    assert fresh.of("second") == [TWO]
    assert fresh._size_bytes == memory_of(TWO)


def test_memory_is_not_counted_too_low() -> None:
    records = [(b"%d" % number, str(number), number, None) for number in range(1000)]
    real = sum(sys.getsizeof(each) + sum(map(sys.getsizeof, each)) for each in records)
    assert memory_of((1000, packed(records).size_bytes, records)) > 0.7 * real
