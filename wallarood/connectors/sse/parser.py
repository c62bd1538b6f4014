"""Server-sent events: how a stream of them is read."""

import re

import attrs

LINE_END = re.compile(rb"\r\n|\n|\r")
MARK = b"\xef\xbb\xbf"


@attrs.frozen
class Event:
    """An event. `id` is the last that the stream has named, as of this event."""

    kind: str
    data: bytes
    id: str


class TooLongError(ValueError):
    """An event has more bytes than are taken."""


@attrs.define
class EventParser:
    """Makes events of bytes as they come."""

    bytes_max: int
    id: str = ""
    _buffer: bytearray = attrs.field(factory=bytearray, init=False)
    _begun: bool = attrs.field(default=False, init=False)
    _after_return: bool = attrs.field(default=False, init=False)
    """Whether the last line ended with a carriage return, which a line feed may follow."""
    _kind: str = attrs.field(default="", init=False)
    _data: list[bytes] = attrs.field(factory=list, init=False)
    _size_bytes: int = attrs.field(default=0, init=False)

    def feed(self, data: bytes) -> list[Event]:
        """The events that are whole now. Raises TooLongError."""
        if not data:
            return []
        if self._after_return:
            data = data.removeprefix(b"\n")
        self._buffer += data
        if not self._begun and len(self._buffer) >= len(MARK):
            self._begun = True
            if self._buffer.startswith(MARK):
                del self._buffer[: len(MARK)]
        self._after_return = self._buffer.endswith(b"\r")
        *lines, rest = LINE_END.split(bytes(self._buffer))
        self._buffer = bytearray(rest)
        found = [event for line in lines if (event := self._line(line)) is not None]
        if len(self._buffer) + self._size_bytes > self.bytes_max:
            raise TooLongError(f"an event of more than {self.bytes_max:,} bytes")
        return found

    def _line(self, line: bytes) -> Event | None:
        if not line:
            return self._end()
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        match name:
            case b"data":
                self._data.append(value)
                self._size_bytes += len(value) + 1
            case b"event":
                self._kind = value.decode("utf-8", "replace")
            case b"id" if b"\0" not in value:
                self.id = value.decode("utf-8", "replace")
        return None

    def _end(self) -> Event | None:
        kind, data = self._kind or "message", self._data
        self._kind, self._data, self._size_bytes = "", [], 0
        return Event(kind, b"\n".join(data), self.id) if data else None
