"""The listening socket of a source: bound, or said why not."""

import socket
from contextlib import ExitStack

import pytest
import trio
from support.patience import patiently

from wallarood.connectors import listening as module
from wallarood.connectors.listening import address_of, keep_alive, listening
from wallarood.model.errors import CannotCreateError
from wallarood.model.ids import Address
from wallarood.systemd import listeners


async def test_a_free_port_is_bound_and_does_not_block() -> None:
    listener = await listening(Address("127.0.0.1", 0), "in", wait_s=0)
    with listener:
        where = address_of(listener)
        assert where.port > 0
        with pytest.raises(BlockingIOError):
            listener.accept()
        with socket.create_connection((where.host, where.port)) as connection:
            keep_alive(connection)
            assert connection.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1


async def test_many_that_connect_while_nobody_accepts_wait() -> None:
    with await listening(Address("127.0.0.1", 0), "in", wait_s=0) as listener, ExitStack() as stack:
        where = address_of(listener)
        for _ in range(300):
            client = socket.create_connection((where.host, where.port), timeout=10)
            stack.enter_context(client)


async def test_a_port_in_use_is_said_at_once_or_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "BIND_AGAIN_S", 0.01)
    with socket.create_server(("127.0.0.1", 0)) as other:
        where = address_of(other)
        with pytest.raises(CannotCreateError, match=f"cannot listen on {where}: Address already"):
            await listening(where, "in", wait_s=0)
        found: list[socket.socket] = []

        async def listen() -> None:
            found.append(await listening(where, "in", wait_s=10))

        with patiently(10):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(listen)
                await trio.sleep(0.05)
                other.close()
        found[0].close()


async def test_a_socket_that_systemd_holds_is_used_and_keeps_its_clients(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What connects while the source is away is in its queue."""
    with socket.create_server(("127.0.0.1", 0)) as held:
        monkeypatch.setattr(listeners, "_held", {listeners.source_name("in"): [held]})
        where = address_of(held)
        with socket.create_connection((where.host, where.port)):
            for _ in range(2):
                with await listening(where, "in", wait_s=0) as listener:
                    assert address_of(listener) == where
            connection, _ = held.accept()
            connection.close()
