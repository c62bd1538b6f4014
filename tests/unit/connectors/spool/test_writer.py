"""A spooled sink: what is committed is applied once, whatever fails in between."""

import shutil
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio
from support.shelf import OnShelf, Shelf

import wallarood as w
from wallarood.app.connector import SinkContext
from wallarood.connectors.spool.blocks import BLOCK_RECORDS_MAX
from wallarood.connectors.spool.writer import REFUSED_MAX, SpooledWriter
from wallarood.model.errors import (
    ConfigurationError,
    DamagedStateError,
    NeverTakenError,
    PeersGoneError,
)

NAME = "app-sink@alpha-0-12345678"


async def prepared(writer: SpooledWriter, *records: Any) -> Any:
    await writer.write(list(records))
    return await writer.prepare()


async def test_what_is_committed_is_applied_once_in_order(
    context: SinkContext, shelf: Shelf
) -> None:
    writer = await shelf.sink().open(context, None)
    first = await prepared(writer, "a", ("b", 1))
    second = await prepared(writer, {"c": 2})
    assert await writer.prepare() is None
    assert shelf.records == []
    state = writer.state
    await prepared(writer, "void")
    await writer.aclose()

    writer = await shelf.sink().open(context, state)
    for each in (first, second, first, second):
        await writer.commit(each)
    await writer.commit(await prepared(writer, "d"))
    assert shelf.records == ["a", ("b", 1), {"c": 2}, "d"]
    assert shelf.markers == {NAME: w.Marker(0, 4)}
    assert shelf.asked == 1, "the marker is known while nothing fails"
    assert list(Path(context.directory).iterdir()) == []


async def test_a_target_may_have_a_chunk_size_of_its_own(
    context: SinkContext, shelf: Shelf
) -> None:
    class Sized(OnShelf):
        chunk_size = 2

    sink = w.SpooledSink(lambda writer: Sized(shelf, writer), server="the shelf")
    writer = await sink.open(context, None)
    await writer.commit(await prepared(writer, "a", "b", "c"))
    assert shelf.records == ["a", "b", "c"]


async def test_a_server_that_is_away_is_named_and_nothing_is_lost(
    context: SinkContext, shelf: Shelf
) -> None:
    writer = await shelf.sink().open(context, None)
    transaction = await prepared(writer, "a")
    shelf.away = True
    for _ in range(3):
        with pytest.raises(PeersGoneError, match="the shelf: nobody is there"):
            await writer.commit(transaction)
    shelf.away = False
    await writer.commit(transaction)
    assert shelf.records == ["a"]


async def test_a_server_that_never_takes_it_is_an_error_of_the_configuration(
    context: SinkContext, shelf: Shelf
) -> None:
    """But not at once, as it may be starting; and not if it took this writer before."""

    class Refusing(OnShelf):
        async def marker(self) -> w.Marker:
            await super().marker()
            raise ConfigurationError("the shelf: wrong password")

    def refusing() -> w.SpooledSink:
        return w.SpooledSink(lambda name: Refusing(shelf, name), server="the shelf")

    writer = await refusing().open(context, None)
    transaction = await prepared(writer, "a")
    for _ in range(REFUSED_MAX - 1):
        with pytest.raises(PeersGoneError, match="the shelf: wrong password"):
            await writer.commit(transaction)
    with pytest.raises(NeverTakenError, match="the shelf: wrong password"):
        await writer.commit(transaction)
    await writer.aclose()
    writer = await shelf.sink().open(context, None)
    await writer.commit(await prepared(writer, "a"))
    writer.target = Refusing(shelf, NAME)
    transaction = await prepared(writer, "b")
    writer._marker = None
    for _ in range(2 * REFUSED_MAX):
        with pytest.raises(PeersGoneError, match="wrong password"):
            await writer.commit(transaction)


async def test_an_answer_that_is_lost_repeats_nothing(context: SinkContext, shelf: Shelf) -> None:
    writer = await shelf.sink().open(context, None)
    transaction = await prepared(writer, *range(2 * BLOCK_RECORDS_MAX + 1))
    shelf.answers_lost = 2
    for _ in range(2):
        with pytest.raises(PeersGoneError, match="connection lost"):
            await writer.commit(transaction)
    await writer.commit(transaction)
    assert shelf.records == list(range(2 * BLOCK_RECORDS_MAX + 1))
    assert shelf.applied == [BLOCK_RECORDS_MAX, BLOCK_RECORDS_MAX, 1]


