"""What stands in the parts of a sink of files: lines, or Parquet. Records in, bytes out."""

from typing import Any, Final, Literal, Protocol, TypeAlias

import attrs

from wallarood.connectors.parquet.arrow import check_arrow
from wallarood.connectors.parquet.options import ParquetOptions
from wallarood.connectors.text import SUFFIXES, LineEncoder, LineFormat, LineOptions, encoder
from wallarood.model.errors import ApplicationError

BUFFER_BYTES = 1 << 20

PARQUET: Final = "parquet"
PartFormat: TypeAlias = LineFormat | Literal["parquet"]


class PartBody(Protocol):
    """The content of one part after the other, of one sink instance."""

    @property
    def kept(self) -> str | None:
        """What must be the same after a restart, for the state of the sink; None: nothing."""

    def add(self, records: list[Any]) -> bool:
        """Take in records of the current part; whether `take` should be called now.

        Raises ApplicationError: a record cannot be written; it is named.
        """

    def take(self) -> bytes:
        """What can be written by now. May take long: in a thread."""

    def finish(self) -> bytes:
        """The rest of the current part, empty if nothing was added. In a thread."""


@attrs.define(eq=False)
class LineBody:
    """Lines, as `encode` makes them."""

    encode: LineEncoder
    kept: str | None = None
    _buffer: bytearray = attrs.field(factory=bytearray, init=False)
    _begun: bool = attrs.field(default=False, init=False)

    def add(self, records: list[Any]) -> bool:
        """See `PartBody.add`."""
        data = self.encode(records)
        if not self._begun:
            data = self.encode.head() + data
            self._begun = bool(data)
        self._buffer += data
        return len(self._buffer) >= BUFFER_BYTES

    def take(self) -> bytes:
        """See `PartBody.take`."""
        data, self._buffer = bytes(self._buffer), bytearray()
        return data

    def finish(self) -> bytes:
        """See `PartBody.finish`."""
        self._begun = False
        return self.take()


@attrs.frozen
class PartPlace:
    """Where a writer stands: the number of its next part, and what its body keeps."""

    number: int = 0
    kept: str | None = None

    @classmethod
    def of(cls, state: Any) -> "PartPlace":
        """From the state of a writer; None: the beginning."""
        if isinstance(state, dict):
            return cls(state["number"], state["kept"])
        return cls(state or 0)

    @property
    def state(self) -> Any:
        """As the state of a writer, a JSON value."""
        return self.number if self.kept is None else {"number": self.number, "kept": self.kept}


@attrs.frozen
class PartOptions:
    """What a sink of files is told about their content."""

    format: PartFormat
    lines: LineOptions
    parquet: ParquetOptions

    def check(self, owner: str) -> None:
        """Raises ApplicationError: an option is wrong, or is for another format."""
        if self.format not in (*SUFFIXES, PARQUET):
            expected = ", ".join((*SUFFIXES, PARQUET))
            raise ApplicationError(f"{owner}: format={self.format!r}: expected one of {expected}")
        if self.format != PARQUET:
            encoder(self.format, self.lines)
            self.parquet.check_unused(owner, self.format)
            return
        self.parquet.check(owner)
        if self.lines != LineOptions():
            raise ApplicationError(
                f'{owner}: header, delimiter and nan are for lines, found format="parquet"'
            )

    def check_there(self) -> None:
        """Raises ApplicationError: a library that the format needs is not installed."""
        if self.format == PARQUET:
            check_arrow()

    @property
    def suffix(self) -> str:
        """What names of parts end in."""
        return PARQUET if self.format == PARQUET else SUFFIXES[self.format]

    def body(self, owner: str, sink: str, kept: str | None) -> PartBody:
        """The content of the parts of a sink instance, with what was *kept* of an earlier life.

        Raises ApplicationError: a library that is needed is not installed.
        """
        if self.format == PARQUET:
            from wallarood.connectors.parquet.body import ParquetBody  # noqa: PLC0415 - only here

            return ParquetBody.of(owner, sink, self.parquet, kept=kept)
        return LineBody(encoder(self.format, self.lines, sink=sink))
