"""Blocks of a journal: any cut of the last one is a torn end, any other change is damage."""

from pathlib import Path

import pytest

from wallarood.connectors.journal.blocks import Block, TornError, blocks, packed
from wallarood.model.errors import DamagedStateError

WRITTEN = [Block(5, [], {"c": 7}), Block(5, [("c", 8, b"x" * 50), ("", 0, b"")]), Block(7, [])]


def written(directory: Path, data: bytes) -> Path:
    path = directory / f"{5:016d}.journal"
    path.write_bytes(data)
    return path


def test_blocks_come_out_with_the_offset_after_each(tmp_path: Path) -> None:
    data = [packed(each) for each in WRITTEN]
    found = list(blocks(written(tmp_path, b"".join(data))))
    assert [block for block, _ in found] == WRITTEN
    assert [end for _, end in found] == [
        len(data[0]),
        len(data[0]) + len(data[1]),
        sum(map(len, data)),
    ]


def test_every_cut_of_the_last_block_is_a_torn_end(tmp_path: Path) -> None:
    whole, last = packed(WRITTEN[0]), packed(WRITTEN[1])
    for size in range(1, len(last)):
        path = written(tmp_path, whole + last[:size])
        found = blocks(path)
        assert next(found)[0] == WRITTEN[0]
        with pytest.raises(TornError, match="cut off"):
            next(found)


def test_a_flipped_bit_before_the_last_block_is_damage_and_no_torn_end(tmp_path: Path) -> None:
    first, last = packed(WRITTEN[1]), packed(Block(7, [("c", 9, b"y")]))
    for place in range(len(first)):
        for bit in (1, 128):
            data = bytearray(first + last)
            data[place] ^= bit
            with pytest.raises(DamagedStateError) as caught:
                list(blocks(written(tmp_path, bytes(data))))
            assert not isinstance(caught.value, TornError), place


def test_a_block_that_does_not_follow_the_one_before_is_damage(tmp_path: Path) -> None:
    path = written(tmp_path, packed(WRITTEN[1]) + packed(Block(8, [])))
    with pytest.raises(DamagedStateError, match="begins with entry 8 where 7 was due"):
        list(blocks(path))