async def test_one_that_is_cancelled_at_any_point_repeats_nothing(
    context: SinkContext, shelf: Shelf
) -> None:
    """A rollback cancels `commit` where it is; the writer that follows asks what is there."""
    state: Any = None
    for turn in range(40):
        writer = await shelf.sink().open(context, state)
        transaction = await prepared(writer, turn, -turn)
        state = writer.state
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:

                async def cancel_soon(scope: trio.CancelScope = scope, turn: int = turn) -> None:
                    for _ in range(turn):
                        await trio.lowlevel.checkpoint()
                    scope.cancel()

                nursery.start_soon(cancel_soon)
                await writer.commit(transaction)
        await writer.commit(transaction)
        await writer.aclose()
    assert shelf.records == [each for turn in range(40) for each in (turn, -turn)]


async def test_a_server_that_has_lost_what_was_published_is_found_out(
    context: SinkContext, shelf: Shelf
) -> None:
    writer = await shelf.sink().open(context, None)
    await writer.commit(await prepared(writer, *"abc"))
    shelf.markers[NAME] = w.Marker(0, 2)
    transaction, state = await prepared(writer, "d"), writer.state
    await writer.aclose()
    writer = await shelf.sink().open(context, state)
    with pytest.raises(
        DamagedStateError, match=r"only up to 2, but up to 3 were published: it has"
    ):
        await writer.commit(transaction)
    del shelf.markers[NAME]
    with pytest.raises(DamagedStateError, match=r"records of app-sink@alpha\S* only up to 0, but"):
        await writer.commit(transaction)
    assert shelf.records == ["a", "b", "c"]


async def test_a_copy_of_the_writer_adds_nothing(context: SinkContext, shelf: Shelf) -> None:
    """Both have the same transactions; each believes to know the marker."""
    writer = await shelf.sink().open(context, None)
    await writer.commit(await prepared(writer, "0"))
    first, second = await prepared(writer, "a"), await prepared(writer, "b")
    other = f"{context.directory}-copy"
    shutil.copytree(context.directory, other)
    copy = await shelf.sink().open(attrs.evolve(context, directory=other), writer.state)
    await writer.commit(first)
    await copy.commit(first)
    await copy.commit(second)
    await writer.commit(second)
    third = await prepared(writer, "c")
    await writer.commit(third)
    assert shelf.records == ["0", "a", "b", "c"]


async def test_what_is_made_again_after_a_kept_checkpoint_is_applied(
    context: SinkContext, shelf: Shelf
) -> None:
    """In a line of its own: the marker is ahead, and must not hide what is new."""
    writer = await shelf.sink().open(context, None)
    await writer.commit(await prepared(writer, "a", "b"))
    unpublished = await prepared(writer, "c")
    kept = writer.state
    await writer.commit(unpublished)
    await writer.commit(await prepared(writer, "d", "e"))
    await writer.aclose()

    context = attrs.evolve(context, line=1)
    writer = await shelf.sink().open(context, kept)
    await writer.commit(unpublished)
    again, after = await prepared(writer, "e", "d"), writer.state
    await writer.commit(again)
    assert shelf.records == [*"abcde", "e", "d"]
    assert shelf.markers == {NAME: w.Marker(1, 2)}
    await writer.aclose()
    writer = await shelf.sink().open(context, after)
    for each in (unpublished, again):
        await writer.commit(each)
    assert shelf.records == [*"abcde", "e", "d"]

    shelf.markers[NAME] = w.Marker(0, 2)
    writer = await shelf.sink().open(attrs.evolve(context, line=2), kept)
    with pytest.raises(DamagedStateError, match="only up to 2, but up to 3 were published"):
        await writer.commit(await prepared(writer, "f"))


