"""A server that keeps no marker: what it has taken is noted here, in the state directory."""
# Theory of operation
# ===================
# Between what a server takes and what is noted here a crash may come: then the server is given
# again what it was given last. It is given in the same chunks, with the same numbers, so that a
# server which knows them again takes each once.

from pathlib import Path
from typing import Any, Protocol

import attrs
import msgspec
import trio

from wallarood.connectors.spool.target import Marker
from wallarood.disk.durable import write_whole
from wallarood.model.errors import CannotCreateError, DamagedStateError

FILE = "taken.json"


class Recipient(Protocol):
    """A server without a marker, for one writer. It may also have what a `Target` may have."""

    def encode(self, records: list[Any]) -> list[Any]:
        """What is kept of records, and given to `give`."""

    async def give(self, records: list[Any], last: Marker) -> None:
        """Return when the server has *records*, the last of which is number *last*.

        The same records may come again with the same numbers.
        """

    async def check(self) -> None:
        """Raises WallaroodError: the server cannot be used. Changes nothing there."""

    async def aclose(self) -> None:
        """Close what is open."""


class _Noted(msgspec.Struct):
    line: int
    last: int


_decoder = msgspec.json.Decoder(_Noted)


@attrs.define(eq=False)
class NotedHere:
    """A `Target` of a server that has no marker: it is a file in *directory*."""

    recipient: Recipient
    directory: Path
    keeps_marker: bool = False

    def encode(self, records: list[Any]) -> list[Any]:
        """See `Target`."""
        return self.recipient.encode(records)

    async def marker(self) -> Marker | None:
        """See `Target.marker`; None if nothing is noted yet, or here."""
        return await trio.to_thread.run_sync(self._read)

    def _read(self) -> Marker | None:
        path = self.directory / FILE
        try:
            noted = _decoder.decode(path.read_bytes())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise CannotCreateError(f"{path}: {error.strerror}") from error
        except msgspec.DecodeError as error:
            raise DamagedStateError(f"{path} is damaged: {error}") from error
        return Marker(noted.line, noted.last)

    async def apply(self, records: list[Any], expected: Marker, new: Marker) -> None:  # noqa: ARG002
        """See `Target.apply`."""
        await self.recipient.give(records, new)
        await trio.to_thread.run_sync(self._note, new)

    def _note(self, marker: Marker) -> None:
        path = self.directory / FILE
        try:
            write_whole(path, msgspec.json.encode(_Noted(marker.line, marker.last)))
        except OSError as error:
            raise CannotCreateError(f"{path}: {error.strerror}") from error

    async def check(self) -> None:
        """See `Target`."""
        await self.recipient.check()

    async def aclose(self) -> None:
        """See `Target`."""
        await self.recipient.aclose()
