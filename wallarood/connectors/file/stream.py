"""Input that gives every byte once: standard input, pipes, terminals.

Theory of operation
===================
What was read cannot be read again, so it is journalled before anything is done with it, as it
comes, in entries of bytes. A position is the entry that holds the next record, how many bytes of it
were handed out, and the names of CSV columns. After a rollback the journal is read from there.

The pipe belongs to the process, not to the reader: a reader that is opened again continues with the
same one. In another process it is another pipe, and an empty entry stands between the two: the
last line of the former ends where it was left, and the other one has names of columns of its own.
"""

import contextlib
import errno
import fcntl
import os
import stat
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import structlog
import trio

from wallarood.app.connector import SourceBatch, SourceContext
from wallarood.connectors.file.listing import name_of
from wallarood.connectors.file.reader import error_of, new_cutter
from wallarood.connectors.journal.files import Journal, open_journal
from wallarood.connectors.parse.cutter import Cutter
from wallarood.connectors.parse.options import Format
from wallarood.connectors.parse.table import TableParser
from wallarood.model.errors import ApplicationError, CannotCreateError

STDIN = "standard input"
PIPE_BYTES = 1 << 20
JOURNAL_BYTES_MAX = 256 << 20
WRITE_AGAIN_S = 1.0
_OWN = {"/dev/stdin": 0, "/dev/fd/0": 0, "/proc/self/fd/0": 0}

log = structlog.get_logger(__name__)


@attrs.frozen
class StreamInput:
    """What is read: *path*, or standard input if that is STDIN."""

    path: str
    form: Format
    stops: bool
    keeps_open: bool = False
    """Whether a named pipe is still read when its last writer has left."""
    journal_bytes_max: int = JOURNAL_BYTES_MAX


@attrs.define(eq=False)
class _Pipe:
    descriptor: int
    ended: bool = False
    is_new: bool = True


_pipes: dict[str, _Pipe] = {}


