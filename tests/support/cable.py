"""A cable between workers that can be cut: a relay from 127.0.0.2:PORT to 127.0.0.1:PORT.

While it is cut, connections stay open and new ones are accepted, but no byte passes, as when a
switch loses its power: neither end is told.
"""

import contextlib
import socket
import threading
from collections.abc import Iterator

import attrs

OUTSIDE, INSIDE = "127.0.0.2", "127.0.0.1"


@attrs.define(eq=False)
class Cable:
    """The relay for some ports; `whole` is cleared to cut it.

    `forget` is what a middlebox does that loses its table: no byte passes on the connections that
    are there, neither end is told, and new ones work.
    """

    ports: tuple[int, ...]
    whole: threading.Event = attrs.field(factory=threading.Event)
    sockets: list[socket.socket] = attrs.field(factory=list)
    relayed_bytes: int = 0
    forgotten: int = 0

    def forget(self) -> None:
        """Lose all connections that are there now."""
        self.forgotten += 1

    def lay(self) -> None:
        """Begin to relay."""
        self.whole.set()
        for port in self.ports:
            listener = socket.create_server((OUTSIDE, port))
            self.sockets.append(listener)
            threading.Thread(target=self._accept, args=(listener, port), daemon=True).start()

    def _accept(self, listener: socket.socket, port: int) -> None:
        with contextlib.suppress(OSError):
            while True:
                outer, _ = listener.accept()
                try:
                    inner = socket.create_connection((INSIDE, port))
                except OSError:
                    outer.close()
                    continue
                self.sockets += [outer, inner]
                for source, target in ((outer, inner), (inner, outer)):
                    threading.Thread(target=self._relay, args=(source, target), daemon=True).start()

    def _relay(self, source: socket.socket, target: socket.socket) -> None:
        before = self.forgotten
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self.whole.wait()
                if self.forgotten != before:
                    continue
                target.sendall(data)
                self.relayed_bytes += len(data)
        for each in (source, target):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """End all relaying."""
        self.whole.set()
        for each in self.sockets:
            each.close()


@contextlib.contextmanager
def laid(*ports: int) -> Iterator[Cable]:
    """A `Cable` for a `with` statement."""
    cable = Cable(ports)
    cable.lay()
    try:
        yield cable
    finally:
        cable.close()
