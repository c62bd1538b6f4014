"""Connectors that are right but for one mistake, each of which the kit must find."""

import functools
import socket
from typing import Any

import attrs
import trio

import wallarood as w
from support.ledger_sink import LedgerTarget

MISTAKES = {
    "compares nothing": ("zombie writer", "a reader sees"),
    "two transactions": ("commit cancelled", "a reader sees"),
    "lines are not known": ("checkpoint put back", "DamagedStateError"),
    "leaves out a record": ("published again", "at the end, a reader sees 6 records where 9 are"),
    "says that it is done": ("server away", "it was published to a server that is not there"),
    "holds the event loop": ("server slow", "the event loop stood still for"),
    "tells a secret": ("refused", "a secret is shown: "),
}
"""Which trial finds it, and what it says."""


def MistakenSink(address: str, mistake: str) -> w.SpooledSink:  # noqa: N802
    """A `LedgerSink` with a mistake."""
    connect = functools.partial(MistakenTarget, address, "", mistake=mistake)
    return w.SpooledSink(connect, server=f"ledger {address}")


@attrs.define(eq=False)
class MistakenTarget(LedgerTarget):
    """A `LedgerTarget` with a mistake."""

    mistake: str = attrs.field(kw_only=True, default="")

    async def marker(self) -> w.Marker:
        """What the server has."""
        try:
            return await LedgerTarget.marker(self)
        except OSError as error:
            if self.mistake == "tells a secret":
                raise OSError(f"sesame-123@{self.address}: {error}") from error
            raise

    async def apply(self, records: list[Any], expected: w.Marker, new: w.Marker) -> None:
        """Make the mistake."""
        right = functools.partial(LedgerTarget.apply, self)
        match self.mistake:
            case "compares nothing":
                await right(records, await LedgerTarget.marker(self), new)
            case "two transactions":
                data = LedgerTarget(self.address, "", f"{self.writer}-data")
                try:
                    await data.apply(records, await data.marker(), new)
                finally:
                    await data.aclose()
                await right([], expected, new)
            case "lines are not known":
                await right(records, w.Marker(0, expected.last), w.Marker(0, new.last))
            case "leaves out a record":
                await right(records[1:], expected, new)
            case "says that it is done":
                try:
                    await right(records, expected, new)
                except (OSError, trio.BrokenResourceError):
                    return
            case "holds the event loop":
                host, _, port = self.address.rpartition(":")
                with socket.create_connection((host, int(port)), timeout=2) as stream:
                    stream.sendall(b'{}\n{"read": true}\n')
                    stream.recv(1)
                await right(records, expected, new)
            case _:
                await right(records, expected, new)
