"""The holder's end: what has come is told only when it is durable, and only in its round."""

import attrs
import pytest
import trio
from support.copied import OWNER, Copied, part_at, write_part
from support.patience import patiently
from support.wires import data_channels

from wallarood.control.replicas.events import ReplicaLacking
from wallarood.model.errors import RemoteProtocolError
from wallarood.model.messages.replicas import (
    ChunkGroup,
    Credit,
    Has,
    PartEnd,
    PartHead,
    TransferMessage,
)
from wallarood.runtime.peers.parts import Conversation
from wallarood.wire.frames import FrameDecoder


async def heard(copied: Copied, *messages: TransferMessage) -> None:
    """What the holder does with *messages* of an owner."""
    async with data_channels() as (ours, theirs):
        owner = Conversation(ours, FrameDecoder(1 << 20))
        for message in messages:
            await owner.say(message)
        await ours.stream.send_eof()
        holder = Conversation(theirs, FrameDecoder(1 << 20))
        link = copied.owner_link(holder)
        with patiently(5):
            await link.serve()


async def test_an_owner_that_took_more_to_be_here_than_there_is_is_told(copied: Copied) -> None:
    write_part(copied.owner, 1, b"base")
    async with trio.open_nursery() as nursery:
        link = copied.link(nursery)
        nursery.start_soon(link.run)
        await copied.until(lambda: copied.connections)
        copied.connections[0].say(Has((), (ChunkGroup("count", 1, 1),)))
        await copied.until(lambda: copied.at_owner)
        link.send(part_at(1))
        await copied.until(lambda: copied.at_holder == [ReplicaLacking("alpha")])
        assert copied.holder.replicas.held == ()
        copied.says_what_it_has()
        await copied.until(lambda: len(copied.at_owner) == 2)
        link.send(part_at(1))
        await copied.until(lambda: copied.holder.replicas.held == (part_at(1),))
        nursery.cancel_scope.cancel()


async def test_nothing_is_written_when_the_round_is_over(copied: Copied) -> None:
    copied.round_over = True
    head = PartHead(part_at(1), {}, 0, 0)
    with pytest.RaisesGroup(pytest.RaisesExc(RemoteProtocolError, match="round 1 of alpha is")):
        await heard(copied, head, PartEnd(head.part))
    assert copied.at_holder == []
    assert copied.holder.replicas.groups(OWNER) == ()


async def test_a_part_comes_after_what_sources_and_sinks_have_written(copied: Copied) -> None:
    """What the checkpoint lists of files, and reads of journals, is there when it is held."""
    spool = copied.owner.path.parent / "here" / "sinks" / "out-0" / "1-1.records"
    spool.parent.mkdir(parents=True)
    spool.write_bytes(b"prepared" * 100_000)
    write_part(copied.owner, 1, b"base")
    there = copied.holder.path.parent / "there" / "replicas" / "alpha" / "sinks" / "out-0"
    async with copied.begun() as link:
        spool.with_name("1-9.records").write_bytes(b"more")
        link.send(part_at(1))
        await copied.until(lambda: copied.at_holder)
        assert (there / "1-1.records").read_bytes() == spool.read_bytes()
        assert (there / "1-9.records").read_bytes() == b"more"


async def test_a_journal_is_told_when_its_copy_is_durable(copied: Copied) -> None:
    journal = copied.owner.path.parent / "here" / "sources" / "in" / "0.journal"
    journal.parent.mkdir(parents=True)
    there = copied.holder.path.parent / "there" / "replicas" / "alpha" / "sources" / "in"
    async with trio.open_nursery() as nursery:
        link = copied.link(nursery)
        nursery.start_soon(link.run)
        journal.write_bytes(b"first")
        done: list[int] = []

        async def grown(size: int) -> None:
            await link.copied_to(str(journal), size)
            done.append((there / "0.journal").stat().st_size)

        nursery.start_soon(grown, 5)  # before there is a connection
        await copied.until(lambda: copied.connections)
        assert done == []
        copied.says_what_it_has()
        await copied.until(lambda: done == [5])
        with journal.open("ab") as file:
            file.write(b" and more that is not durable")
        nursery.start_soon(grown, 9)
        await copied.until(lambda: done == [5, 9])
        link.leave()  # the round is over: what was not told by now never is
        with trio.move_on_after(0.2) as waiting:
            await grown(20)
        assert waiting.cancelled_caught
        assert done == [5, 9]
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("messages", "says"),
    [
        ([Credit(1)], "expected a part"),
        ([PartHead(part_at(1), {}, 0, 0), Credit(1)], "expected a piece"),
        ([PartHead(attrs.evolve(part_at(1), owner="gamma"), {}, 0, 0)], "alpha sent part"),
        ([PartHead(attrs.evolve(part_at(1), layout=2), {}, 0, 0)], "alpha sent part"),
        ([PartHead(part_at(1), {}, 1, 0), PartEnd(part_at(1))], "after 0 of 1 chunks"),
        ([PartHead(part_at(1), {}, 0, 0), PartEnd(part_at(1))], "malformed manifest"),
    ],
)
async def test_what_an_owner_must_not_send_ends_the_connection(
    copied: Copied, messages: list[TransferMessage], says: str
) -> None:
    with pytest.RaisesGroup(pytest.RaisesExc(RemoteProtocolError, match=says)):
        await heard(copied, *messages)
    assert copied.holder.replicas.held == ()
