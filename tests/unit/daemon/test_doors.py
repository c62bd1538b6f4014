"""Whoever asks while one worker follows another in a process is answered by the second."""

import socket
from pathlib import Path

import attrs
import pytest
import trio
from support.clusters import healthy_cluster

from wallarood.admin import client
from wallarood.admin.server import Answering, serve_admin
from wallarood.admin.status import Status
from wallarood.admin.web.listen import HttpSettings, serve_http
from wallarood.daemon.doors import Doors
from wallarood.model.errors import CannotCreateError
from wallarood.model.ids import Address


def answering(phase: str) -> Answering:
    status = attrs.evolve(healthy_cluster().cluster.asked, phase=phase)
    return Answering(lambda: status, lambda: None, {})


async def test_on_the_admin_socket(tmp_path: Path) -> None:
    path = tmp_path / "admin.sock"
    answered: list[Status] = []

    async def ask() -> None:
        answered.append(await trio.to_thread.run_sync(client.status, path))

    with Doors() as doors:
        async with trio.open_nursery() as first:
            await first.start(serve_admin, doors.admin(path), answering("first"))
            await ask()
            first.cancel_scope.cancel()
        async with trio.open_nursery() as second:
            second.start_soon(ask)
            await trio.lowlevel.wait_readable(doors.admin(path).listener)  # it has connected
            assert len(answered) == 1
            await second.start(serve_admin, doors.admin(path), answering("second"))
            while len(answered) < 2:  # noqa: ASYNC110 - a thread asks
                await trio.sleep(0.01)
            second.cancel_scope.cancel()
    assert [each.phase for each in answered] == ["first", "second"]
    assert not path.exists()


async def test_over_http() -> None:
    settings = HttpSettings(Address("127.0.0.1", 0))
    with Doors() as doors:
        (listener,) = await doors.http(settings)
        port = listener.socket.getsockname()[1]
        for phase in ("first", "second"):
            async with trio.open_nursery() as nursery:
                stream = await trio.open_tcp_stream("127.0.0.1", port)
                await stream.send_all(b"GET /api/v1/status HTTP/1.0\r\nHost: localhost\r\n\r\n")
                listeners = await doors.http(settings)
                await nursery.start(serve_http, listeners, settings, answering(phase))
                said = b""
                async with stream:
                    while part := await stream.receive_some(65536):
                        said += part
                assert phase.encode() in said
                nursery.cancel_scope.cancel()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


async def test_what_cannot_be_opened_is_said_and_the_rest_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "admin.sock"
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = Address("127.0.0.1", other.getsockname()[1])
        with Doors() as doors:
            doors.admin(path)
            with pytest.raises(CannotCreateError, match="in use"):
                await doors.http(HttpSettings(taken))
    assert not path.exists()
