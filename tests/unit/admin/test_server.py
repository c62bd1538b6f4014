"""The admin socket answers its client, and outlives whoever misbehaves on it."""

import os
import socket
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from functools import partial
from pathlib import Path

import pytest
import trio

from wallarood.admin import client, server
from wallarood.admin.server import Answering, open_admin, serve_admin
from wallarood.admin.status import JobState, Status, WorkerStatus
from wallarood.model.errors import CannotCreateError
from wallarood.model.topology import Stage, StageKind, Topology

STATUS = Status(
    worker="alpha",
    version="1",
    job=JobState.RUNNING,
    phase="running",
    uptime_s=1.5,
    cluster_id="wc-1",
    workers=(WorkerStatus("alpha", "127.0.0.1:1", "here"),),
)
TOPOLOGY = Topology(
    1, "app", ("alpha",), (Stage(0, "in", StageKind.SOURCE, ("in",), "", ("alpha",)),), ()
)


@asynccontextmanager
async def serving(
    path: Path,
    *,
    topology: Topology | None = TOPOLOGY,
    shutdown: Callable[[], None] = lambda: None,
) -> AsyncIterator[None]:
    with closing(open_admin(path)) as admin:
        async with trio.open_nursery() as nursery:
            await nursery.start(
                partial(
                    serve_admin,
                    admin,
                    Answering(lambda: STATUS, lambda: topology, {"shutdown": shutdown}),
                )
            )
            yield
            nursery.cancel_scope.cancel()


async def raw(path: Path, data: bytes) -> bytes:
    """What the server says to *data*, until it closes."""
    stream = await trio.open_unix_socket(str(path))
    async with stream:
        await stream.send_all(data)
        answer = b""
        while part := await stream.receive_some(65536):
            answer += part
        return answer


async def test_the_client_gets_what_the_server_was_given(tmp_path: Path) -> None:
    path = tmp_path / "admin.sock"
    async with serving(path):
        assert await trio.to_thread.run_sync(client.status, path) == STATUS
        assert await trio.to_thread.run_sync(client.topology, path) == TOPOLOGY


async def test_the_socket_is_for_owner_and_group_and_goes_with_the_server(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "admin.sock"
    async with serving(path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
    assert not path.exists()


async def test_there_is_no_topology_while_the_cluster_is_forming(tmp_path: Path) -> None:
    path = tmp_path / "admin.sock"
    async with serving(path, topology=None):
        with pytest.raises(client.NotNowError, match="forming"):
            await trio.to_thread.run_sync(client.topology, path)


async def test_an_order_is_given_by_post_only(tmp_path: Path) -> None:
    path = tmp_path / "admin.sock"
    runs: list[str] = []
    async with serving(path, shutdown=lambda _: runs.append("shutdown")):
        with pytest.raises(client.NotNowError, match="expected POST"):
            await trio.to_thread.run_sync(client.ask, path, "GET", "/shutdown")
        assert runs == []
        await trio.to_thread.run_sync(client.shutdown, path)
        assert runs == ["shutdown"]


@pytest.mark.parametrize(
    ("request_bytes", "code"),
    [
        (b"GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n", b"404"),
        (b"POST /status HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", b"405"),
        (b"\x00\xff\xfe garbage\r\n\r\n", b"400"),
    ],
)
async def test_a_wrong_request_is_refused_and_the_next_one_answered(
    tmp_path: Path, request_bytes: bytes, code: bytes
) -> None:
    path = tmp_path / "admin.sock"
    async with serving(path):
        assert (await raw(path, request_bytes)).split(b" ")[1] == code
        assert await trio.to_thread.run_sync(client.status, path) == STATUS


async def test_those_who_connect_and_say_nothing_are_dropped(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    assert autojump_clock is not None
    path = tmp_path / "admin.sock"
    async with serving(path):
        silent = [await trio.open_unix_socket(str(path)) for _ in range(2 * server.CONNECTIONS_MAX)]
        answer = await raw(path, b"GET /status HTTP/1.1\r\nHost: a\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 200")
        for stream in silent:
            await stream.aclose()


async def test_a_socket_that_nobody_listens_on_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "admin.sock"
    with socket.socket(socket.AF_UNIX) as left_over:
        left_over.bind(str(path))
    async with serving(path):
        assert await trio.to_thread.run_sync(client.status, path) == STATUS


async def test_a_socket_in_use_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "admin.sock"
    async with serving(path):
        with pytest.raises(CannotCreateError, match="another process listens"):
            open_admin(path)
        assert await trio.to_thread.run_sync(client.status, path) == STATUS


async def test_a_file_that_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "admin.sock"
    path.write_text("mine")
    with pytest.raises(CannotCreateError, match="not a socket"):
        open_admin(path)
    assert path.read_text() == "mine"


async def test_a_path_longer_than_the_kernel_takes_works(tmp_path: Path) -> None:
    path = tmp_path / ("long" * 40) / "admin.sock"
    assert len(os.fsencode(path)) > 107
    async with serving(path):
        assert await trio.to_thread.run_sync(client.status, path) == STATUS
