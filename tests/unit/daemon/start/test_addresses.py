"""Without a key nothing listens where other hosts reach it, whatever the configuration calls it."""

import socket
from collections.abc import Callable

import pytest
import trio
from support.nodes import record

from wallarood.config.load import load_config
from wallarood.daemon.start.addresses import exposed, listen
from wallarood.daemon.start.settings import runtime_settings
from wallarood.model.errors import CannotCreateError, ConfigurationError
from wallarood.model.ids import Incarnation
from wallarood.wire.records.untyped import PickleRule

LIFE = Incarnation(1, "a")


def given(**values: object) -> dict[str, tuple[str, object]]:
    names = {"control": "listen.control", "data": "listen.data", "advertise": "listen.advertise"}
    return {names[name]: ("test", value) for name, value in values.items()}


def test_a_name_that_looks_like_an_address_of_loopback_needs_a_key() -> None:
    with pytest.raises(ConfigurationError, match=r"127\.evil\.example:7700 is not a loopback"):
        load_config([], {"worker.control-channel": ("test", "127.evil.example:7700")})


async def bound(host: str, look: Callable[[list[trio.SocketListener]], object]) -> object:
    """What *look* says of a listener on *host*."""
    opened = await trio.open_tcp_listeners(0, host=host)
    try:
        return look(opened)
    finally:
        for each in opened:
            await each.aclose()


def test_what_a_socket_is_bound_to_says_whether_it_is_exposed() -> None:
    assert trio.run(bound, "127.0.0.1", exposed) == []
    assert trio.run(bound, "0.0.0.0", exposed) == ["0.0.0.0"]


def test_a_socket_of_systemd_that_is_bound_everywhere_needs_a_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The configuration says 127.0.0.1, and the socket unit says more."""
    everywhere = socket.create_server(("0.0.0.0", 0))
    port = everywhere.getsockname()[1]
    monkeypatch.setattr("wallarood.systemd.listeners._held", {"control": [everywhere]})
    config = load_config([], given(control=f"127.0.0.1:{port}"))
    with pytest.raises(ConfigurationError, match=r"listening on 0\.0\.0\.0, which is not"):
        trio.run(listen, config, None, LIFE)
    everywhere.close()


def test_records_are_pickled_by_where_they_come_in_not_by_what_is_advertised() -> None:
    """An advertised 127.0.0.1 may be a listener on all addresses, behind something."""
    config = load_config([], given(advertise="127.0.0.1"))

    def rule(opened: list[trio.SocketListener]) -> PickleRule:
        return runtime_settings(config, opened).pickle

    assert trio.run(bound, "127.0.0.1", rule) is PickleRule.ALLOWED
    assert trio.run(bound, "0.0.0.0", rule) is PickleRule.FORBIDDEN


async def test_a_member_that_is_told_of_no_others_does_not_listen_as_an_initializer() -> None:
    """It has joined a cluster that ran, and is started again without worker.join."""
    (occupied,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = occupied.socket.getsockname()[1]
    alone = {
        "worker.control-channel": ("test", f"127.0.0.1:{port}"),
        "worker.name": ("test", "beta"),
    }
    config = load_config([], alone)
    assert config["worker.topology-initializer"]
    async with occupied:
        with pytest.raises(CannotCreateError):
            await listen(config, None, LIFE)
        with pytest.raises(CannotCreateError):
            await listen(config, record("beta", "beta"), LIFE)
        listening = await listen(config, record("beta", "alpha", "beta"), LIFE)
        assert listening.member.control.port != port
        for each in (*listening.control, *listening.data):
            await each.aclose()