async def test_a_spool_that_is_damaged_or_gone_is_named(context: SinkContext, shelf: Shelf) -> None:
    writer = await shelf.sink().open(context, None)
    first, second = await prepared(writer, "a"), await prepared(writer, "b")
    await writer.aclose()
    writer = await shelf.sink().open(context, writer.state)
    path = writer.files.path_of(first)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(DamagedStateError, match=f"{path.name} is damaged: its checksum is wrong"):
        await writer.commit(first)
    path.unlink()
    with pytest.raises(DamagedStateError, match=f"{path.name} is missing, and the shelf has rec"):
        await writer.commit(first)
    with pytest.raises(DamagedStateError, match="only up to 0, but up to 1 were published"):
        await writer.commit(second)
    assert shelf.records == []


async def test_what_was_just_written_is_not_read_back(context: SinkContext, shelf: Shelf) -> None:
    """Whatever has become of the file meanwhile: what was written is known."""
    writer = await shelf.sink().open(context, None)
    transaction = await prepared(writer, *"abc")
    writer.files.path_of(transaction).write_bytes(b"")
    shelf.answers_lost = 1
    with pytest.raises(PeersGoneError, match="connection lost"):
        await writer.commit(transaction)
    await writer.commit(transaction)

    assert shelf.records == [*"abc"]
    assert writer.fresh.of(transaction["file"]) is None


async def test_records_that_may_change_are_applied_as_they_were_written(
    context: SinkContext, shelf: Shelf
) -> None:
    writer, record = await shelf.sink().open(context, None), [1]
    await writer.write([record, "a"])
    record[0] = 2
    await writer.write(["b"])
    await writer.commit(await writer.prepare())
    assert shelf.records == [[1], "a", "b"]


async def test_what_does_not_fit_into_memory_is_read_from_disk(
    context: SinkContext, shelf: Shelf
) -> None:
    writer = await shelf.sink().open(context, None)
    writer.fresh.bytes_max = 6000
    shelf.away = True
    transactions = []
    for number in range(4):
        await writer.write([f"{number}-0"])
        await writer.write([bytes(200 + 300 * number)])
        transactions.append(await writer.prepare())
    here = [writer.fresh.of(each["file"]) is not None for each in transactions]
    assert here == [True, True, False, False]
    shelf.away = False
    for each in transactions:
        await writer.commit(each)

    assert shelf.records == [
        each for number in range(4) for each in (f"{number}-0", bytes(200 + 300 * number))
    ]
    await writer.write([bytes(900)])
    assert writer.fresh.of((await writer.prepare())["file"]) is not None, "there is room again"


async def test_one_that_is_full_says_so(context: SinkContext, shelf: Shelf) -> None:
    writer = await shelf.sink(spool_bytes_max=1000).open(context, None)
    small, large = await prepared(writer, "a"), await prepared(writer, "x" * 1000)
    assert not writer.is_full([small])
    assert writer.is_full([small, large])


async def test_a_marker_that_always_moves_does_not_keep_it_busy(
    context: SinkContext, shelf: Shelf
) -> None:
    writer = await shelf.sink().open(context, None)
    transaction = await prepared(writer, "a")
    shelf.quicker_ones = 1000
    with pytest.raises(PeersGoneError, match="the shelf: it is"):
        await writer.commit(transaction)
    assert shelf.asked < 10
    shelf.quicker_ones = 2
    await writer.commit(transaction)
    assert shelf.records == ["a"]


async def test_a_target_may_encode_and_is_closed(context: SinkContext, shelf: Shelf) -> None:
    @attrs.frozen
    class Encoding(OnShelf):
        closed: list[str] = attrs.field(factory=list)

        def encode(self, records: list[Any]) -> list[Any]:
            return [int(each) for each in records]

        async def aclose(self) -> None:
            await trio.lowlevel.checkpoint()
            self.closed.append(self.writer)

    target = Encoding(shelf, "me")
    writer = await w.SpooledSink(lambda _: target, server="it").open(context, None)
    with pytest.raises(ValueError, match="invalid literal"):
        await writer.write(["x"])
    await writer.commit(await prepared(writer, "1", "2"))
    await writer.aclose()
    assert shelf.records == [1, 2]
    assert target.closed == ["me"]