def _pipe_of(wanted: StreamInput) -> _Pipe:
    """The pipe that this process has opened, or opens now. Raises ApplicationError."""
    pipe = _pipes.get(wanted.path)
    if pipe is not None:
        return pipe
    path = wanted.path
    try:
        if path == STDIN or path in _OWN:
            descriptor = os.dup(0)
        else:
            is_fifo = stat.S_ISFIFO(os.stat(path).st_mode)
            mode = os.O_RDWR if wanted.keeps_open and is_fifo else os.O_RDONLY
            descriptor = os.open(path, mode | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
        with contextlib.suppress(OSError):
            fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    except OSError as error:
        raise ApplicationError(f"input {name_of(path)}: {error.strerror}") from error
    pipe = _pipes[path] = _Pipe(descriptor)
    return pipe


def forget_pipes() -> None:
    """Close what this process has opened, as its end would."""
    for pipe in _pipes.values():
        os.close(pipe.descriptor)
    _pipes.clear()


def is_another(path: str) -> bool:
    """Whether this process has not come to the end of *path*, so that there may be more."""
    pipe = _pipes.get(path)
    return pipe is None or not pipe.ended


async def open_stream(wanted: StreamInput, position: Any, context: SourceContext) -> "StreamReader":
    """Open it at *position*.

    Raises ApplicationError: it cannot be opened. Raises CannotCreateError: the journal cannot be
    written. Raises DamagedStateError: the journal is damaged, or does not reach back to *position*.
    """
    name = name_of(wanted.path)
    if wanted.form.wide:
        raise ApplicationError(
            f"input {name}: encoding={wanted.form.encoding!r} is not read from a pipe: convert it "
            "before, with iconv"
        )
    place = position or {"entry": 0, "skip": 0, "line": 0, "names": None}
    journal = None
    replay: Iterator[tuple[int, bytes]] = iter(())
    if context.directory:
        where = Path(context.directory) / name.replace(os.sep, "_")
        journal = await trio.to_thread.run_sync(
            open_journal, where, wanted.journal_bytes_max, context.copied
        )
        replay = journal.read(place["entry"])
    cutter = new_cutter(name, wanted.form, context.limits, stops=wanted.stops)
    if place["names"] is not None and isinstance(cutter.parser, TableParser):
        cutter.parser.use_names(list(place["names"]))
    cutter.line = place["line"]
    if place["skip"] or place["line"]:
        cutter.start = -1  # it has begun
    return StreamReader(wanted, _pipe_of(wanted), cutter, journal, replay, skip=place["skip"])


@attrs.define(eq=False)
class StreamReader:
    """First what the journal has, then what comes."""

    wanted: StreamInput
    pipe: _Pipe
    cutter: Cutter
    journal: Journal | None
    _replay: Iterator[tuple[int, bytes]] | None
    _skip: int = attrs.field(kw_only=True)
    _ends: bool = attrs.field(default=False, init=False)
    """Whether the stream that is being read has ended, and another follows."""
    _entries: deque[tuple[int, int, int]] = attrs.field(factory=deque, init=False)
    """(number, bytes skipped, where it ends) of the entries that were not wholly handed out."""
    _fed: int = attrs.field(init=False)
    _number: int = attrs.field(default=0, init=False)
    _using: trio.Lock = attrs.field(factory=trio.Lock, init=False)
    _closed: bool = attrs.field(default=False, init=False)
    _finished: bool = attrs.field(default=False, init=False)
    _cut: trio.lowlevel.ParkingLot = attrs.field(factory=trio.lowlevel.ParkingLot, init=False)

    def __attrs_post_init__(self) -> None:
        self._fed = self.cutter.offset

    async def read(self) -> SourceBatch | None:
        """See `SourceReader.read`. Raises DamagedStateError: the journal is damaged."""
        await trio.lowlevel.checkpoint()
        while True:
            taken = self.cutter.take()
            if taken is not None:
                records, faults = taken
                if faults and self.wanted.stops:
                    raise error_of(faults[0])
                return SourceBatch(records, self._position(), faults)
            if self._ends:
                self._begin_another()
                continue
            if self._finished:
                return None
            if self._replay is not None:
                await self._read_again()
            else:
                await self._read_new()

    def _position(self) -> dict[str, Any]:
        offset = self.cutter.offset
        while self._entries and self._entries[0][2] <= offset:
            self._entries.popleft()
        parser = self.cutter.parser
        names = parser.names if isinstance(parser, TableParser) else None
        following = self._number - self._ends  # what ends the stream is read again
        place = {"entry": following, "skip": 0, "line": self.cutter.line, "names": names}
        if self._entries:
            number, start, _ = self._entries[0]
            place |= {"entry": number, "skip": offset - start}
        return place

    def _begin_another(self) -> None:
        former = self.cutter
        self._ends = False
        self.cutter = new_cutter(former.where, former.form, former.limits, stops=self.wanted.stops)
        self.cutter.offset = self.cutter.start = former.offset

    def _feed(self, number: int, data: bytes) -> None:
        if not data:
            self.cutter.finish()
            self._ends, self._number = True, number + 1
            return
        start = self._fed - self._skip
        data = data[self._skip :]
        self._skip = 0
        self._fed += len(data)
        self._number = number + 1
        self._entries.append((number, start, self._fed))
        self.cutter.feed(data)

    async def _read_again(self) -> None:
        assert self._replay is not None
        async with self._using:
            entry = await trio.to_thread.run_sync(next, self._replay, None)
        if entry is not None:
            self._feed(*entry)
            return
        self._replay = None
        if self.journal is not None:
            self._number = self.journal.next
            if self.pipe.is_new and self._number:
                await self._keep(b"")
        self.pipe.is_new = False

    async def _read_new(self) -> None:
        if self.pipe.ended:
            self._finished = True
            self.cutter.finish()
            return
        if self.journal is not None and self.journal.full:
            log.warning("journal full: input waits for the next checkpoint", input=self.wanted.path)
            await self._cut.park()
            return
        data = await self._receive()
        if data:
            await self._keep(data)
        else:
            self.pipe.ended = True

    async def _receive(self) -> bytes:
        """What has come; waits for some, and can be cancelled meanwhile."""
        descriptor = self.pipe.descriptor
        while True:
            try:
                await trio.lowlevel.wait_readable(descriptor)
            except PermissionError:  # no pipe: a file, or /dev/null, which never wait
                return await trio.to_thread.run_sync(os.read, descriptor, PIPE_BYTES)
            try:
                return os.read(descriptor, PIPE_BYTES)
            except BlockingIOError:
                continue
            except OSError as error:
                if error.errno == errno.EIO:  # a terminal that was closed
                    return b""
                raise ApplicationError(
                    f"input {name_of(self.wanted.path)}: {error.strerror}"
                ) from error

    async def _keep(self, data: bytes) -> None:
        """Make *data* durable, then hand it to the parser.

        It is in the pipe no more: whoever is cancelled writes it nevertheless. The copy is not
        waited for then: the holder may be away.
        """
        number = self._number
        if self.journal is not None:
            number = self.journal.next
            with trio.CancelScope(shield=True):
                await self._write(self.journal, data)
            await trio.to_thread.run_sync(self.journal.wait_copied)
        self._feed(number, data)

    async def _write(self, journal: Journal, data: bytes) -> None:
        while True:
            try:
                async with self._using:
                    await trio.to_thread.run_sync(journal.write, [("", 0, data)])
            except CannotCreateError as error:
                log.warning("the journal cannot be written; input waits", reason=error.message)
                await trio.sleep(WRITE_AGAIN_S)
            else:
                return

    async def committed(self, position: Any) -> None:
        """See `SourceReader.committed`: what is before *position* is cut off."""
        if self.journal is None or position is None:
            return
        async with self._using:
            if self._closed:
                return
            try:
                await trio.to_thread.run_sync(self.journal.cut, position["entry"])
            except CannotCreateError as error:
                log.warning("the journal cannot be truncated", reason=error.message)
        self._cut.unpark_all()

    async def aclose(self) -> None:
        """See `SourceReader.aclose`: the pipe stays open for the next reader."""
        self._closed = True
        async with self._using:
            if self.journal is not None:
                self.journal.close()
