"""A connector of one's own, as wallarood-connectors(7) shows it: `LedgerSink`."""

import functools
import json
from typing import Any

import attrs
import trio

import wallarood as w


@attrs.define(eq=False)
class LedgerTarget:
    """The server at HOST:PORT, for one writer."""

    address: str
    password: str
    writer: str
    stream: trio.SocketStream | None = None

    def encode(self, records: list[Any]) -> list[Any]:
        return [json.loads(json.dumps(each)) for each in records]  # fails here, not at the server

    async def marker(self) -> w.Marker:
        await self.aclose()
        return w.Marker(*(await self.ask(writer=self.writer))["marker"])

    async def apply(self, records: list[Any], expected: w.Marker, new: w.Marker) -> None:
        markers = {"expected": attrs.astuple(expected), "new": attrs.astuple(new)}
        answer = await self.ask(writer=self.writer, records=records, **markers)
        if "moved" in answer:
            raise w.MarkerMovedError(f"the marker is {w.Marker(*answer['moved'])}")

    async def ask(self, **request: Any) -> dict[str, Any]:
        with trio.fail_after(10):
            if self.stream is None:
                host, _, port = self.address.rpartition(":")
                self.stream = await trio.open_tcp_stream(host, int(port))
                await self.stream.send_all(json.dumps({"password": self.password}).encode() + b"\n")
            await self.stream.send_all(json.dumps(request).encode() + b"\n")
            answer = b""
            while not answer.endswith(b"\n"):
                if not (data := await self.stream.receive_some()):
                    raise ConnectionError("it has closed the connection")
                answer += data
        if "refused" in (found := json.loads(answer)):
            raise w.WallaroodError(f"ledger {self.address}: {found['refused']}")
        return dict(found)

    async def aclose(self) -> None:
        if self.stream is not None:
            stream, self.stream = self.stream, None
            await trio.aclose_forcefully(stream)


def LedgerSink(address: str, password: str = "") -> w.SpooledSink:  # noqa: N802
    """Appends each record once to the ledger at *address*."""
    connect = functools.partial(LedgerTarget, address, password)
    return w.SpooledSink(connect, server=f"ledger {address}")
