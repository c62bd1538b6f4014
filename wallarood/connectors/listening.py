"""The listening socket of a source: the one that systemd holds for it, or a new one."""

import errno
import socket

import structlog
import trio

from wallarood.model.errors import CannotCreateError
from wallarood.model.ids import Address
from wallarood.systemd import listeners

BIND_WAIT_S = 30.0
"""How long a source that has run here before waits for its port: a process that hung and was
replaced has it until it ends."""
BIND_AGAIN_S = 1.0
CHECK_S = 5.0
"""How long a port may be in use that is to be listened on: its worker may be on this host, too."""
CHECK_AGAIN_S = 0.1
WAITING_MAX = 1024
"""How many clients may have connected and not been accepted: all that come while a worker, whose
socket systemd holds, starts again. Who comes when there are more waits for seconds, and gives up.
"""
KEEPALIVE_S = 30
"""A client that was silent for so long is asked whether it is still there."""

log = structlog.get_logger(__name__)


async def listening(address: Address, name: str, *, wait_s: float) -> socket.socket:
    """A listener on *address*: the one that is held as *name*, or a new one.

    An address that is in use is tried again for *wait_s*.

    Raises CannotCreateError: the address cannot be bound.
    """
    until = trio.current_time() + wait_s
    while True:
        try:
            listener = _listener(address, name)
            break
        except OSError as error:
            reason = error.strerror or str(error)
            if error.errno != errno.EADDRINUSE or trio.current_time() >= until:
                raise CannotCreateError(f"source cannot listen on {address}: {reason}") from error
        log.warning(
            "source cannot listen yet: the port is in use, perhaps by a previous process of this "
            "worker",
            address=str(address),
            reason=reason,
        )
        await trio.sleep(BIND_AGAIN_S)
    log.info("source listening", address=str(address_of(listener)))
    return listener


async def check_listening(address: Address, name: str) -> None:
    """Raises CannotCreateError: a source of this worker could not listen on *address*."""
    if listeners.held(listeners.source_name(name), address.host, address.port):
        return
    until = trio.current_time() + CHECK_S
    while True:
        try:
            _new_listener(address).close()
            return
        except OSError as error:
            reason = error.strerror or str(error)
            if error.errno != errno.EADDRINUSE or trio.current_time() >= until:
                raise CannotCreateError(f"source cannot listen on {address}: {reason}") from error
        await trio.sleep(CHECK_AGAIN_S)


def address_of(listener: socket.socket) -> Address:
    """Where clients connect to."""
    host, port = listener.getsockname()[:2]
    return Address(host, port)


def keep_alive(connection: socket.socket | trio.socket.SocketType) -> None:
    """Have the kernel find out when a client that is silent has gone."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEPALIVE_S)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, KEEPALIVE_S)


def _listener(address: Address, name: str) -> socket.socket:
    """A listening socket, held or new. Raises OSError."""
    name = listeners.source_name(name)
    held = listeners.held(name, address.host, address.port)
    if held:
        listener = held[0]
    else:
        listener = _new_listener(address)
        listeners.hold(name, [listener])
    listener.setblocking(False)
    return listener


def _new_listener(address: Address) -> socket.socket:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    return socket.create_server((address.host, address.port), family=family, backlog=WAITING_MAX)
