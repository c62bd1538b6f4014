"""A client of `TcpSource`, for programs that send records into a cluster. Blocking, one thread.

>>> from wallarood.client import SourceClient
>>> def send(lines: list[str]) -> None:
...     with SourceClient("host1:7800", "till-4") as client:
...         for line in lines:
...             client.send(line.encode())
"""

import contextlib
import socket
import time
from collections import deque
from types import TracebackType

from wallarood.connectors.framing import (
    VERSION,
    Hello,
    answer_decoder,
    frame,
    record_frame,
    take_frames,
)
from wallarood.model.errors import PeersGoneError, RefusedError
from wallarood.model.ids import parse_address

UNACKNOWLEDGED_MAX = 10_000
UNACKNOWLEDGED_BYTES_MAX = 32 << 20
RECEIVE_BYTES = 64 << 10
ANSWER_BYTES_MAX = 64 << 10
BACKOFF_S = 0.2


class SourceClient:
    """Sends records to *address* (HOST:PORT) under the name *client*, which no other may ever use.

    A record is kept until it is acknowledged, and sent again when the connection breaks; so it is
    counted exactly once, whichever worker dies, as long as this process lives. A program that
    starts again asks `next_sequence` how much has arrived of what it had sent before.

    Raises PeersGoneError: no answer within *timeout_s* (default 30). Raises RefusedError: the
    source does not want what was sent; the message says why.
    """

    def __init__(self, address: str, client: str, *, timeout_s: float = 30.0) -> None:
        self._address = parse_address(address)
        self._client = client
        self._timeout_s = timeout_s
        self._kept: deque[tuple[int, bytes]] = deque()
        self._kept_bytes = 0
        self._buffer = bytearray()
        self._socket: socket.socket | None = None
        self._next: int | None = None

    @property
    def next_sequence(self) -> int:
        """The number of the next record: one more than how many have come from this client."""
        if self._next is None:
            self._connect()
        assert self._next is not None
        return self._next

    def send(self, payload: bytes) -> None:
        """Send a record. Returns when it is on its way; `flush` waits for its acknowledgement."""
        sequence = self.next_sequence
        data = record_frame(sequence, payload)
        self._kept.append((sequence, data))
        self._kept_bytes += len(data)
        self._next = sequence + 1
        try:
            self._open().sendall(data)
        except OSError:
            self._connect_again()
        while len(self._kept) >= UNACKNOWLEDGED_MAX or self._kept_bytes >= UNACKNOWLEDGED_BYTES_MAX:
            self._wait_for_answer()

    def flush(self) -> None:
        """Wait until everything is acknowledged."""
        while self._kept:
            self._wait_for_answer()

    def _wait_for_answer(self) -> None:
        try:
            self._take_answers(self._open())
        except OSError:
            self._connect_again()

    def _connect_again(self) -> None:
        """The connection broke: hear why, if it was said, or else make another."""
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.settimeout(0)
                while True:
                    self._take_answers(self._socket)
        self._connect()

    def _open(self) -> socket.socket:
        if self._socket is None:
            self._connect()
        assert self._socket is not None
        return self._socket

    def _connect(self) -> None:
        """Make a connection and send again what is not acknowledged."""
        until = time.monotonic() + self._timeout_s
        while True:
            self._disconnect()
            try:
                self._greet()
                return
            except OSError as error:
                if time.monotonic() > until:
                    raise PeersGoneError(f"no answer from {self._address}: {error}") from error
                time.sleep(BACKOFF_S)

    def _greet(self) -> None:
        where = (self._address.host, self._address.port)
        self._socket = socket.create_connection(where, timeout=self._timeout_s)
        self._socket.sendall(frame(Hello(VERSION, self._client)))
        expected = None
        while expected is None:
            expected = self._take_answers(self._socket)
        if self._kept and self._kept[0][0] > expected:
            raise RefusedError(
                f"{self._address} has {expected - 1:,} records of {self._client}, but has "
                f"acknowledged {self._kept[0][0] - 1:,}: its journal is lost"
            )
        self._acknowledged(expected - 1)
        if self._next is None:
            self._next = expected
        self._socket.sendall(b"".join(data for _, data in self._kept))

    def _take_answers(self, connection: socket.socket) -> int | None:
        """Take in what the source says; `next`, if it says that."""
        data = connection.recv(RECEIVE_BYTES)
        if not data:
            raise ConnectionResetError("the source has closed the connection")
        self._buffer += data
        try:
            frames = take_frames(self._buffer, ANSWER_BYTES_MAX)
            answers = [answer_decoder.decode(each) for each in frames]
        except ValueError as error:
            raise RefusedError(f"{self._address} does not speak the protocol: {error}") from error
        expected = None
        for answer in answers:
            if answer.error is not None:
                raise RefusedError(f"{self._address}: {answer.error}")
            if answer.ack is not None:
                self._acknowledged(answer.ack)
            expected = answer.next if answer.next is not None else expected
        return expected

    def _acknowledged(self, sequence: int) -> None:
        while self._kept and self._kept[0][0] <= sequence:
            self._kept_bytes -= len(self._kept.popleft()[1])

    def _disconnect(self) -> None:
        self._buffer.clear()
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.close()
            self._socket = None

    def close(self) -> None:
        """Close the connection, without waiting."""
        self._disconnect()

    def __enter__(self) -> "SourceClient":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Wait until everything is acknowledged, unless there was an error; then close."""
        try:
            if kind is None:
                self.flush()
        finally:
            self.close()
