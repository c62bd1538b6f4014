"""Listening sockets that outlive a restart: while a worker is away, connections queue on them.

Theory of operation
===================
Sockets come in from systemd: those of ``.socket`` units, and those that a former life has given it
to hold (sd_listen_fds(3), and the descriptor store of sd_notify(3)). They are known by name:
"control", "data", or that of a TCP source, see `source_name`. Under systemd every listener is held
here as well, for as long as the process lives, since the same address cannot be bound a second time
while systemd has the socket; who listens gets a duplicate.
"""

import ipaddress
import os
import socket
from collections.abc import Iterable
from typing import Protocol
from urllib.parse import quote

from wallarood.systemd.notify import notify, supervised

FIRST = 3
"""The number of the first descriptor that systemd passes (SD_LISTEN_FDS_START)."""

CHANNELS = ("control", "data")
"""The names of the listeners of a worker's own."""
NAME_CHARACTERS_MAX = 200

_held: dict[str, list[socket.socket]] = {}


class Socket(Protocol):
    """A socket of any library."""

    def fileno(self) -> int:
        """The number of its file descriptor."""


def take() -> None:
    """Take over what systemd passed to this process."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        return
    names = os.environ.get("LISTEN_FDNAMES", "").split(":")
    for offset in range(int(os.environ.get("LISTEN_FDS", "0"))):
        listener = socket.socket(fileno=FIRST + offset)
        listener.set_inheritable(False)
        listener.setblocking(False)
        name = names[offset] if offset < len(names) else ""
        _held.setdefault(name, []).append(listener)
    for variable in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"):
        os.environ.pop(variable, None)


def source_name(step: str) -> str:
    """What the listener of source *step* is called: as the source itself, if that names no other.

    A channel's name, and what systemd takes for no name, is put after "source-".
    """
    fit = step.isascii() and step.isprintable() and ":" not in step
    if fit and 0 < len(step) <= NAME_CHARACTERS_MAX and step not in CHANNELS:
        return step if not step.startswith("source-") else f"source-{step}"
    return f"source-{quote(step, safe='')[:NAME_CHARACTERS_MAX]}"


def held(name: str, host: str, port: int) -> list[socket.socket]:
    """Duplicates of the held listeners called *name* on *host* and *port* (0: any port).

    Those of that name that are bound elsewhere are closed, and systemd is to forget them.
    """
    found = _held.get(name, [])
    fitting = [each for each in found if _fits(each, host, port)]
    if len(fitting) < len(found):
        notify("FDSTOREREMOVE=1", f"FDNAME={name}")
        for each in found:
            if each not in fitting:
                each.close()
        _held[name] = fitting
        _give(name, fitting)
    return [each.dup() for each in fitting]


def hold(name: str, listeners: Iterable[Socket]) -> None:
    """Hold new *listeners* as *name*, here and in systemd; nothing without systemd."""
    if supervised():
        _held[name] = [socket.socket(fileno=os.dup(each.fileno())) for each in listeners]
        _give(name, _held[name])


def _give(name: str, listeners: list[socket.socket]) -> None:
    if listeners:
        numbers = [each.fileno() for each in listeners]
        notify("FDSTORE=1", f"FDNAME={name}", "FDPOLL=0", descriptors=numbers)


def _fits(listener: socket.socket, host: str, port: int) -> bool:
    bound, bound_port = listener.getsockname()[:2]
    if port not in (0, bound_port):
        return False
    try:
        wanted = ipaddress.ip_address(host)
    except ValueError:  # a name: it was resolved when it was bound
        return True
    at = ipaddress.ip_address(bound)
    return at == wanted or at.is_unspecified
