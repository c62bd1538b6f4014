"""The names by which workers, clusters and lives of a process are known."""

import ipaddress
import re
from typing import NewType, TypeAlias

import attrs

from wallarood.model.errors import UsageError

WorkerName: TypeAlias = str
ClusterId: TypeAlias = str
Seat = NewType("Seat", str)
"""A random ID, made with a state directory: whoever comes with another directory is another."""

NO_SEAT = Seat("")
"""That of a member of a cluster whose members have no seats yet."""


def are_same(one: Seat, other: Seat) -> bool:
    """Whether two seats may be the same: a member had none before there were seats."""
    return one == other or NO_SEAT in (one, other)


InputId: TypeAlias = tuple[int, WorkerName]
"""An input of an instance: the edge, and the worker that sends."""

WORKER_NAME_CHARACTERS_MAX = 63
_WORKER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


def check_worker_name(name: str) -> WorkerName:
    """Return *name* if it can name a worker, its files and its log lines.

    Raises UsageError: the name is empty, longer than 63 characters, or has other characters
    than letters, digits, ``_``, ``.`` and ``-``.
    """
    if len(name) <= WORKER_NAME_CHARACTERS_MAX and _WORKER_NAME.fullmatch(name):
        return name
    raise UsageError(
        f"worker name {name!r}: expected 1 to {WORKER_NAME_CHARACTERS_MAX} letters, digits, "
        "'_', '.' or '-', beginning with a letter or digit"
    )


@attrs.frozen(order=True)
class Incarnation:
    """One life of a worker: how often it has been started, and a random nonce of this start.

    The counter is durable before the first byte is sent, so a higher one is a later life; the
    nonce tells a restored copy from the original.
    """

    starts: int
    nonce: str

    @property
    def short(self) -> str:
        """What tells this life from all others in the name of a file."""
        return f"{self.starts}-{self.nonce[:8]}"


@attrs.frozen(order=True)
class Ballot:
    """The number of a proposal: higher than any that its sender has promised to heed."""

    counter: int
    name: WorkerName


NO_BALLOT = Ballot(0, "")
"""What is promised where no change was ever proposed."""
FIRST_BALLOT = Ballot(1, "")
"""Below any ballot that is a bid."""


@attrs.frozen
class Address:
    """A host (name or IP address) and a TCP port."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@attrs.frozen
class Member:
    """A worker as its cluster knows it: of two entries the one with the higher incarnation wins."""

    name: WorkerName
    control: Address
    data: Address
    incarnation: Incarnation
    seat: Seat = attrs.field(default=NO_SEAT, metadata={"omit_default": True})
    version: str = attrs.field(default="", metadata={"omit_default": True})
    """Of an application that is not the one of the epoch: what tells it from others."""


def parse_address(text: str) -> Address:
    """Read ``HOST:PORT`` or ``[IPV6]:PORT``; port 0 means any free one.

    Raises UsageError: there is no port, or it is not in 0…65535.
    """
    host, colon, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise UsageError(f"address {text!r}: expected an IPv6 address in brackets, as [::1]:7000")
    if not colon or not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise UsageError(f"address {text!r}: expected HOST:PORT with a port from 0 to 65535")
    return Address(host, int(port))


def is_loopback(host: str) -> bool:
    """Whether *host*, an IP address or a name in the configuration, means this host alone.

    A name proves nothing, whatever it looks like, but for "localhost", which means the same on
    every host: Debian lets a host's own name mean 127.0.1.1 to itself. What a socket is bound to
    has the last word.
    """
    if host.rstrip(".").lower() == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback
