"""Reading one file from a position to its end.

A position is ``{"pass": number, "bytes": offset, "line": number, "seen": [size, checksum]}``, with
``"ino"`` as the file's and, if the file had no more at that time, its size as ``"end"``.
"""

from collections.abc import Callable
from typing import Any

import attrs
import structlog
import trio
from xxhash import xxh3_64_hexdigest

from wallarood.app.connector import SourceBatch, SourceLimits, Unreadable
from wallarood.connectors.file.input import READ_BYTES, InputFile, open_input
from wallarood.connectors.file.listing import Split
from wallarood.connectors.file.unpack import DamagedError
from wallarood.connectors.parse.cutter import SEEN_BYTES, Cutter, parser_for
from wallarood.connectors.parse.options import Format
from wallarood.model.errors import ApplicationError, CannotCreateError

CHUNK_BYTES = READ_BYTES

log = structlog.get_logger(__name__)


def error_of(fault: Unreadable) -> ApplicationError:
    """What ends the job if the policy is to stop."""
    where = f"line {fault.line:,}, " if fault.line is not None else ""
    place = f"{where}the record at byte {fault.byte:,}"
    said = "is" if fault.error.startswith("longer than") else "cannot be read:"
    return ApplicationError(
        f"input file {fault.place}: {place} {said} {fault.error}\n  record: {fault.raw[:200]!r}"
    )


def place_of(cutter: Cutter) -> dict[str, Any]:
    """Where *cutter* stands, as a part of a position."""
    seen = [len(cutter.before), xxh3_64_hexdigest(cutter.before)]
    return {"bytes": cutter.offset, "line": cutter.line, "seen": seen}


def learn_names(file: InputFile, cutter: Cutter) -> None:
    """Let the parser read the names of the columns, if they stand in the file."""
    while not cutter.parser.ready:
        data = file.read(min(CHUNK_BYTES, 1 << 16))
        if not data:
            cutter.finish()
        else:
            cutter.feed(data)
        cutter.learn()
        if not data:
            return


def new_cutter(path: str, form: Format, limits: SourceLimits, *, stops: object) -> Cutter:
    """A cutter for the file *path* from its beginning."""
    return Cutter(path, form, limits, parser_for(form, path), eager=bool(stops))


def go_to(file: InputFile, cutter: Cutter, place: dict[str, Any]) -> str:
    """Go to where *place* says; what is wrong with that, in words, or nothing.

    Raises OSError, and DamagedError.
    """
    offset: int = place["bytes"]
    if not cutter.parser.ready and offset:
        file.seek(0, 0)
        learn_names(file, new := attrs.evolve(cutter))
        cutter.parser = new.parser
    size, checksum = place.get("seen") or (SEEN_BYTES, None)
    before = file.seek(offset, size)
    if file.offset < offset:
        have = f"{file.offset:,} bytes, but {offset:,} were read before"
        return f"has {have}: it was truncated or replaced"
    if checksum is not None and xxh3_64_hexdigest(before) != checksum:
        return (
            f"is not the one that was read before: the {size:,} bytes before byte {offset:,} are "
            "different now: it was rotated or replaced"
        )
    cutter.offset, cutter.before, cutter.line = offset, before, place.get("line")
    return ""


def _refused(path: str, error: OSError) -> CannotCreateError:
    """What one worker cannot open or read may be readable for the others: its own trouble."""
    return CannotCreateError(
        f"input file {path}: {error.strerror or error}; this worker is to read it: make it "
        "readable here at this path, and start this worker again; the other workers wait"
    )


