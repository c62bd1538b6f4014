"""A receiver of an exactly-once TCP sink: takes each number once, and checks what is repeated."""

import contextlib
import random
import socketserver
import threading
from types import TracebackType

from wallarood.connectors.framing import (
    Answer,
    Hello,
    frame,
    hello_decoder,
    payload_of,
    sequence_of,
    take_frames,
)

BREAK = 0.01
"""How likely a record breaks its connection."""


class LineReceiver:
    """Takes lines on a port of loopback, for a `with` statement; `lines` has them all."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._lock = threading.Lock()
        receiver = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                with contextlib.suppress(OSError):
                    for line in self.rfile:
                        receiver._take(line)

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])

    def _take(self, line: bytes) -> None:
        if line.endswith(b"\n"):  # else its sender died in the middle
            with self._lock:
                self.lines.append(line.decode().rstrip("\n"))

    def __enter__(self) -> "LineReceiver":
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


class Receiver:
    """Listens on *port* of loopback, 0 for a free one, for a `with` statement.

    Now and then, after *breaks* of the records, it breaks a connection before it has acknowledged
    what it took, and asks for that again: so repeats come whoever dies. `records` has the payloads
    of each client in order; `repeats` counts what came again. `wrong` says what must not be: a gap,
    or a number that stands for other bytes than before. When a sink goes on in another line, the
    records that it replaces are dropped from `records`, and counted in `replaced`.
    """

    def __init__(self, port: int = 0, *, breaks: float = BREAK) -> None:
        self._breaks = breaks
        self.records: dict[str, list[bytes]] = {}
        self.repeats = self.replaced = 0
        self.wrong: list[str] = []
        self._acknowledged: dict[str, int] = {}
        self._lines: dict[str, tuple[str, int]] = {}
        self._random = random.Random(11)
        self._lock = threading.Lock()
        receiver = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                receiver._serve(self)

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])

    def _serve(self, handler: socketserver.BaseRequestHandler) -> None:
        buffer, name = bytearray(), ""
        while data := self._received(handler):
            buffer += data
            for each in take_frames(buffer, 1 << 20):
                if not name:
                    name = self._greeted(hello_decoder.decode(each))
                    answer = Answer(next=self._acknowledged.get(name, 0) + 1)
                else:
                    answer = Answer(ack=self._take(name, sequence_of(each), payload_of(each)))
                    if self._random.random() < self._breaks:
                        return
                    self._acknowledged[name] = answer.ack or 0
                handler.request.sendall(frame(answer))

    def _greeted(self, hello: Hello) -> str:
        """Take a hello; drop what it says is replaced. Returns the name of the client."""
        sink = hello.sink or hello.client
        with self._lock:
            self.records.setdefault(hello.client, [])
            self._lines[hello.client] = (sink, hello.line)
            for client in self._older(sink, hello.line):
                line = self._lines[client][1]
                kept = hello.after if line == hello.after_line else 0
                if line >= hello.after_line:
                    self.replaced += len(self.records[client][kept:])
                    del self.records[client][kept:]
                    known = self._acknowledged.get(client, 0)
                    self._acknowledged[client] = min(known, kept)
        return hello.client

    def _older(self, sink: str, line: int) -> list[str]:
        """The clients that a sink had in older lines."""
        lines = self._lines.items()
        return [client for client, (of, before) in lines if of == sink and before < line]

    @staticmethod
    def _received(handler: socketserver.BaseRequestHandler) -> bytes:
        try:
            return bytes(handler.request.recv(1 << 16))
        except OSError:
            return b""

    def _take(self, name: str, sequence: int, payload: bytes) -> int:
        with self._lock:
            known = self.records[name]
            if sequence == len(known) + 1:
                sink, line = self._lines[name]
                if any(of == sink and newer > line for of, newer in self._lines.values()):
                    self.wrong.append(f"{name}: {sequence} came in a line that was replaced")
                known.append(payload)
            elif sequence > len(known):
                self.wrong.append(f"{name}: {sequence} came after {len(known)}")
            else:
                self.repeats += 1
                if known[sequence - 1] != payload:
                    self.wrong.append(f"{name}: {sequence} has other bytes than before")
            return sequence

    def __enter__(self) -> "Receiver":
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
