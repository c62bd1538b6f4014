"""A sink instance through deaths: it goes on from its last checkpoint, and so does a copy."""

import pickle
from pathlib import Path

from support.ledger_sink import LedgerSink
from support.shelf import Shelf

from wallarood.testing.connectors.lives import Life


async def test_it_goes_on_from_its_last_checkpoint(tmp_path: Path) -> None:
    shelf = Shelf()
    life = Life.begun(shelf.sink(), tmp_path, "1")
    writer = await life.open()
    await life.checkpoint(writer, ["a"])
    await life.publish(writer)
    await life.checkpoint(writer, ["b"])
    await writer.write(["void"])
    await writer.prepare()
    copy = life.copied()
    for each in (life, copy):
        writer = await each.open()
        await each.publish(writer)
        assert each.unpublished == []
    assert shelf.records == ["a", "b"]
    await life.close_all()


async def test_two_lives_are_two_writers(tmp_path: Path) -> None:
    lives = [Life.begun(Shelf().sink(), tmp_path, "1") for _ in range(2)]
    assert len({each.context.step for each in lives}) == 2
    assert len({each.context.directory for each in lives}) == 2


async def test_another_process_is_told_all_but_what_is_open(tmp_path: Path) -> None:
    life = Life.begun(LedgerSink("127.0.0.1:1"), tmp_path, "1")
    writer = await life.open()
    await life.checkpoint(writer, ["a"])
    found = pickle.loads(pickle.dumps(life))
    assert (found.context, found.state, found.unpublished, found.writers) == (
        *(life.context, life.state, life.unpublished),
        [],
    )
    await life.close_all()
