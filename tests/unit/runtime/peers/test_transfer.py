"""A part that is wanted comes whole from the disk of who has it, or what is wrong is said."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest
import trio
from support.patience import patiently
from support.wires import data_channels, ended_with

from wallarood.model.change import PartName
from wallarood.model.checkpoint import (
    FIRST_CHECKPOINT,
    CheckpointId,
    CheckpointPart,
    SourcePosition,
    StatePart,
)
from wallarood.model.errors import CannotCreateError, DamagedStateError, RemoteProtocolError
from wallarood.model.ids import Incarnation
from wallarood.model.messages.replicas import (
    Chunk,
    FilePiece,
    FilesWanted,
    PartHead,
    PartRefused,
    PartWanted,
    TransferHello,
)
from wallarood.runtime.peers.greeting import greeted
from wallarood.runtime.peers.parts import Conversation
from wallarood.runtime.peers.transfer import (
    ReadFiles,
    ReadPart,
    fetch_files,
    fetch_part,
    serve_parts,
)
from wallarood.storage.checkpoint_files import create_checkpoints, open_checkpoints
from wallarood.storage.copies.copied_files import CopiedFiles
from wallarood.storage.part_reader import read_own_part
from wallarood.wire.frames import FrameDecoder

CLUSTER = "wc-0123456789abcdef0123"
HELLO = TransferHello(CLUSTER, 1, "beta", Incarnation(1, "n"))
PART = PartName(1, "alpha", 1, 2)
FRAME_BYTES_MAX = 1 << 20


async def fetched(
    read: ReadPart, wanted: PartWanted
) -> tuple[PartHead | PartRefused, list[list[Chunk]]]:
    """What comes over a connection from where *read* reads."""
    taken: list[list[Chunk]] = []

    async def take(_: PartHead, chunks: list[Chunk]) -> None:
        await trio.lowlevel.checkpoint()
        taken.append(chunks)

    async def serve() -> None:
        came = await greeted(theirs, frame_bytes_max=FRAME_BYTES_MAX)
        assert came.first == HELLO
        await serve_parts(Conversation.after(theirs, came.frames, came.rest), read)

    async with data_channels() as (ours, theirs), trio.open_nursery() as nursery:
        nursery.start_soon(serve)
        head = await fetch_part(
            ended_with(ours), HELLO, wanted, take=take, frame_bytes_max=FRAME_BYTES_MAX
        )
    return head, taken


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Checkpoint 2 builds on 1; it is larger than the window of a transfer."""
    path = tmp_path / "checkpoints.db"
    create_checkpoints(path, CLUSTER)
    store = open_checkpoints(path, CLUSTER)
    store.choose(1, FIRST_CHECKPOINT, highest=0)
    large = tuple(bytes([n]) * (1 << 20) for n in range(9))
    source = SourcePosition("words", "0", {"line": 7}, False)
    for number, base, chunks in ((1, True, large), (2, False, (b"changed",))):
        states = (
            StatePart("count", base, 1, chunks, 1),
            StatePart("sum", True, 0, (b"s%d" % number,), 1),
        )
        part = CheckpointPart(CheckpointId(1, number), "alpha", (source,), (), states)
        store.write(part)
        store.record_committed(number)
    store.close()
    return path


async def files_fetched(read: ReadFiles, take: Callable[[Iterable[FilePiece]], None]) -> None:
    """Fetch the files of alpha, which are read by *read*."""

    def no_part(_: PartWanted) -> NoReturn:
        raise DamagedStateError("no part was wanted")

    async def taken(pieces: list[FilePiece]) -> None:
        await trio.lowlevel.checkpoint()
        take(pieces)

    async def serve() -> None:
        came = await greeted(theirs, frame_bytes_max=FRAME_BYTES_MAX)
        await serve_parts(Conversation.after(theirs, came.frames, came.rest), no_part, read)
        await theirs.stream.aclose()

    async with data_channels() as (ours, theirs), trio.open_nursery() as nursery:
        nursery.start_soon(serve)
        with patiently(5):
            await fetch_files(
                ended_with(ours),
                HELLO,
                FilesWanted("alpha"),
                take=taken,
                frame_bytes_max=FRAME_BYTES_MAX,
            )


