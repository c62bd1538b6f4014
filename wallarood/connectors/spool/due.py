"""The most that a server may have of a writer: known through restarts until it was compared.

Theory of operation
===================
A server that has more than was made for it shows that the cluster was put back before what it has
published. While the server is away this is not seen, and what is made meanwhile has the numbers of
what the server has: another restart must not take it for that. So what a writer was opened at is
noted in its directory until the marker of the server was compared with it; the note is removed
durably before anything is sent. The state of the writer names what is noted, too, and a note counts
only if both agree: so neither a checkpoint from before the comparison nor a directory that is older
than the checkpoint raises an alarm. A note of an older line does not count, either.

Where the directory is copied to another disk, it may be had back from there: with the note, and at
the checkpoint that names it. After something was sent nobody could tell this from a cluster that
was put back. So once a checkpoint may name what is noted, the copy is without the note, too, before
anything is sent. This is waited for once for each opening, and only if the copy can be harmful.
"""

from pathlib import Path
from typing import Any

import attrs
import msgspec
import trio

from wallarood.app.connector import AllCopied
from wallarood.connectors.spool.place import Place
from wallarood.connectors.spool.target import Marker
from wallarood.disk.durable import sync_directory, write_whole
from wallarood.model.errors import CannotCreateError, DamagedStateError

FILE = ".uncompared"

_decoder = msgspec.json.Decoder(tuple[int, int])


@attrs.define(eq=False)
class Due:
    """The server may have up to `most`. `is_compared`: its marker was seen, and fits.

    `is_named` is whether a checkpoint may name what was noted here, now or before.
    """

    directory: Path
    most: Marker
    is_named: bool
    all_copied: AllCopied | None = None
    is_compared: bool = False

    def in_state(self, state: dict[str, Any]) -> dict[str, Any]:
        """The state of a writer, and what is to be compared yet."""
        if self.is_compared:
            return state
        self.is_named = True
        return {**state, "uncompared": _plain(self.most)}

    async def compared(self) -> None:
        """The marker is not above `most`: from now on, what is published counts.

        Raises CannotCreateError: the directory cannot be written.
        """
        if not self.is_compared:
            await trio.to_thread.run_sync(self._forget)
            if self.is_named and self.all_copied is not None:
                await self.all_copied()
            self.is_compared = True

    def _forget(self) -> None:
        try:
            (self.directory / FILE).unlink(missing_ok=True)
            if self.directory.exists():
                sync_directory(self.directory)
        except OSError as error:
            raise CannotCreateError(f"{self.directory / FILE}: {error.strerror}") from error

    def published(self, last: Marker) -> None:
        """What is up to *last* is about to be published, after it was `compared`."""
        self.most = max(self.most, last)


def noted_due(directory: Path, state: Any, line: int) -> Due:
    """What a server may have of a writer that is opened at *state* in *line*; notes it. Blocks.

    Raises DamagedStateError: what is noted cannot be read. Raises OSError: nor written.
    """
    place = Place.of(state).in_line(line)
    most, path = Marker(place.line, place.next - 1), directory / FILE
    noted = _read(path)
    if noted is not None and noted.line == most.line and _plain(noted) == _uncompared(state):
        return Due(directory, noted, is_named=True)
    write_whole(path, msgspec.json.encode(_plain(most)))
    return Due(directory, most, is_named=_uncompared(state) is not None)


def _read(path: Path) -> Marker | None:
    try:
        return Marker(*_decoder.decode(path.read_bytes()))
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as error:
        raise DamagedStateError(f"{path} is damaged: {error}") from error


def _uncompared(state: Any) -> list[int] | None:
    return None if state is None else state.get("uncompared")


def _plain(marker: Marker) -> list[int]:
    return [marker.line, marker.last]
