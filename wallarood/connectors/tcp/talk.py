"""How clients of a TCP source speak: lines of text, or frames with sequence numbers."""

from collections.abc import Callable
from typing import Any, Protocol

import attrs
import structlog

from wallarood.app.connector import SourceLimits, Unreadable
from wallarood.connectors.framing import (
    CLIENT_CHARACTERS_MAX,
    VERSION,
    Answer,
    hello_decoder,
    payload_of,
    sequence_of,
    take_frames,
)
from wallarood.connectors.journal.blocks import Entry
from wallarood.connectors.tcp.clients import Client, Clients

SHOWN_BYTES = 80
NAMES_BYTES_MAX = 1 << 20
"""How much the names of all clients may take together, since every file of the journal has them."""

log = structlog.get_logger(__name__)

Decode = Callable[[bytes], Any]


@attrs.define
class Taken:
    """What has arrived and is not yet durable: entries and the records that they are.

    With an `on_error` that takes it, an `Unreadable` stands in the place of a record.
    """

    entries: list[Entry] = attrs.field(factory=list)
    records: list[Any] = attrs.field(factory=list)


class Talk(Protocol):
    """How clients speak."""

    def take(self, client: Client, clients: Clients, taken: Taken, *, limits: SourceLimits) -> None:
        """Take what is whole off the client's buffer. Raises ValueError: it is malformed."""

    def end(self, client: Client, taken: Taken) -> None:
        """The client has closed its connection in an orderly way: take what is left of it."""

    def decode(self, payload: bytes) -> Any:
        """The record of an entry, or an `Unreadable` if such are taken.

        Raises ValueError or RecursionError: it is malformed.
        """

    def begin(self, highest: dict[str, int]) -> None:
        """The journal has these sequence numbers."""

    def durable(self, clients: Clients, entries: list[Entry]) -> None:
        """These entries are durable."""


@attrs.frozen
class Lines:
    """Lines of text: clients have no names, and are told only that a line was dropped.

    `unreadable`: a line that is not text is taken as an `Unreadable` of that place, not dropped.
    """

    unreadable: str | None = None

    def take(self, client: Client, clients: Clients, taken: Taken, *, limits: SourceLimits) -> None:  # noqa: ARG002
        """See `Talk.take`."""
        buffer = client.buffer
        end = buffer.rfind(b"\n") + 1
        if len(buffer) - end > limits.record_bytes_max:
            raise ValueError(f"a line of more than {limits.record_bytes_max:,} bytes")
        if not end:
            return
        lines = bytes(buffer[:end]).split(b"\n")[:-1]
        del buffer[:end]
        self._take_lines(client, lines, taken)

    def end(self, client: Client, taken: Taken) -> None:
        """See `Talk.end`."""
        if client.buffer:
            self._take_lines(client, [bytes(client.buffer)], taken)
            client.buffer.clear()

    def _take_lines(self, client: Client, lines: list[bytes], taken: Taken) -> None:
        try:
            records = [self.decode(line) for line in lines]
        except UnicodeDecodeError:
            lines = [line for line in lines if self._is_text(client, line)]
            records = [self.decode(line) for line in lines]
        taken.records += records
        taken.entries += [("", 0, line) for line in lines]

    def _is_text(self, client: Client, line: bytes) -> bool:
        try:
            self.decode(line)
        except UnicodeDecodeError as error:
            client.bad_lines += 1
            if str(client.bad_lines).strip("0") == "1":  # the 1st, 10th, 100th, …
                log.warning(
                    "line dropped: it is not UTF-8",
                    peer=client.peer,
                    reason=str(error),
                    line=repr(line[:SHOWN_BYTES]),
                    dropped=client.bad_lines,
                )
                client.say_if_there(f"line dropped: it is not UTF-8: {line[:SHOWN_BYTES]!r}")
            return False
        return True

    def decode(self, payload: bytes) -> Any:
        """See `Talk.decode`."""
        try:
            return payload.removesuffix(b"\r").decode("utf-8")
        except UnicodeDecodeError as error:
            if self.unreadable is None:
                raise
            return Unreadable(str(error), payload, self.unreadable)

    def begin(self, highest: dict[str, int]) -> None:
        """See `Talk.begin`."""

    def durable(self, clients: Clients, entries: list[Entry]) -> None:
        """See `Talk.durable`."""


