"""What a server may have: noted until it was compared, through any number of openings."""

import shutil
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio
from support.shelf import Shelf

from wallarood.app.connector import SinkContext
from wallarood.connectors.spool.due import FILE, noted_due
from wallarood.connectors.spool.target import Marker
from wallarood.connectors.spool.writer import SpooledWriter
from wallarood.model.errors import CannotCreateError, DamagedStateError, PeersGoneError
from wallarood.storage.copies.copied_files import CopiedFiles
from wallarood.storage.copies.files_to_copy import FilesToCopy


async def prepared(writer: SpooledWriter, *records: Any) -> Any:
    await writer.write(list(records))
    return await writer.prepare()


def at(number: int, line: int = 0) -> dict[str, Any]:
    """The state of a writer that has made *number* records."""
    return {"line": line, "next": number + 1, "after": [0, 0]}


async def test_what_it_was_opened_at_counts_until_it_is_compared(tmp_path: Path) -> None:
    due = noted_due(tmp_path, at(3), 0)
    for made in (5, 9):
        state = due.in_state(at(made))
        due = noted_due(tmp_path, state, 0)
        assert due.most == Marker(0, 3)
    await due.compared()
    due.published(Marker(0, 7))
    due.published(Marker(0, 5))
    assert due.most == Marker(0, 7)
    assert due.in_state(at(9)) == at(9)
    assert not list(tmp_path.iterdir())
    assert noted_due(tmp_path, state, 0).most == Marker(0, 9), "the state is older than that"


async def test_a_note_that_is_older_than_the_state_does_not_count(tmp_path: Path) -> None:
    noted_due(tmp_path, at(3), 0)
    assert noted_due(tmp_path, at(8), 0).most == Marker(0, 8)
    assert noted_due(tmp_path, None, 0).most == Marker()


async def test_a_note_of_an_older_line_does_not_count(tmp_path: Path) -> None:
    state = noted_due(tmp_path, at(3), 0).in_state(at(5))
    due = noted_due(tmp_path, state, 1)
    assert due.most == Marker(1, 0)
    assert noted_due(tmp_path, due.in_state(at(4, 1)), 1).most == Marker(1, 0)


async def test_a_note_that_is_damaged_or_cannot_go_is_named(tmp_path: Path) -> None:
    due = noted_due(tmp_path, None, 0)
    (tmp_path / FILE).write_bytes(b"[0,")
    with pytest.raises(DamagedStateError, match=f"{FILE} is damaged"):
        noted_due(tmp_path, None, 0)
    (tmp_path / FILE).unlink()
    (tmp_path / FILE).mkdir()
    with pytest.raises(CannotCreateError, match=FILE):
        await due.compared()
    assert not due.is_compared


async def test_one_that_goes_back_before_what_is_published_is_found_out(
    context: SinkContext, shelf: Shelf
) -> None:
    writer = await shelf.sink().open(context, None)
    await writer.commit(await prepared(writer, "a"))
    before = writer.state
    await writer.commit(await prepared(writer, *"bcd"))
    writer = await shelf.sink().open(context, before)
    with pytest.raises(DamagedStateError, match="up to 4, but only 1 were made"):
        await writer.commit(await prepared(writer, "b"))
    assert shelf.records == ["a", "b", "c", "d"]


async def test_what_is_made_while_the_server_is_away_does_not_hide_that_it_has_more(
    context: SinkContext, shelf: Shelf
) -> None:
    """Records made after a cluster was put back are others than those of the same number."""
    writer = await shelf.sink().open(context, None)
    await writer.commit(await prepared(writer, "a"))
    before = writer.state
    await writer.commit(await prepared(writer, *"bcd"))
    writer = await shelf.sink().open(context, before)
    shelf.away = True
    first = await prepared(writer, "c")
    with pytest.raises(PeersGoneError):
        await writer.commit(first)
    await prepared(writer, *"dbef")
    shelf.away = False
    with pytest.raises(DamagedStateError, match="up to 4, but only 1 were made"):
        await writer.commit(first)
    assert shelf.records == ["a", "b", "c", "d"]


async def test_however_often_it_is_opened_meanwhile(context: SinkContext, shelf: Shelf) -> None:
    """What was made before a restart is no more what the server has than what is made now."""
    writer = await shelf.sink().open(context, None)
    await writer.commit(await prepared(writer, "a"))
    state = writer.state
    await writer.commit(await prepared(writer, *"bcd"))
    transactions = []
    for records in ("c", "d", "be", "f"):
        writer = await shelf.sink().open(context, state)
        shelf.away = True
        transactions.append(await prepared(writer, *records))
        with pytest.raises(PeersGoneError):
            await writer.commit(transactions[0])
        state = writer.state
        await writer.aclose()
    shelf.away = False
    for _ in range(2):
        writer = await shelf.sink().open(context, state)
        with pytest.raises(DamagedStateError, match="up to 4, but only 1 were made"):
            await writer.commit(transactions[0])
        await writer.aclose()
    assert shelf.records == ["a", "b", "c", "d"]


