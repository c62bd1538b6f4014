"""Parts of checkpoints for who wants them: asked for over a data connection, read from disk."""
# Theory of operation
# ===================
# Who wants a part dials the data address of a worker that has it, says who it is and which part it
# wants, and takes it chunk by chunk: each batch of chunks is given credit for when it was taken.
# Several parts may be asked for on a connection, one after the other. The other end reads from its
# store in a thread. It needs no round: parts are fetched while none runs, too.

from collections.abc import Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager
from typing import TypeAlias

import structlog
import trio

from wallarood.model.change import PartName
from wallarood.model.errors import RemoteProtocolError, WallaroodError
from wallarood.model.ids import WorkerName
from wallarood.model.messages.replicas import (
    LAST,
    Chunk,
    Credit,
    FilePiece,
    FilesSent,
    FilesWanted,
    KeptAsked,
    KeptSince,
    PartEnd,
    PartHead,
    PartPiece,
    PartRefused,
    PartWanted,
    TransferHello,
)
from wallarood.runtime.peers.parts import Allowance, Assembler, Chunks, Conversation, send_part
from wallarood.runtime.ports import DataChannel
from wallarood.wire.frames import FrameDecoder

log = structlog.get_logger(__name__)

TAKE_BYTES = 1 << 20
"""About how much is handed on at once."""
SILENCE_S = 30.0
"""When nothing has come for so long of a part that is wanted, the connection is dead."""
TAKEN_S = 300.0
"""How long who wants a part may take nothing of it: what is read stays in SQLite's log so long."""

ReadPart: TypeAlias = Callable[[PartWanted], tuple[PartHead, Chunks]]
"""What reads a part from a store; it blocks. Raises WallaroodError: it has none, or cannot."""
ReadFiles: TypeAlias = Callable[[FilesWanted], Iterable[FilePiece]]
"""What reads a worker's files, or their copies; it blocks. Raises WallaroodError."""
KeptSinceWhen: TypeAlias = Callable[[KeptAsked], int]
"""What says in which epoch a copy was last whole; it blocks."""
Take: TypeAlias = Callable[[PartHead, list[Chunk]], Awaitable[None]]
"""What takes chunks of a part; at least once, with none if it has none."""


async def serve_parts(
    conversation: Conversation,
    read: ReadPart,
    files: ReadFiles | None = None,
    *,
    kept: KeptSinceWhen = lambda _: 0,
) -> None:
    """Send every part and all files that are asked for, until the connection ends.

    Raises RemoteProtocolError: the peer sent what it must not. Raises trio.TooSlowError: it takes
    nothing for too long.
    """
    allowance = Allowance(patience_s=TAKEN_S)
    wanted_in, wanted_out = trio.open_memory_channel[PartWanted | FilesWanted | KeptAsked](1)

    async def answer() -> None:
        async for wanted in wanted_out:
            if isinstance(wanted, KeptAsked):
                epoch = await trio.to_thread.run_sync(kept, wanted)
                await conversation.say(KeptSince(wanted.owner, epoch))
                continue
            if isinstance(wanted, FilesWanted):
                try:
                    await _send_files(conversation, files, wanted)
                except WallaroodError as error:  # the peer asks again, or somebody else
                    log.warning("cannot send files", of=wanted.owner, reason=error.message)
                    nursery.cancel_scope.cancel()
                continue
            try:
                head, chunks = await trio.to_thread.run_sync(read, wanted)
                await send_part(conversation, head, chunks, allowance=allowance)
            except WallaroodError as error:
                await conversation.say(PartRefused(wanted.part, error.message))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(answer)
        while (message := await conversation.hear()) is not None:
            match message:
                case Credit():
                    allowance.add(message)
                case PartWanted() | FilesWanted() | KeptAsked():
                    try:
                        wanted_in.send_nowait(message)
                    except trio.WouldBlock:
                        raise RemoteProtocolError("parts are wanted faster than taken") from None
                case _:
                    raise RemoteProtocolError(f"expected a wish, found {message!r:.200}")
        nursery.cancel_scope.cancel()


