"""From chunks of bytes to batches of records, each with the place that it ends at.

Theory of operation
===================
A chunk is cut at its last line end; what is left over begins the next one. The whole lines are
parsed piece by piece, as many at a time as make a batch, and only when the batch is asked for: a
position is therefore always a record's end, and no record waits for a whole chunk. A line that is
too long is dropped as it comes, and counts as passed when its end has come.
"""

import codecs
from itertools import accumulate
from typing import Any, TypeAlias

import attrs

from wallarood.app.connector import Located, SourceLimits, Unreadable
from wallarood.connectors.parse.lines import Ahead, Parsed, Parser, line_parser, lines_of
from wallarood.connectors.parse.options import Format
from wallarood.connectors.parse.table import table_parser

SEEN_BYTES = 1024
"""How much before a position is kept, for a checksum."""
RAW_BYTES_MAX = 1000
"""How much of a record that is too long is shown."""

_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def lines_in(piece: bytes) -> int:
    """How many lines *piece* has, the last one perhaps without its end."""
    return piece.count(b"\n") + (not piece.endswith(b"\n"))


Taken: TypeAlias = tuple[list[Any], tuple[Unreadable, ...]]
"""Records, and what lies between them and is none."""


def parser_for(form: Format, where: str) -> Parser:
    """The parser of one input, which is called *where*."""
    return table_parser(form, where) if form.format == "csv" else line_parser(form)


