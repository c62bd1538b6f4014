"""What a target of NATS says and believes."""

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import attrs
import pytest
import trio
from support.patience import patiently

from wallarood.connectors.nats.server import Address
from wallarood.connectors.nats.target import NatsTarget
from wallarood.connectors.spool.target import Marker, MarkerMovedError

EXPECTED = "Nats-Expected-Last-Subject-Sequence: "


def target_of(url: str = "nats://h") -> NatsTarget:
    return NatsTarget(Address(url), "S", "m", "w", lambda _: [])


def test_no_target_names_its_batches_as_another_does() -> None:
    made = [target_of()._name for _ in range(50)]
    assert len(set(made)) == 50
    assert all(len(name) <= 40 for name in made)


@attrs.define
class Replicated:
    """A stream by the markers that its replicas agree on; who is asked tells one of `told`."""

    markers: list[int]
    told: list[int]
    replicas: int = 3

    def answer(self, subject: str, said: bytes) -> dict[str, Any]:
        """What is answered to a message."""
        if subject == "$JS.API.STREAM.INFO.S":
            config = {"allow_atomic": True, "subjects": ["m.*"], "num_replicas": self.replicas}
            return {"config": config}
        if subject == "$JS.API.STREAM.MSG.GET.S":
            sequence = self.told.pop(0)
            marker = {"line": 0, "last": self.markers[sequence - 1]}
            data = base64.b64encode(json.dumps(marker).encode()).decode()
            return {"message": {"seq": sequence, "data": data}}
        assert subject.startswith("m.")
        head, _, body = said.partition(b"\r\n\r\n")
        expected = int(head.decode().partition(EXPECTED)[2].split("\r\n")[0])
        if expected != len(self.markers):
            return {"error": {"err_code": 10071, "description": "wrong last sequence"}}
        self.markers.append(json.loads(body)["last"])
        return {"seq": len(self.markers), "stream": "S"}

    async def serve(self, stream: trio.abc.Stream) -> None:
        """Speak with one client."""
        said = b""
        await stream.send_all(b'INFO {"version":"2.12.0","jetstream":true}\r\n')
        while data := await stream.receive_some():
            said += data
            while b"\r\n" in said:
                line, _, said = said.partition(b"\r\n")
                words = line.decode().split(" ")
                if words[0] == "PING":
                    await stream.send_all(b"PONG\r\n")
                if not words[0].endswith("PUB"):
                    continue
                size = int(words[-1])
                while len(said) < size + 2:
                    said += await stream.receive_some()
                answer = json.dumps(self.answer(words[1], said[:size])).encode()
                said = said[size + 2 :]
                await stream.send_all(
                    f"MSG {words[2]} 1 {len(answer)}\r\n".encode() + answer + b"\r\n"
                )


@asynccontextmanager
async def target_at(server: Replicated) -> AsyncIterator[NatsTarget]:
    async with trio.open_nursery() as nursery:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, server.serve, listeners)
        target = target_of(f"nats://127.0.0.1:{listeners[0].socket.getsockname()[1]}")
        with patiently(20):
            yield target
        await target.aclose()
        nursery.cancel_scope.cancel()


async def test_an_old_marker_of_a_leader_that_was_replaced_is_not_believed() -> None:
    server = Replicated([10, 20, 30], told=[2, 3])
    async with target_at(server) as target:
        with pytest.raises(MarkerMovedError):
            await target.marker()
        assert await target.marker() == Marker(0, 30)
    assert server.markers == [10, 20, 30, 30]


async def test_where_there_are_no_replicas_nothing_is_stored_to_read_a_marker() -> None:
    server = Replicated([10, 20, 30], told=[3], replicas=1)
    async with target_at(server) as target:
        assert await target.marker() == Marker(0, 30)
    assert server.markers == [10, 20, 30]