async def fetch_part(
    dialled: AbstractAsyncContextManager[DataChannel],
    hello: TransferHello,
    wanted: PartWanted,
    *,
    take: Take,
    frame_bytes_max: int,
) -> PartHead | PartRefused:
    """Fetch one part over *dialled*, handing its chunks to *take* as they come.

    Returns when all of it has been taken, or what the peer says in its place. Raises
    RemoteProtocolError: it sent what it must not, or closed in between. Raises trio.TooSlowError:
    nothing came for too long. Raises what *take* raises, and connection errors.
    """
    async with dialled as channel:
        conversation = Conversation(channel, FrameDecoder(frame_bytes_max))
        await conversation.say(hello)
        await conversation.say(wanted)
        return await take_part(conversation, wanted, take)


async def _send_files(
    conversation: Conversation, read: ReadFiles | None, wanted: FilesWanted
) -> None:
    pieces = iter(read(wanted) if read is not None else ())
    while (piece := await trio.to_thread.run_sync(next, pieces, None)) is not None:
        await conversation.say(piece)
    await conversation.say(FilesSent(0))


async def fetch_files(
    dialled: AbstractAsyncContextManager[DataChannel],
    hello: TransferHello,
    wanted: FilesWanted,
    *,
    take: Callable[[list[FilePiece]], Awaitable[None]],
    frame_bytes_max: int,
) -> None:
    """Fetch a worker's files over *dialled*, handing them to *take* as they come.

    Raises as `fetch_part`.
    """
    async with dialled as channel:
        conversation = Conversation(channel, FrameDecoder(frame_bytes_max))
        await conversation.say(hello)
        await conversation.say(wanted)
        while not isinstance(message := await _hear(conversation), FilesSent):
            if not isinstance(message, FilePiece):
                raise RemoteProtocolError(f"expected a piece of a file, found {message!r:.200}")
            await take([message])


async def ask_kept(
    dialled: AbstractAsyncContextManager[DataChannel],
    hello: TransferHello,
    owner: WorkerName,
    *,
    frame_bytes_max: int,
) -> int:
    """Ask over *dialled* in which epoch a copy of *owner*'s files was last whole there.

    Raises as `fetch_part`.
    """
    async with dialled as channel:
        conversation = Conversation(channel, FrameDecoder(frame_bytes_max))
        await conversation.say(hello)
        await conversation.say(KeptAsked(owner))
        answer = await _hear(conversation)
        if not isinstance(answer, KeptSince):
            raise RemoteProtocolError(f"expected an epoch, found {answer!r:.200}")
        return answer.epoch


async def take_part(
    conversation: Conversation, wanted: PartWanted, take: Take
) -> PartHead | PartRefused:
    """Take the part that was asked for; see `fetch_part`."""
    head = await _hear(conversation)
    if isinstance(head, PartRefused):
        return head
    if not isinstance(head, PartHead) or not _is_of(head.part, wanted.part):
        raise RemoteProtocolError(f"expected part {wanted.part}, found {head!r:.200}")
    assembler = Assembler(head)
    some: list[Chunk] = []
    credit = 0
    taken = False
    while True:
        message = await _hear(conversation)
        match message:
            case PartPiece():
                credit += len(message.data)
                if (chunk := assembler.take(message)) is not None:
                    some.append(chunk)
            case PartEnd():
                assembler.end(message)
                if some or not taken:
                    await take(head, some)
                await conversation.say(Credit(credit))
                return head
            case PartRefused():
                return message
            case _:
                raise RemoteProtocolError(f"expected a piece of a part, found {message!r:.200}")
        if credit >= TAKE_BYTES:
            if some:
                await take(head, some)
                some, taken = [], True
            await conversation.say(Credit(credit))
            credit = 0


def _is_of(part: PartName, wanted: PartName) -> bool:
    if wanted.number == LAST:
        return (part.layout, part.owner) == (wanted.layout, wanted.owner)
    return part == wanted


async def _hear(conversation: Conversation) -> object:
    with trio.fail_after(SILENCE_S):
        message = await conversation.hear()
    if message is None:
        raise RemoteProtocolError("the connection was closed in the middle of a part")
    return message