@attrs.define(eq=False)
class Cutter:
    """One input. `offset` and `line` count the bytes and lines of what was handed out.

    `before` has the last bytes before `offset`. `line` is None if unknown. A line that is too
    long is a fault at once if *eager*, else when its end has come. The input begins at *start*.
    """

    where: str
    form: Format
    limits: SourceLimits
    parser: Parser
    offset: int = 0
    line: int | None = 0
    before: bytes = b""
    eager: bool = True
    start: int = 0
    _data: bytes = attrs.field(default=b"", init=False)
    _at: int = attrs.field(default=0, init=False)
    _whole: int = attrs.field(default=0, init=False)
    """Up to where `_data` has whole lines."""
    _final: bool = attrs.field(default=False, init=False)
    _dropped: bytes | None = attrs.field(default=None, init=False)
    """How a line begins that is too long and is being dropped."""
    _dropped_tail: bytes = attrs.field(default=b"", init=False)
    _dropped_bytes: int = attrs.field(default=0, init=False)
    _line_bytes: float = attrs.field(default=80.0, init=False)

    @property
    def held(self) -> int:
        """How many bytes have come and were not handed out."""
        return len(self._data) - self._at

    @property
    def in_line(self) -> bool:
        """Whether a line has come in part."""
        return self._dropped is not None or len(self._data) > self._whole

    @property
    def rest(self) -> bytes:
        """What has come and was not handed out."""
        return self._data[self._at :]

    def feed(self, chunk: bytes) -> None:
        """Take what follows. What came before must have been asked for to its end."""
        self._data = self._data[self._at :] + chunk
        self._at = 0
        self._whole = self._data.rfind(b"\n") + 1

    def finish(self) -> None:
        """Nothing follows: the last line is whole, with or without its end."""
        self._data, self._at = self._data[self._at :], 0
        self._whole, self._final = len(self._data), True

    def take(self) -> Taken | None:
        """The next records and faults, at most one batch; `offset` is after them.

        None: there is no whole record. Raises ApplicationError: this is no file of its format.
        """
        while True:
            if self.offset == self.start and not self._skip_mark():
                return None
            if self._dropped is not None:
                return self._drop()
            if self._at >= self._whole:
                return self._check_rest()
            end, lines = self._piece_end()
            piece = self._data[self._at : end]
            if len(piece) > self.limits.record_bytes_max:
                piece, too_long = self._bounded(piece)
                if too_long:
                    return [], (self._pass_too_long(len(piece)),)
                lines = lines_in(piece)
            parsed = self._parse(piece, lines)
            if not parsed.used and self._at + len(piece) < self._whole:
                piece = self._data[self._at : self._whole]
                lines = lines_in(piece)
                parsed = self._parse(piece, lines)
            if not parsed.used:
                return self._check_rest()
            faults = tuple(self._unreadable(piece, parsed))
            records = self._located(piece, parsed) if self.form.located else parsed.records
            is_all = parsed.used == len(piece) and piece.endswith(b"\n")
            self._pass(parsed.used, lines if is_all else None)
            if records or faults:
                return records, faults

    def _located(self, piece: bytes, parsed: Parsed) -> list[Any]:
        starts = parsed.starts
        if parsed.records and not starts:
            sizes = (len(line) + 1 for line in lines_of(piece))
            starts = list(enumerate(accumulate(sizes, initial=0)))
        return [
            Located(record, self.where, self.offset + byte, self._line_of(line))
            for record, (line, byte) in zip(parsed.records, starts, strict=False)
        ]

    def _parse(self, piece: bytes, lines: int) -> Parsed:
        is_last = self._final and self._at + len(piece) == len(self._data)
        return self.parser.parse(piece, lines, Ahead.NOTHING if is_last else Ahead.MORE)

    def learn(self) -> None:
        """Parse up to the names of the columns, whatever follows. Nothing is handed out."""
        if self.offset != self.start or self._skip_mark():
            end = self._data.find(b"\n", self._at) + 1
            while not self.parser.ready and 0 < end <= self._whole:
                parsed = self.parser.parse(self._data[self._at : end], 1, Ahead.MORE)
                if parsed.used:
                    self._pass(parsed.used)
                end = self._data.find(b"\n", end) + 1

    def _skip_mark(self) -> bool:
        """Pass the byte order mark; false if it is not known yet whether there is one."""
        if self.form.format == "bytes" or self.form.encoding != "utf-8":
            return True
        held = self._data[self._at : self._at + 3]
        if held == codecs.BOM_UTF8:
            self._at += 3
            self.offset += 3
            self.before = held
        return held == codecs.BOM_UTF8 or self._final or not codecs.BOM_UTF8.startswith(held)

    def _piece_end(self) -> tuple[int, int]:
        """Where the next piece ends, after as many lines as make a batch, or fewer; how many."""
        most, at = self.limits.batch_records_max, self._at
        guess = min(at + max(1, int(self._line_bytes * most)), self._whole) - 1
        end = self._data.find(b"\n", guess, self._whole) + 1 or self._whole
        count = self._data.count(b"\n", at, end)
        if count > most:
            lines = self._data[at:end].split(b"\n", most)
            end -= len(lines[-1])
            count = most
        if not self._data.endswith(b"\n", at, end):
            count += 1
        self._line_bytes = (end - at) / count
        return end, count

    def _bounded(self, piece: bytes) -> tuple[bytes, bool]:
        """The part of *piece* up to the first line that is too long, or that line."""
        most, start = self.limits.record_bytes_max, 0
        while start < len(piece):
            end = piece.find(b"\n", start) + 1 or len(piece)
            if end - start - piece.endswith(b"\n", start, end) > most:
                return (piece[:start], False) if start else (piece[:end], True)
            start = end
        return piece, False

    def _check_rest(self) -> Taken | None:
        """No record is whole; is the one that has begun too long already?"""
        if self.held <= self.limits.record_bytes_max:
            return None
        first = self._data.find(b"\n", self._at, self._whole) + 1
        if first:  # a quote that is not closed: the line with it is at fault
            return [], (self._pass_too_long(first - self._at),)
        self._dropped = self._data[self._at : self._at + RAW_BYTES_MAX]
        return self._drop()

    def _drop(self) -> Taken | None:
        """Forget a line that is too long as it comes. It is passed when its end has come."""
        assert self._dropped is not None
        end = self._data.find(b"\n", self._at) + 1
        whole = end > 0 or self._final
        end = end or len(self._data)
        self._dropped_tail = (self._dropped_tail + self._data[self._at : end])[-SEEN_BYTES:]
        self._dropped_bytes += end - self._at
        self._at = end
        if not whole and not self.eager:
            return None
        fault = self._too_long(self._dropped)
        self.before = self._dropped_tail
        self.offset += self._dropped_bytes
        if self.line is not None:
            self.line += 1
        self._dropped, self._dropped_tail, self._dropped_bytes = None, b"", 0
        return [], (fault,)

    def _pass_too_long(self, size: int) -> Unreadable:
        fault = self._too_long(self._data[self._at : self._at + min(size, RAW_BYTES_MAX)])
        self._pass(size)
        return fault

    def _too_long(self, raw: bytes) -> Unreadable:
        error = f"longer than {self.limits.record_bytes_max:,} bytes (limits.record-bytes-max)"
        return Unreadable(error, raw, self.where, self._line_of(0), self.offset)

    def _line_of(self, number: int) -> int | None:
        return None if self.line is None else self.line + number + 1

    def _unreadable(self, piece: bytes, parsed: Parsed) -> list[Unreadable]:
        hint = ""
        if self.offset == self.start and piece.startswith(_UTF16):
            hint = ' (it begins with the byte order mark of UTF-16: set encoding="utf-16")'
        return [
            Unreadable(
                fault.error + hint,
                fault.raw,
                self.where,
                self._line_of(fault.line),
                self.offset + fault.byte,
            )
            for fault in parsed.faults
        ]

    def _pass(self, size: int, lines: int | None = None) -> None:
        """Count *size* bytes as handed out, and so many lines if that is known."""
        at, end = self._at, self._at + size
        tail = self._data[max(at, end - SEEN_BYTES) : end]
        self.before = tail if size >= SEEN_BYTES else (self.before + tail)[-SEEN_BYTES:]
        if self.line is not None:
            self.line += lines if lines is not None else self._data.count(b"\n", at, end)
        self._at = end
        self.offset += size