class Framed:
    """Frames with sequence numbers. *decode_json* makes a record of a payload; None: it is one.

    *unreadable*: a payload that is none is taken as an `Unreadable` of that place, not refused.
    """

    def __init__(self, decode_json: Decode | None, unreadable: str | None = None) -> None:
        self._decode_json = decode_json
        self._unreadable = unreadable
        self._accepted: dict[str, int] = {}
        self._durable: dict[str, int] = {}

    def begin(self, highest: dict[str, int]) -> None:
        """See `Talk.begin`."""
        self._accepted, self._durable = dict(highest), dict(highest)

    def decode(self, payload: bytes) -> Any:
        """See `Talk.decode`."""
        if self._decode_json is None:
            return payload
        try:
            return self._decode_json(payload)
        except (ValueError, RecursionError) as error:
            if self._unreadable is None:
                raise
            return Unreadable(str(error), payload, self._unreadable)

    def take(self, client: Client, clients: Clients, taken: Taken, *, limits: SourceLimits) -> None:
        """See `Talk.take`."""
        frames = take_frames(client.buffer, limits.record_bytes_max)
        if frames and not client.name:
            self._greet(client, clients, frames.pop(0))
        repeated = False
        for data in frames:
            repeated |= not self._take_one(client, data, taken)
        if repeated and client.greeted and client.name in self._durable:
            client.tell(Answer(ack=self._durable[client.name]))

    def end(self, client: Client, taken: Taken) -> None:  # noqa: ARG002
        """See `Talk.end`."""
        if client.buffer:
            size = len(client.buffer)
            log.warning("unfinished record dropped", peer=client.peer, size_bytes=size)

    def _greet(self, client: Client, clients: Clients, data: bytes) -> None:
        hello = hello_decoder.decode(data)
        if hello.wallarood != VERSION:
            raise ValueError(f"protocol version {hello.wallarood}: expected {VERSION}")
        if not 0 < len(hello.client) <= CLIENT_CHARACTERS_MAX:
            raise ValueError(f"a client's name has 1 to {CLIENT_CHARACTERS_MAX} characters")
        if hello.client not in self._accepted and self._names_bytes() > NAMES_BYTES_MAX:
            raise ValueError(
                f"{len(self._accepted):,} clients are known, which is the most that are accepted"
            )
        clients.replace(hello.client, client)
        client.name = hello.client
        # Records of its former connection may have been taken and not be durable yet. Their numbers
        # are used up: it is told the next one when they are (see `durable`).
        if self._accepted.get(client.name, 0) == self._durable.get(client.name, 0):
            self._greet_back(client)

    def _greet_back(self, client: Client) -> None:
        client.greeted = True
        client.tell_if_there(Answer(next=self._durable.get(client.name, 0) + 1))

    def _names_bytes(self) -> int:
        return sum(len(each.encode()) for each in self._accepted)

    def _take_one(self, client: Client, data: bytes, taken: Taken) -> bool:
        """Take a record; whether it is new. Raises ValueError."""
        sequence, before = sequence_of(data), self._accepted.get(client.name, 0)
        if sequence <= before:
            return False
        if sequence != before + 1:
            raise ValueError(f"record {sequence:,} came where {before + 1:,} was due")
        payload = payload_of(data)
        try:
            taken.records.append(self.decode(payload))
        except ValueError as error:
            raise ValueError(f"record {sequence:,} is malformed: {error}") from error
        taken.entries.append((client.name, sequence, payload))
        self._accepted[client.name] = sequence
        return True

    def durable(self, clients: Clients, entries: list[Entry]) -> None:
        """See `Talk.durable`: acknowledge, once for each client."""
        last = {client: sequence for client, sequence, _ in entries}
        self._durable |= last
        for client in clients.named(last):
            if client.greeted:
                client.tell_if_there(Answer(ack=last[client.name]))
            else:
                self._greet_back(client)
