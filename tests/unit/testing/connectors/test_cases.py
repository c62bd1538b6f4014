"""What trials share: records that nobody has seen, and what a reader must see by now."""

from pathlib import Path

import pytest
from support.shelf import Shelf

from wallarood.testing.connectors import SinkCase
from wallarood.testing.connectors.cases import SinkTrials


async def test_what_is_in_a_checkpoint_must_be_seen(tmp_path: Path) -> None:
    shelf = Shelf()
    case = SinkCase(sink=shelf.sink(), read=lambda: shelf.records, seen=lambda all_: all_[::-1])
    trials = SinkTrials(case, tmp_path)
    life = trials.life()
    writer = await life.open()
    await trials.checkpoint(life, writer, 2)
    assert trials.records(1) == ["record 2"]
    with pytest.raises(AssertionError, match="at the end, a reader sees 0 records where 2 are due"):
        await trials.check()
    await life.publish(writer)
    with pytest.raises(AssertionError, match="number 0: 'record 0' instead of 'record 1'"):
        await trials.check()
    shelf.records.reverse()
    await trials.check()
    assert trials.lives == [life]
    await writer.aclose()
