"""The owner's connection to its holder: what is missing goes there, whatever breaks."""

import threading
import time
from collections.abc import Collection, Iterable

import pytest
import trio
import trio.testing
from support.copied import OWNER, ROUND, Copied, part_at, write_part
from support.patience import patiently

from wallarood.control.replicas.events import HolderHas, HolderLost, PartHeld, ReplicaWritten
from wallarood.model.change import PartName
from wallarood.model.checkpoint import CheckpointId, CheckpointPart, StatePart
from wallarood.model.messages.replicas import (
    ChunkGroup,
    FileState,
    Held,
    PartHead,
    StillThere,
)
from wallarood.net.tcp import DataChannel
from wallarood.runtime.peers.captured import Captured
from wallarood.runtime.peers.holder_link import ReadOwn
from wallarood.runtime.peers.parts import WINDOW_BYTES, Chunks
from wallarood.storage.copies.files_to_copy import FilesToCopy
from wallarood.storage.part_reader import captured_part
from wallarood.wire.frames import encode_frame
from wallarood.wire.transfer import encode_transfer


async def test_a_part_is_on_the_other_disk_when_it_is_held(copied: Copied) -> None:
    large = [bytes([n]) * (1 << 20) for n in range(2 * WINDOW_BYTES >> 20)]
    write_part(copied.owner, 1, *large)
    async with copied.begun() as link:
        assert copied.at_owner == [HolderHas(())]
        link.send(part_at(1))
        await copied.until(lambda: copied.at_holder == [ReplicaWritten(part_at(1))])
        copied.connections[-1].say(Held(part_at(1)))
        await copied.until(lambda: copied.at_owner[1:] == [PartHeld(part_at(1))])
        assert copied.holder.replicas.restore(part_at(1)) == copied.owner.restore(1)
        assert link.sending is not None
        assert link.sending.sent_bytes == sum(map(len, large)) == link.counters.bytes_out

        write_part(copied.owner, 2, b"changed")
        link.send(part_at(2))
        await copied.until(lambda: copied.at_holder[1:] == [ReplicaWritten(part_at(2))])
        assert link.sending.sent_bytes == len(b"changed")


async def test_a_part_that_was_just_captured_is_not_read_from_the_disk(copied: Copied) -> None:
    write_part(copied.owner, 1, b"base")
    async with copied.begun() as link:
        link.send(part_at(1))
        await copied.until(lambda: copied.at_holder == [ReplicaWritten(part_at(1))])
        copied.connections[-1].say(Held(part_at(1)))
        await copied.until(lambda: PartHeld(part_at(1)) in copied.at_owner)

        state = StatePart("count", False, 1, (b"changed",), 1)
        part = CheckpointPart(CheckpointId(ROUND, 2), "alpha", (), (), (state,))
        link.captured = Captured(*captured_part(copied.owner, part, 1))
        link.send(part_at(2))  # before it is written here: there is nothing to read
        await copied.until(lambda: ReplicaWritten(part_at(2)) in copied.at_holder)
        copied.owner.write(part)
        assert copied.holder.replicas.restore(part_at(2)) == copied.owner.restore(2)
        copied.connections[-1].say(Held(part_at(2)))
        await copied.until(lambda: link.captured is None)
        assert len(copied.connections) == 1


