"""The client protocol of NATS as bytes, without input and output: what both ends say."""

from collections.abc import Mapping

import attrs

LINE_END = b"\r\n"
HEADER = b"NATS/1.0"


class NatsProtocolError(Exception):
    """What came is not the protocol, or the server refuses; the message is for a person."""


@attrs.frozen
class Message:
    """A message: `status` is that of its first header line, empty if there is none."""

    subject: str
    payload: bytes
    headers: Mapping[str, str] = attrs.field(factory=dict)
    status: str = ""


@attrs.frozen
class Info:
    """The first that a server says, as JSON."""

    raw: bytes


@attrs.frozen
class Ping:
    """It wants to know whether we are there."""


@attrs.frozen
class Pong:
    """It is there."""


Heard = Message | Info | Ping | Pong


def publish(
    subject: str, payload: bytes, *, reply: str = "", headers: Mapping[str, str] | None = None
) -> bytes:
    """A message to *subject*; answers go to *reply*."""
    if not headers:
        return f"PUB {subject} {reply} {len(payload)}\r\n".encode() + payload + LINE_END
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head = HEADER + LINE_END + lines.encode() + LINE_END
    sizes = f"{len(head)} {len(head) + len(payload)}"
    return f"HPUB {subject} {reply} {sizes}\r\n".encode() + head + payload + LINE_END


@attrs.define
class Parser:
    """Cuts what comes into what was said."""

    _buffer: bytearray = attrs.field(factory=bytearray, init=False)
    _at: int = attrs.field(default=0, init=False)

    def feed(self, data: bytes) -> None:
        """Take what has come."""
        del self._buffer[: self._at]
        self._at = 0
        self._buffer += data

    def next(self) -> Heard | None:
        """What comes next; None: it has not come whole. Raises NatsProtocolError."""
        end = self._buffer.find(LINE_END, self._at)
        if end < 0:
            return None
        line = bytes(self._buffer[self._at : end])
        verb, _, rest = line.partition(b" ")
        match verb.upper():
            case b"MSG" | b"HMSG":
                return self._message(line.decode().split(), end + 2)
            case b"INFO":
                heard: Heard | None = Info(rest)
            case b"PING":
                heard = Ping()
            case b"PONG":
                heard = Pong()
            case b"-ERR":
                raise NatsProtocolError(rest.decode("utf-8", "replace").strip("'"))
            case b"+OK":
                self._at = end + 2
                return self.next()
            case _:
                raise NatsProtocolError(f"unknown words {line[:40]!r}")
        self._at = end + 2
        return heard

    def _message(self, words: list[str], start: int) -> Message | None:
        size = int(words[-1])
        if len(self._buffer) < start + size + 2:
            return None
        body = bytes(self._buffer[start : start + size])
        self._at = start + size + 2
        if words[0].upper() == "MSG":
            return Message(words[1], body)
        head, payload = body[: int(words[-2])], body[int(words[-2]) :]
        first, *lines = head.decode("utf-8", "replace").split("\r\n")
        pairs = (line.partition(":") for line in lines if line)
        headers = {name: value.strip() for name, _, value in pairs}
        return Message(words[1], payload, headers, first.removeprefix("NATS/1.0").strip())
