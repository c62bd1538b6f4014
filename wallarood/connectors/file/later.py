"""Files of a directory or pattern that came after the cluster was formed, read to their ends.

They are looked for when the partition is opened, which is at each start. A position has that of
each of them by name. A file that was read under another name by this worker is not read again.
"""

import os
from collections.abc import Iterable, Mapping
from typing import Any

import attrs
import structlog
import trio
from xxhash import xxh3_64_hexdigest

from wallarood.app.connector import SourceBatch, SourceLimits
from wallarood.connectors.file.input import open_input
from wallarood.connectors.file.listing import Split, candidates, name_of
from wallarood.connectors.file.readers import file_reader
from wallarood.connectors.file.unpack import DamagedError
from wallarood.connectors.objects.shelf import WholeReader
from wallarood.connectors.parse.options import Format

LATER = "files that come later"
"""The name of the partition."""

log = structlog.get_logger(__name__)

Places = Mapping[str, Any]


def has_grown(path: str, place: Any) -> bool:
    """Whether a file that was read to its end at *place* has more now."""
    try:
        size = os.stat(path).st_size
    except OSError:
        return False
    if place is None:
        return size > 0
    end: int = place.get("end", place["bytes"])
    return place["pass"] == 0 and size > end


def later_files(
    paths: tuple[str, ...], known: frozenset[str], places: Places, *, others: Iterable[Any]
) -> list[tuple[str, Any]]:
    """The files that *paths* lead to and that must be read, each with its place.

    *known* are the paths of other partitions, *others* the places of some of them.
    """
    inodes = {place["ino"]: place for place in (*others, *places.values()) if _has_inode(place)}
    taken = {inode for inode in map(_inode_of, known) if inode is not None}
    found = []
    for path, status in candidates(paths):
        if path in known or (status.st_dev, status.st_ino) in taken:
            continue
        taken.add((status.st_dev, status.st_ino))
        place = places.get(name_of(path))
        if place is not None:
            if place.get("end") is None or has_grown(path, place):
                found.append((path, place))
        elif _is_same(path, inodes.get(status.st_ino)):
            log.info("input file was read under another name", file=path)
        else:
            found.append((path, None))
    return found


def _inode_of(path: str) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _has_inode(place: Any) -> bool:
    return isinstance(place, dict) and place.get("ino") is not None


def _is_same(path: str, place: Any) -> bool:
    """Whether what stands in the file before *place* is what was read there."""
    if place is None or not place["bytes"]:
        return False
    offset = place.get("size", place["bytes"])
    size, checksum = place["seen"]
    try:
        file = open_input(path, Format())
        try:
            return bool(xxh3_64_hexdigest(file.seek(offset, size)) == checksum)
        finally:
            file.close()
    except (OSError, DamagedError):
        return False


@attrs.define(eq=False)
class LaterReader:
    """Reads *files* one after the other; `places` are those of all that were ever read here."""

    files: list[tuple[str, Any]]
    places: dict[str, Any]
    form: Format
    limits: SourceLimits
    stops: bool
    _reader: WholeReader | None = attrs.field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        if self.files:
            log.info(
                "input files found that came after the cluster was formed",
                files=len(self.files),
                first=name_of(self.files[0][0]),
            )

    async def read(self) -> SourceBatch | None:
        """See `SourceReader.read`. Raises ApplicationError: a file cannot be opened or read."""
        await trio.lowlevel.checkpoint()
        while self.files:
            path, place = self.files[0]
            if self._reader is None:
                split = Split(path, 0, None)
                reader = file_reader(split, self.form, self.limits, stops=self.stops)
                await trio.to_thread.run_sync(reader.begin, place)
                self._reader = reader
            batch = await self._reader.read()
            if batch is not None:
                self.places = {**self.places, name_of(path): batch.position}
                return attrs.evolve(batch, position={"files": self.places})
            self._reader.close()
            self._reader = None
            del self.files[0]
        return None

    async def committed(self, position: Any) -> None:
        """See `SourceReader.committed`: the files stay as they are."""

    async def aclose(self) -> None:
        """See `SourceReader.aclose`."""
        if self._reader is not None:
            self._reader.close()