async def test_what_a_journal_waits_for_goes_between_the_pieces_of_a_part(copied: Copied) -> None:
    """Its clients would wait until all of a large state has been copied."""
    here = copied.owner.path.parent / "here" / "sources" / "in"
    here.mkdir(parents=True)
    write_part(copied.owner, 1, *[bytes([n]) * (1 << 20) for n in range(3)])
    asked, done = threading.Event(), threading.Event()

    def slowly_read(read: ReadOwn) -> ReadOwn:
        def slowly(chunks: Chunks) -> Chunks:
            for event, some in zip((None, asked, done), chunks, strict=True):
                assert event is None or event.wait(20)
                yield some

        def reads(part: PartName, there: Collection[ChunkGroup]) -> tuple[PartHead, Chunks]:
            head, chunks = read(part, there)
            return head, slowly(chunks)

        return reads

    async with copied.begun() as link:
        link.read = slowly_read(link.read)
        link.send(part_at(1))
        await copied.until(lambda: link.sending is not None and link.sending.size_bytes)
        (here / "0.journal").write_bytes(b"entry" * WINDOW_BYTES)  # more than there is credit for
        async with trio.open_nursery() as journal:
            journal.start_soon(link.all_copied)
            await trio.testing.wait_all_tasks_blocked()
            asked.set()
        assert copied.at_holder == []
        (state,) = await copied.connections[-1].files.states()
        assert state.size == 5 * WINDOW_BYTES
        done.set()
        await copied.until(lambda: copied.at_holder == [ReplicaWritten(part_at(1))])
        assert copied.holder.replicas.restore(part_at(1)) == copied.owner.restore(1)


async def test_what_was_removed_is_gone_on_the_other_disk_too(copied: Copied) -> None:
    here = copied.owner.path.parent / "here" / "sinks" / "out-0"
    here.mkdir(parents=True)
    (here / "note").write_bytes(b"1")
    async with copied.begun() as link:
        for expected in (["sinks/out-0/note"], []):
            with patiently(20):
                await link.all_copied()
            states = await copied.connections[-1].files.states()
            assert [each.path for each in states] == expected
            (here / "note").unlink(missing_ok=True)


async def test_a_broken_connection_goes_on_with_what_has_come(copied: Copied) -> None:
    write_part(copied.owner, 1, *[bytes([n]) * (1 << 20) for n in range(12)])
    async with copied.begun() as link:
        link.send(part_at(1))
        await copied.until(lambda: copied.holder.replicas.groups(OWNER))
        copied.connections[0].scope.cancel()
        await copied.until(lambda: len(copied.connections) == 2)
        assert copied.at_owner[-1] == HolderLost()
        link.send(part_at(1))  # before the holder has said what it has: it will be wanted again
        copied.says_what_it_has()
        await copied.until(lambda: isinstance(copied.at_owner[-1], HolderHas))
        link.send(part_at(1))
        await copied.until(lambda: ReplicaWritten(part_at(1)) in copied.at_holder)
        assert copied.holder.replicas.restore(part_at(1)) == copied.owner.restore(1)


async def test_a_part_that_cannot_be_read_begins_from_the_start(copied: Copied) -> None:
    async with copied.begun() as link:
        link.send(part_at(9))
        await copied.until(lambda: len(copied.connections) == 2)
        assert copied.at_owner[-1] == HolderLost()


async def test_a_connection_that_gives_no_sign_of_life_is_dialled_again(copied: Copied) -> None:
    copied.probe_s, copied.silent = 0.2, 1  # an answer may wait for a disk
    async with copied.begun():
        await trio.sleep(1.4)  # six questions are answered
        assert copied.at_owner == [HolderHas(())]


async def test_however_long_files_are_compared_the_holder_is_not_silent(
    copied: Copied, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else large ones would be compared again on each new connection, and never be copied."""
    copied.probe_s = 0.1
    compare = FilesToCopy.compare

    def slowly(files: FilesToCopy, there: Iterable[FileState]) -> None:
        time.sleep(10 * copied.probe_s)
        compare(files, there)

    monkeypatch.setattr(FilesToCopy, "compare", slowly)
    async with copied.begun():
        assert copied.at_owner == [HolderHas(())]
        assert len(copied.connections) == 1


async def test_a_link_whose_round_is_over_says_nothing_more(copied: Copied) -> None:
    """It may end after the link of the next round has begun: that one is not lost."""
    async with copied.begun() as link:
        on_its_way = encode_frame(encode_transfer(StillThere()))
        channel = copied.connections[-1].conversation.channel
        assert isinstance(channel, DataChannel)
        assert channel.send_nowait(on_its_way) == len(on_its_way)
        link.leave()
        copied.at_owner.clear()
        await trio.testing.wait_all_tasks_blocked(0.05)
        assert link.sending is None
        assert copied.at_owner == []
