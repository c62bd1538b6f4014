"""The clients of a TCP source: their sockets, what has arrived from each, and what they are told.

Everything is done by the caller of `receive`: between two calls nothing is read, so that a slow
pipeline fills the socket buffers and so slows down the clients. That is the backpressure.
"""

import contextlib
import socket
from collections import deque
from collections.abc import Awaitable, Callable, Container

import attrs
import structlog
import trio

from wallarood.connectors.framing import Answer, frame
from wallarood.connectors.listening import address_of, keep_alive, listening
from wallarood.model.ids import Address

CLIENTS_MAX = 256
RECEIVE_BYTES = 64 << 10
UNSENT_BYTES_MAX = 64 << 10

log = structlog.get_logger(__name__)


@attrs.define(eq=False)
class Client:
    """A connection. `name` is what a framed client calls itself; empty before its hello.

    `greeted` is whether it was told what comes next; `bad_lines` counts lines that were dropped.
    """

    socket: socket.socket
    peer: str
    name: str = ""
    greeted: bool = False
    bad_lines: int = 0
    buffer: bytearray = attrs.field(factory=bytearray)
    unsent: bytearray = attrs.field(factory=bytearray)

    def tell(self, answer: Answer) -> None:
        """Say something; what the socket does not take at once is sent when it takes more."""
        self.unsent += frame(answer)
        self.flush()

    def say_if_there(self, text: str) -> None:
        """Say a line of text, to a client that speaks in lines."""
        self.unsent += text.encode() + b"\n"
        with contextlib.suppress(OSError):
            self.flush()

    def tell_if_there(self, answer: Answer) -> None:
        """Say something; if the connection is broken, that is found when it is read from."""
        with contextlib.suppress(OSError):
            self.tell(answer)

    def flush(self) -> None:
        """Send what is unsent, as far as the socket takes it. Raises OSError: it is broken."""
        if not self.unsent:
            return
        with contextlib.suppress(BlockingIOError):
            del self.unsent[: self.socket.send(self.unsent)]
        if len(self.unsent) > UNSENT_BYTES_MAX:
            raise OSError("it does not read acknowledgements")


@attrs.define(eq=False)
class Clients:
    """A listener and its clients."""

    listener: socket.socket
    connected: deque[Client] = attrs.field(factory=deque, init=False)

    @property
    def address(self) -> Address:
        """Where clients connect to."""
        return address_of(self.listener)

    def receive(
        self, take: Callable[[Client], None], end: Callable[[Client], None], *, bytes_max: int
    ) -> None:
        """Read from each client once, in turn, until *bytes_max* have come.

        *take* gets each client whose buffer has grown; ValueError and OSError drop the client.
        *end* gets each client that has closed its connection in an orderly way.
        """
        self._accept()
        received = 0
        for _ in range(len(self.connected)):
            if received >= bytes_max or not self.connected:  # one may have replaced another
                return
            client = self.connected.popleft()
            size = self._receive_from(client, take, end)
            if size is None:
                client.socket.close()
            else:
                received += size
                self.connected.append(client)

    def _accept(self) -> None:
        while len(self.connected) < CLIENTS_MAX:
            try:
                connection, peer = self.listener.accept()
            except OSError:
                return
            connection.setblocking(False)
            keep_alive(connection)
            self.connected.append(Client(connection, str(Address(*peer[:2]))))

    def _receive_from(
        self, client: Client, take: Callable[[Client], None], end: Callable[[Client], None]
    ) -> int | None:
        """How many bytes have come from one client; None: it is gone."""
        try:
            client.flush()
            data = client.socket.recv(RECEIVE_BYTES)
            client.buffer += data
            if data:
                take(client)
                return len(data)
            end(client)
        except BlockingIOError:
            return 0
        except OSError as error:
            log.warning("client lost", peer=client.peer, reason=error.strerror or str(error))
            return None
        except (ValueError, RecursionError) as error:
            log.warning("client dropped: malformed record", peer=client.peer, reason=str(error))
            with contextlib.suppress(OSError):
                client.tell(Answer(error=str(error)))
        return None

    def named(self, names: Container[str]) -> list[Client]:
        """The clients of these names that are here."""
        return [client for client in self.connected if client.name in names]

    def replace(self, name: str, by: Client) -> None:
        """A client has come back before its old connection was found broken."""
        for client in [each for each in self.connected if each.name == name and each is not by]:
            self.connected.remove(client)
            client.socket.close()

    async def wait(self) -> None:
        """Wait until a client has sent something, takes what is unsent, or a new one is there."""
        sockets = [client.socket for client in self.connected]
        if len(self.connected) < CLIENTS_MAX:
            sockets.append(self.listener)
        async with trio.open_nursery() as nursery:

            async def wait_for(
                event: Callable[[socket.socket], Awaitable[None]], one: socket.socket
            ) -> None:
                await event(one)
                nursery.cancel_scope.cancel()

            for one in sockets:
                nursery.start_soon(wait_for, trio.lowlevel.wait_readable, one)
            for client in self.connected:
                if client.unsent:
                    nursery.start_soon(wait_for, trio.lowlevel.wait_writable, client.socket)

    def close(self) -> None:
        """Close all."""
        for each in (self.listener, *(client.socket for client in self.connected)):
            with contextlib.suppress(OSError):
                each.close()


async def listen(address: Address, name: str, *, wait_s: float) -> Clients:
    """The clients of a listener on *address*; see `listening`."""
    return Clients(await listening(address, name, wait_s=wait_s))
