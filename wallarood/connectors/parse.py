"""Lines of bytes to records: text, JSON or CSV, with errors that name the file and the byte."""

import csv
from collections.abc import Callable, Iterator
from typing import Any

import attrs
import msgspec

from wallarood.model.errors import ApplicationError


@attrs.define(eq=False)
class Parser:
    """The lines of one file, in order. `header` has the names of a CSV file's columns."""

    path: str
    _parse: Callable[["Parser", list[bytes]], list[Any]]
    _parse_one: Callable[["Parser", bytes], object]
    header: list[str] = attrs.field(factory=list)

    def parse_lines(self, lines: list[bytes], start: int) -> list[Any]:
        """The records of *lines*, which begin at byte *start*.

        Raises ApplicationError: a line is not what the format says.
        """
        header = list(self.header)
        try:
            return self._parse(self, lines)
        except (ValueError, csv.Error, RecursionError):
            self.header = header
            raise self._error(lines, start) from None

    def _error(self, lines: list[bytes], start: int) -> ApplicationError:
        """Parse again, line by line, to find the one at fault: only on the way to an error."""
        for line in lines:
            try:
                self._parse_one(self, line)
            except (ValueError, csv.Error, RecursionError) as error:
                return ApplicationError(
                    f"input file {self.path}: the record at byte {start:,} cannot be read: "
                    f"{error}\n"
                    f"  record: {line[:200]!r}"
                )
            start += len(line) + 1
        return ApplicationError(f"input file {self.path}: records at byte {start:,} are damaged")


def parser_for(file_format: str, record: Any, path: str) -> Parser:
    """The parser of *file_format* ("lines", "json" or "csv") for one file."""
    if file_format == "csv":
        return Parser(path, _csv, lambda parser, line: _csv(parser, [line]))
    if file_format == "json":
        decode = msgspec.json.Decoder(record).decode
        return Parser(
            path,
            lambda _, lines: [decode(line) for line in lines if line.strip()],
            lambda _, line: decode(line) if line.strip() else None,
        )
    return Parser(path, _text, lambda parser, line: _text(parser, [line]))


def _text(_parser: Parser, lines: list[bytes]) -> list[Any]:
    """Decode all lines at once: splitting text again is cheaper than decoding each line."""
    text = b"\n".join(lines).decode("utf-8")
    if "\r" in text:
        return [line.removesuffix("\r") for line in text.split("\n")]
    return text.split("\n")


def _csv(parser: Parser, lines: list[bytes]) -> list[Any]:
    texts: Iterator[str] = (line.decode("utf-8") for line in lines)
    records = []
    for row in csv.reader(texts, strict=True):
        if not row:
            continue
        if not parser.header:
            parser.header = row
        elif len(row) == len(parser.header):
            records.append(dict(zip(parser.header, row, strict=True)))
        else:
            raise ValueError(f"{len(row)} fields, but the first row has {len(parser.header)}")
    return records