async def test_a_part_comes_whole_with_all_that_it_builds_on(path: Path) -> None:
    head, taken = await fetched(
        lambda wanted: read_own_part(path, CLUSTER, wanted), PartWanted(PART)
    )
    assert isinstance(head, PartHead)
    assert head.part == PART
    assert head.manifest["sources"] == [["words", "0", {"line": 7}, False]]
    chunks = [chunk for some in taken for chunk in some]
    assert [(c.computation, c.number, c.sequence) for c in chunks] == [
        *(("count", 1, n) for n in range(9)),
        ("count", 2, 0),
        ("sum", 2, 0),
    ]
    assert chunks[8].data == bytes([8]) * (1 << 20)
    assert [chunk.data for chunk in chunks[9:]] == [b"changed", b"s2"]
    assert len(taken) > 3  # it was handed on while it came


async def test_of_computations_that_are_not_named_nothing_comes(path: Path) -> None:
    _, taken = await fetched(
        lambda wanted: read_own_part(path, CLUSTER, wanted),
        PartWanted(PART, (("sum", (0, 1)),)),
    )
    assert taken == [[Chunk("sum", 2, 0, b"s2")]]


async def test_what_is_not_there_is_said(path: Path) -> None:
    for absent in (PartName(1, "alpha", 1, 3), PartName(1, "alpha", 2, 2)):
        answer, taken = await fetched(
            lambda wanted: read_own_part(path, CLUSTER, wanted), PartWanted(absent)
        )
        assert isinstance(answer, PartRefused)
        assert f"has no part {absent.round}.{absent.number} of alpha" in answer.reason
        assert taken == []


async def test_damage_in_the_middle_is_said() -> None:
    def read(wanted: PartWanted) -> tuple[PartHead, Iterator[list[Chunk]]]:
        def chunks() -> Iterator[list[Chunk]]:
            yield [Chunk("count", 1, 0, bytes(1 << 20))]
            raise DamagedStateError("chunk 1 has a wrong checksum")

        return PartHead(wanted.part, {}, 2, 0), chunks()

    answer, _ = await fetched(read, PartWanted(PART))
    assert answer == PartRefused(PART, "chunk 1 has a wrong checksum")


async def test_a_connection_that_ends_in_the_middle_is_no_part() -> None:
    async def take(_: PartHead, chunks: list[Chunk]) -> None:
        raise AssertionError(chunks)

    async def begin_and_end() -> None:
        await Conversation(theirs, FrameDecoder(FRAME_BYTES_MAX)).say(PartHead(PART, {}, 1, 0))
        await greeted(theirs, frame_bytes_max=FRAME_BYTES_MAX)
        await theirs.stream.send_eof()

    async with data_channels() as (ours, theirs), trio.open_nursery() as nursery:
        nursery.start_soon(begin_and_end)
        with patiently(5), pytest.raises(RemoteProtocolError, match="in the middle"):
            await fetch_part(
                ended_with(ours),
                HELLO,
                PartWanted(PART),
                take=take,
                frame_bytes_max=FRAME_BYTES_MAX,
            )


async def test_copies_of_files_come_whole_to_another_disk(tmp_path: Path) -> None:
    kept = {"sources/in/journal.1": b"j" * 600_000, "sinks/out/spool": b"", "sinks/out/x": b"s"}
    held, new = CopiedFiles(tmp_path / "held"), CopiedFiles(tmp_path / "new")
    for name, data in kept.items():
        held.write([FilePiece(name, 0, data)])

    await files_fetched(lambda wanted: held.pieces(wanted.under), new.write)
    assert new.states() == held.states()
    assert {name: (new.root / name).read_bytes() for name in kept} == kept


async def test_a_copy_that_cannot_be_read_ends_the_connection_and_not_who_has_it() -> None:
    def unreadable(_: FilesWanted) -> Iterator[FilePiece]:
        yield FilePiece("sources/in/journal.1", 0, b"j")
        raise CannotCreateError("sources/in/journal.1: Input/output error")

    with pytest.RaisesGroup(pytest.RaisesExc(RemoteProtocolError, match="in the middle")):
        await files_fetched(unreadable, lambda _: None)
