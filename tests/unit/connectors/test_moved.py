"""A source that listens goes on where its address can be bound; what was left needs none."""

import socket
from pathlib import Path

import pytest
import trio.testing

import wallarood as w
from wallarood.app.connector import SourceContext
from wallarood.model.errors import CannotCreateError


async def test_an_address_that_cannot_be_bound_is_named(
    tmp_path: Path,
    autojump_clock: trio.testing.MockClock,
) -> None:
    context = SourceContext("in", directory=str(tmp_path), left=("left",))
    with socket.create_server(("127.0.0.1", 0)) as other:
        host, port = other.getsockname()
        for source in (w.TcpSource(f"{host}:{port}"), w.HttpSource(f"{host}:{port}")):
            await source.check_moved("left", None, context)
            with pytest.raises(CannotCreateError, match=f"cannot listen on {host}:{port}"):
                await source.check_moved("own", None, context)
    await w.TcpSource("127.0.0.1:0").check_moved("own", None, context)