@attrs.define(eq=False)
class FileReader:
    """Reads *split* of a file, *repeat* times; *opened* opens it.

    With *stops* a record that cannot be read is an error, else a part of the batch.
    """

    split: Split
    form: Format
    limits: SourceLimits
    stops: bool
    repeat: int = 1
    opened: Callable[[str, Format], InputFile] = open_input
    number: int = attrs.field(default=0, init=False)
    done: bool = attrs.field(default=False, init=False)
    position: Any = attrs.field(default=None, init=False)
    _file: InputFile | None = attrs.field(default=None, init=False)
    _cutter: Cutter | None = attrs.field(default=None, init=False)
    _ended: bool = attrs.field(default=False, init=False)
    _size: int | None = attrs.field(default=None, init=False)
    _ino: int = attrs.field(default=0, init=False)

    def begin(self, position: Any) -> None:
        """Open the file at *position*.

        Raises ApplicationError: it cannot be opened, is shorter, or is another file, and had not
        been read to its end.
        """
        self.position = position
        place = position or {"pass": 0, "bytes": 0}
        self.number = place["pass"]
        path = self.split.path
        was_at_end = place.get("end") is not None
        try:
            self._file = self.opened(path, self.form)
            self._ino = self._file.inode
            self._cutter = new_cutter(path, self.form, self.limits, stops=self.stops)
            wrong = self._go_to(place)
        except OSError as error:
            if was_at_end and isinstance(error, FileNotFoundError):
                log.info("input file is gone; it had been read to its end", file=path)
                self.done = True
                return
            raise _refused(path, error) from error
        except DamagedError as error:
            raise ApplicationError(f"input file {path}: {error}") from error
        if not wrong:
            return
        if was_at_end:
            log.warning("input file was replaced after it was read to its end", file=path)
            self.done = True
            return
        self.close()
        raise ApplicationError(
            f"input file {path} {wrong}. Restore the previous file under this name, or form a new "
            "cluster to read this one"
        )

    def _go_to(self, place: dict[str, Any]) -> str:
        assert self._file is not None
        assert self._cutter is not None
        if place["bytes"]:
            wrong = go_to(self._file, self._cutter, place)
            if not wrong and place.get("end") is not None:
                self._join_end(self._file, self._cutter)
            return wrong
        self._seek_split(self._file, self._cutter)
        return ""

    def _join_end(self, file: InputFile, cutter: Cutter) -> None:
        """The file may have grown since it was read to its end."""
        if cutter.before.endswith(b"\n") or not cutter.before or file.at_end:
            return
        after = file.read(2)
        skipped = next((len(each) for each in (b"\n", b"\r\n") if after.startswith(each)), 0)
        if skipped == 0:
            log.warning(
                "input file was appended to after a last line without a line end: the new data is "
                "read as a separate record",
                file=self.split.path,
                byte=cutter.offset,
            )
        before = cutter.before + after[:skipped]
        file.seek(cutter.offset + skipped, 0)
        cutter.offset += skipped
        cutter.before = before[-SEEN_BYTES:]

    def _seek_split(self, file: InputFile, cutter: Cutter) -> None:
        """Go to the first line that begins in the split."""
        if self.split.start == 0:
            return
        learn_names(file, named := attrs.evolve(cutter))
        cutter.parser, cutter.line = named.parser, None
        file.seek(self.split.start - 1, 0)
        at = file.offset
        while data := file.read(1 << 16):
            end = data.find(b"\n") + 1
            at += end or len(data)
            if end:
                break
        file.seek(at, 0)
        cutter.offset = at

    @property
    def ended(self) -> bool:
        """Whether there is nothing after the last batch."""
        cutter = self._cutter
        all_came = self._ended or self._size is not None
        return all_came and cutter is not None and cutter.held == 0 and not cutter.in_line

    async def read(self) -> SourceBatch | None:
        """See `SourceReader.read`. Raises ApplicationError: the file is damaged."""
        if self.done:
            await trio.lowlevel.checkpoint()
            return None
        assert self._cutter is not None
        while True:
            taken = self._cutter.take()
            if taken is not None:
                records, faults = taken
                if faults and self.stops:
                    raise error_of(faults[0])
                self.position = self._position()
                return SourceBatch(records, self.position, faults)
            if self._ended and not await self._next_pass():
                return None
            if not self._ended:
                await self._fill()

    def _position(self) -> dict[str, Any]:
        assert self._cutter is not None
        place = {"pass": self.number, **place_of(self._cutter), "ino": self._ino}
        if self._size is not None and self._cutter.held == 0:
            place["end"] = self._size
        return place

    async def _fill(self) -> None:
        assert self._cutter is not None
        try:
            chunk = await trio.to_thread.run_sync(self._chunk)
        except OSError as error:
            raise _refused(self.split.path, error) from error
        except DamagedError as error:
            after = self._cutter.offset + self._cutter.held
            raise ApplicationError(
                f"input file {self.split.path}: damaged after {after:,} bytes: {error}"
            ) from error
        if chunk:
            self._cutter.feed(chunk)
        else:
            self._ended = True
            self._cutter.finish()

    def _chunk(self) -> bytes:
        assert self._file is not None
        assert self._cutter is not None
        size = min(CHUNK_BYTES, self.limits.batch_bytes_max)
        end = self.split.end
        if end is not None:
            size = min(size, end - self._file.offset)
            if size <= 0:
                return self._rest_of_line()
        data = self._file.read(size)
        if not data and self._file.cut_off:
            raise DamagedError(f"the {self._file.kind} data is cut off")
        if data and end is None and self._file.at_end:
            self._size = self._file.raw_offset
        return data

    def _rest_of_line(self) -> bytes:
        """The last line of a split continues after it."""
        assert self._file is not None
        assert self._cutter is not None
        if not self._cutter.in_line:
            return b""
        data = self._file.read(1 << 12)
        found = data.find(b"\n") + 1
        return data[:found] if found else data

    async def _next_pass(self) -> bool:
        if self.number + 1 >= self.repeat or self.position is None:
            return False
        number = self.number + 1
        self.close()
        await trio.to_thread.run_sync(self.begin, {"pass": number, "bytes": 0})
        self._ended, self._size = False, None
        return True

    async def committed(self, position: Any) -> None:
        """See `SourceReader.committed`: the file stays as it is."""

    async def aclose(self) -> None:
        """See `SourceReader.aclose`."""
        self.close()

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None
