"""Records that are a line each: text, bytes, or a JSON value.

Whole lines come as one piece of bytes. All of them are turned into records in one call of C; only
if that fails, line by line, to find those at fault.
"""

import json
from collections.abc import Callable
from enum import Enum
from typing import Any, Protocol

import attrs
import msgspec

from wallarood.connectors.parse.options import Format


class Ahead(Enum):
    """What follows the bytes that are at hand."""

    MORE = "more"
    NOTHING = "nothing"


@attrs.frozen
class Fault:
    """Lines that are no record: the first one, counted from 0 in its piece, and their number."""

    line: int
    lines: int
    raw: bytes
    byte: int
    """Where it begins in its piece."""
    error: str


@attrs.frozen
class Parsed:
    """The records of the first *used* bytes of a piece, and what is none.

    `starts` has the line and the byte in the piece that each record begins at, if records are to
    be located; it is empty where each line is a record.
    """

    records: list[Any]
    used: int
    faults: tuple[Fault, ...] = ()
    starts: list[tuple[int, int]] = attrs.field(factory=list)


class Parser(Protocol):
    """Parses the pieces of one input in order. `ready` is false until it knows the columns."""

    @property
    def ready(self) -> bool:
        """Whether the columns are known; true for formats without columns."""

    def parse(self, piece: bytes, lines: int, ahead: Ahead) -> Parsed:
        """The records of *piece*: so many whole lines, the last one without its end if final.

        If the last record continues after the piece it is not used.
        """


LINE_ERRORS = (ValueError, RecursionError, msgspec.MsgspecError)


@attrs.frozen
class LineParser:
    """A record a line. `all_of` parses a piece at once, `one_of` a line without its end.

    *one_of* returns a list of one record, or of none.
    """

    all_of: Callable[[bytes, int], list[Any] | None]
    one_of: Callable[[bytes], list[Any]]
    located: bool = False
    ready: bool = True

    def parse(self, piece: bytes, lines: int, ahead: Ahead) -> Parsed:  # noqa: ARG002
        """See `Parser.parse`."""
        try:
            records = self.all_of(piece, lines)
            if records is not None:
                return Parsed(records, len(piece))
        except LINE_ERRORS:
            pass
        return self._each(piece)

    def _each(self, piece: bytes) -> Parsed:
        records: list[Any] = []
        faults = []
        starts = []
        byte = 0
        for number, line in enumerate(lines_of(piece)):
            try:
                made = self.one_of(line)
                records += made
                if self.located and made:
                    starts.append((number, byte))
            except LINE_ERRORS as error:
                faults.append(Fault(number, 1, line, byte, str(error)))
            byte += len(line) + 1
        return Parsed(records, len(piece), tuple(faults), starts)


def lines_of(piece: bytes) -> list[bytes]:
    """The lines of *piece* without their ends."""
    lines = piece.split(b"\n")
    if not lines[-1]:
        lines.pop()
    return lines


def line_parser(form: Format) -> LineParser:
    """The parser of *form*: "lines", "bytes" or "json"."""
    match form.format:
        case "json":
            return _json_parser(form)
        case "bytes":
            return LineParser(
                lambda piece, _: None if b"\r" in piece else lines_of(piece),
                lambda line: [line.removesuffix(b"\r")],
                form.located,
            )
        case _:
            return _text_parser(form)


def _text_parser(form: Format) -> LineParser:
    encoding, errors = "utf-8" if form.wide else form.encoding, form.errors

    def all_of(piece: bytes, _: int) -> list[str]:
        texts = piece.decode(encoding, errors).split("\n")
        if not texts[-1]:
            texts.pop()
        if b"\r" in piece:
            return [text.removesuffix("\r") for text in texts]
        return texts

    def one_of(line: bytes) -> list[str]:
        return [line.decode(encoding, errors).removesuffix("\r")]

    return LineParser(all_of, one_of, form.located)


def _json_parser(form: Format) -> LineParser:
    decoder = msgspec.json.Decoder(form.record)
    one, many = decoder.decode, decoder.decode_lines
    recoded = not (form.wide or (form.encoding in ("utf-8", "ascii") and form.errors == "strict"))

    def utf8(data: bytes) -> bytes:
        return data.decode(form.encoding, form.errors).encode() if recoded else data

    def all_of(piece: bytes, lines: int) -> list[Any] | None:
        piece = utf8(piece)
        # `decode_lines` also takes a value of many lines, and many values in one line. It is exact
        # if each line is an object as far as its first and last byte tell, and there are as many.
        objects = piece.startswith(b"{") + piece.count(b"}\n{")
        if b"\r" in piece:
            objects += piece.count(b"}\r\n{")
        if objects != lines:
            return None
        records: list[Any] = many(piece)
        return records if len(records) == lines else None

    def one_of(line: bytes) -> list[Any]:
        line = utf8(line)
        if not line.strip():
            return []
        try:
            return [one(line)]
        except LINE_ERRORS as error:
            if not form.nan and (b"NaN" in line or b"Infinity" in line):
                raise ValueError(f"{error} (nan=True accepts NaN and Infinity)") from None
            if not form.nan:
                raise
            return [msgspec.convert(json.loads(line), form.record)]

    return LineParser(all_of, one_of, form.located)
