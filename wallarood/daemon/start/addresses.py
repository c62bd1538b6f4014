"""Where a worker listens, and what it tells others of that."""
# The initializer listens on the control channel's address. Every other worker listens, unless it is
# told where, on the local address by which it reaches the initializer: that is where others are
# likely to reach it. A port that a former life of the same cluster has recorded is tried first.

import socket
from collections.abc import Iterable
from contextlib import suppress

import attrs
import structlog
import trio

from wallarood.config.keys import Config
from wallarood.control.formation.startup import Role
from wallarood.daemon.start.roles import started_as
from wallarood.model.cluster_record import ClusterRecord
from wallarood.model.errors import (
    CannotCreateError,
    ConfigurationError,
    PeersGoneError,
    RefusedError,
    WallaroodError,
)
from wallarood.model.ids import Address, Incarnation, is_loopback, parse_address
from wallarood.model.messages import Envelope, Join, Member, Refused
from wallarood.net.auth import ClusterKey
from wallarood.net.control import dial_control
from wallarood.net.listen import NetLimits, open_listeners, port_of
from wallarood.wire.control import decode, encode

ASK_S = 3.0
RESOLVE_S = 60.0

log = structlog.get_logger(__name__)


@attrs.frozen
class Listening:
    """Open listeners, and the member entry that tells others of them."""

    control: list[trio.SocketListener]
    data: list[trio.SocketListener]
    member: Member


async def listen(config: Config, record: ClusterRecord | None, life: Incarnation) -> Listening:
    """Open both listeners.

    Raises CannotCreateError: an address cannot be bound. Raises ConfigurationError: peers could not
    be told how to reach it. Raises PeersGoneError: the initializer's name cannot be resolved.
    """
    name = config["worker.name"]
    before = [each for each in record.members if each.name == name] if record is not None else []
    seen = await _seen_address(config)
    role = started_as(config, record)
    if role is Role.INITIALIZER:
        control = await open_listeners(_initializer_address(config), "control")
    else:
        recorded = before[0].control.port if before else 0
        control = await _open("control", config["listen.control"], Address(seen, recorded))
    host = control[0].socket.getsockname()[0]
    recorded = before[0].data.port if before else 0
    data = await _open("data", config["listen.data"], Address(host, recorded))
    _check_exposed(config, [*control, *data])
    advertised = config["listen.advertise"] or _advertised(config, seen, role)
    return Listening(
        control,
        data,
        Member(
            name, Address(advertised, port_of(control)), Address(advertised, port_of(data)), life
        ),
    )


def exposed(opened: Iterable[trio.SocketListener]) -> list[str]:
    """The addresses of *opened* at which other hosts reach them."""
    bound = [str(each.socket.getsockname()[0]) for each in opened]
    return [each for each in bound if not is_loopback(each)]


def _check_exposed(config: Config, opened: list[trio.SocketListener]) -> None:
    """Raises ConfigurationError: other hosts reach a listener, and need no key."""
    keyed = config["security.key-file"] is not None or config["security.certificate"] is not None
    if not keyed and (addresses := exposed(opened)):
        for each in opened:
            each.socket.close()
        raise ConfigurationError(
            f"listening on {addresses[0]}, which is not a loopback address, and there is no "
            "cluster key: set security.key-file, or security.certificate and its companions; or "
            "listen on 127.0.0.1 (listen.control, listen.data, and the sockets of systemd)"
        )


def _initializer_address(config: Config) -> Address:
    """Where the initializer listens: on all addresses if its name means itself only to itself.

    Debian writes 127.0.1.1 beside the host's name into /etc/hosts; to peers the name means more.
    """
    if config["listen.control"] is not None:
        return parse_address(config["listen.control"])
    address = parse_address(config["worker.control-channel"])
    if is_loopback(address.host):
        return address
    with suppress(OSError):
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
        if all(is_loopback(str(target[0])) for *_, target in found):
            return Address("0.0.0.0", address.port)
    return address


async def _open(name: str, configured: str | None, recorded: Address) -> list[trio.SocketListener]:
    if configured is not None:
        return await open_listeners(parse_address(configured), name)
    if recorded.port:
        try:
            return await open_listeners(recorded, name)
        except CannotCreateError:
            log.info("the recorded port is taken, another one is used", port=recorded.port)
    return await open_listeners(Address(recorded.host, 0), name)


def _advertised(config: Config, seen: str, role: Role) -> str:
    given = config["listen.control"]
    if given is None:
        if role is not Role.INITIALIZER:
            return seen
        given = config["worker.control-channel"]
    host = parse_address(given).host
    if host in ("0.0.0.0", "::"):
        raise ConfigurationError(
            f"peers cannot connect to {host}: set listen.advertise to the host name or address by "
            "which they reach this worker"
        )
    return host


async def _seen_address(config: Config) -> str:
    """The local address towards the initializer; waits for its name to be known."""
    target = parse_address(config["worker.control-channel"])
    backoff_s = 0.1
    with trio.move_on_after(RESOLVE_S):
        while True:
            try:
                return await trio.to_thread.run_sync(_local_address_towards, target)
            except OSError as error:
                reason = error.strerror or str(error)
                log.info("waiting for the initializer's name", address=str(target), reason=reason)
                await trio.sleep(backoff_s)
                backoff_s = min(2 * backoff_s, 2.0)
    raise PeersGoneError(f"the initializer's address {target} cannot be resolved")


def _local_address_towards(address: Address) -> str:
    family, kind, _, _, target = socket.getaddrinfo(
        address.host, address.port or 1, type=socket.SOCK_DGRAM
    )[0]
    with socket.socket(family, kind) as probe:
        probe.connect(target)
        return str(probe.getsockname()[0])


async def ask_occupant(address: Address, join: Join, *, key: ClusterKey, limits: NetLimits) -> None:
    """Another process listens where this initializer should: if it is another one, it says so.

    Raises RefusedError: it is.
    """
    with trio.move_on_after(ASK_S):
        try:
            async with dial_control(address, key=key, limits=limits) as channel:
                channel.send(encode(Envelope("", 0, 0, 0, join)))
                answer = decode(await channel.receive()).message
        except (OSError, trio.TooSlowError, trio.EndOfChannel, WallaroodError):
            return
        if isinstance(answer, Refused):
            raise RefusedError(answer.reason)