async def test_the_first_that_is_made_hides_nothing(context: SinkContext, shelf: Shelf) -> None:
    """However many records it has."""
    writer = await shelf.sink().open(context, None)
    await writer.commit(await prepared(writer, "a"))
    before = writer.state
    await writer.commit(await prepared(writer, "b"))
    writer = await shelf.sink().open(context, before)
    with pytest.raises(DamagedStateError, match="up to 2, but only 1 were made"):
        await writer.commit(await prepared(writer, *"cbd"))
    assert shelf.records == ["a", "b"]


async def test_one_that_dies_after_it_was_compared_goes_on(
    context: SinkContext, shelf: Shelf
) -> None:
    """The last checkpoint is from before that."""
    writer = await shelf.sink().open(context, None)
    first, second = await prepared(writer, "a"), await prepared(writer, "b")
    state = writer.state
    shelf.answers_lost = 1
    with pytest.raises(PeersGoneError):
        await writer.commit(first)
    for _ in range(2):
        writer = await shelf.sink().open(context, state)
        for each in (first, second):
            await writer.commit(each)
    assert shelf.records == ["a", "b"]
    await writer.aclose()
    shutil.rmtree(context.directory)
    writer = await shelf.sink().open(context, state)
    await writer.commit(await prepared(writer, "c"))
    assert shelf.records == ["a", "b", "c"]


class Holder:
    """The disk that the directory of a cluster in *root* is copied to."""

    def __init__(self, root: Path) -> None:
        self.here, self.there = root / "cluster", root / "other" / "replicas" / "alpha"
        (root / "other").mkdir()
        self.copied = CopiedFiles(self.there)
        self.waited = 0
        self.connect()

    def connect(self) -> None:
        self.to_copy = FilesToCopy(self.here)
        self.to_copy.compare(self.copied.states())

    def copy(self) -> None:
        """As before each part of a checkpoint."""
        self.copied.write(self.to_copy.changes())
        self.copied.settle()

    async def all_copied(self) -> None:
        self.waited += 1
        await trio.to_thread.run_sync(self.copy)

    def rebuild(self) -> None:
        """What is here is lost, and had back from there."""
        shutil.rmtree(self.here)
        shutil.copytree(self.there, self.here)
        self.connect()


@pytest.fixture
def holder(tmp_path: Path) -> Holder:
    return Holder(tmp_path)


@pytest.fixture
def copying(context: SinkContext, holder: Holder) -> SinkContext:
    where = str(holder.here / "sinks" / "out-0")
    return attrs.evolve(context, directory=where, all_copied=holder.all_copied)


async def test_one_whose_disk_is_lost_after_it_was_compared_goes_on(
    copying: SinkContext, shelf: Shelf, holder: Holder
) -> None:
    """The copy is as old as the last checkpoint, which names what was to be compared."""
    writer = await shelf.sink().open(copying, None)
    first, state = await prepared(writer, "a"), writer.state
    holder.copy()
    await writer.commit(first)
    holder.rebuild()
    writer = await shelf.sink().open(copying, state)
    for each in (first, await prepared(writer, "b")):
        await writer.commit(each)
    assert shelf.records == ["a", "b"]


async def test_one_that_dies_before_the_copy_is_without_the_note_does_not_forget_it(
    copying: SinkContext, shelf: Shelf, holder: Holder
) -> None:
    """What it is opened at then is not what the copy has, and what the checkpoint names."""
    writer = await shelf.sink().open(copying, None)
    first, state = await prepared(writer, "a"), writer.state
    holder.copy()
    await noted_due(Path(copying.directory), state, 0).compared()  # it died here
    writer = await shelf.sink().open(copying, state)
    await writer.commit(first)
    holder.rebuild()
    writer = await shelf.sink().open(copying, state)
    await writer.commit(first)
    assert shelf.records == ["a"]


async def test_one_that_is_had_back_from_a_copy_still_finds_out_that_the_server_has_more(
    copying: SinkContext, shelf: Shelf, holder: Holder
) -> None:
    """The cluster was put back, the server away, and the disk lost before it was back."""
    writer = await shelf.sink().open(copying, None)
    await writer.commit(await prepared(writer, "a"))
    before = writer.state
    await writer.commit(await prepared(writer, *"bcd"))
    writer = await shelf.sink().open(copying, before)
    shelf.away = True
    first, state = await prepared(writer, "c"), writer.state
    with pytest.raises(PeersGoneError):
        await writer.commit(first)
    holder.copy()
    holder.rebuild()
    shelf.away = False
    writer = await shelf.sink().open(copying, state)
    with pytest.raises(DamagedStateError, match="up to 4, but only 1 were made"):
        await writer.commit(first)
    assert shelf.records == ["a", "b", "c", "d"]


async def test_the_copy_is_waited_for_only_once_and_if_a_checkpoint_may_name_what_it_has(
    copying: SinkContext, shelf: Shelf, holder: Holder
) -> None:
    writer = await shelf.sink().open(copying, None)
    for each in "ab":
        await writer.commit(await prepared(writer, each))
    assert holder.waited == 0
    first, state = await prepared(writer, "c"), writer.state
    writer = await shelf.sink().open(copying, state)
    await writer.commit(first)
    assert holder.waited == 0
    writer = await shelf.sink().open(copying, state)
    second, named = await prepared(writer, "d"), writer.state
    assert named != state
    for each in (first, second):
        await writer.commit(each)
    assert holder.waited == 1
    assert shelf.records == ["a", "b", "c", "d"]
