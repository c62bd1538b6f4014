"""The files of a `FileSource`: which there are, how they are divided, and what reads each."""

import os
from collections.abc import Mapping
from functools import partial
from typing import Any

import attrs
import trio

from wallarood.app.connector import SourceContext, SourceReader
from wallarood.connectors.file.following.reader import FollowReader
from wallarood.connectors.file.later import LATER, LaterReader, has_grown, later_files
from wallarood.connectors.file.listing import (
    Split,
    files_in,
    has_pattern,
    is_packed,
    is_stream,
    name_of,
    path_of,
    split_of,
    splits,
)
from wallarood.connectors.file.readers import file_reader
from wallarood.connectors.file.shelf import FileShelf, is_part
from wallarood.connectors.file.stream import StreamInput, open_stream
from wallarood.connectors.objects.reader import ObjectsReader
from wallarood.connectors.objects.shelf import Lane
from wallarood.connectors.parse.options import Format
from wallarood.model.errors import ApplicationError

FOLLOWED = "followed files"
"""The partition of a source that follows several files, or those of a directory or pattern."""
LOOK_S = 1.0


@attrs.frozen
class Files:
    """See `FileSource`. With `stops`, what cannot be read ends the job."""

    paths: tuple[str, ...]
    form: Format
    follow: bool
    repeat: int
    stops: bool
    split_bytes: int | None

    def partitions(self) -> tuple[str, ...]:
        """See `FileSource.partitions`."""
        pipes = [name_of(path) for path in self.paths if is_stream(path)]
        if pipes and (self.form.located or self.form.format == "parquet"):
            asked = "located=True" if self.form.located else 'format="parquet"'
            raise ApplicationError(
                f"input {pipes[0]}: {asked} is for files, and this is a pipe: leave it out, "
                "or read a file"
            )
        paths = tuple(path for path in self.paths if not is_stream(path))
        if self.follow:
            return (*pipes, *((self._followed,) if paths else ()))
        found: list[str] = []
        for path, status in files_in(paths):
            if path in paths or is_part(path, self.form):
                found += self._parts(path, status.st_size)
        later = (LATER,) if any(map(has_pattern, paths)) else ()
        return (*pipes, *found, *later)

    def _parts(self, path: str, size: int) -> list[str]:
        if self.split_bytes is None:
            return [name_of(path)]
        try:
            packed = is_packed(path)
        except OSError as error:
            raise ApplicationError(f"input file {path}: {error.strerror}") from error
        return splits(path, 0 if packed else size, self.split_bytes)

    @property
    def _followed(self) -> str:
        if len(self.paths) == 1 and not has_pattern(self.paths[0]):
            return name_of(self.paths[0])
        return FOLLOWED

    def _split(self, partition: str) -> Split:
        if self.split_bytes is None:
            return Split(path_of(partition), 0, None)
        return split_of(partition)

    def size_bytes(self, partition: str) -> int | None:
        """See `FileSource.size_bytes`."""
        if self.follow or partition == LATER:
            return None
        split = self._split(partition)
        try:
            if is_stream(split.path) or is_packed(split.path):
                return None
            end = os.stat(split.path).st_size if split.end is None else split.end
        except OSError:
            return None
        return max(0, end - split.start) * self.repeat

    async def open(self, partition: str, position: Any, context: SourceContext) -> SourceReader:
        """See `Source.open`."""
        limits = context.limits
        if is_stream(path_of(partition)) or (position and "entry" in position):
            return await open_stream(self._stream(partition), position, context)
        if self.follow:
            paths = self.paths if partition == self._followed else (path_of(partition),)
            paths = tuple(path for path in paths if not is_stream(path))
            if self.form.format == "parquet":
                shelf = FileShelf(paths, self.form, limits, self.stops)
                return ObjectsReader(shelf, Lane(), follow=True, look_s=LOOK_S, position=position)
            return FollowReader(paths, self.form, limits, self.stops, position)
        if partition == LATER:
            places = dict((position or {}).get("files", {}))
            files = await trio.to_thread.run_sync(self._later, places, context)
            return LaterReader(files, places, self.form, limits, self.stops)
        made = partial(file_reader, self._split(partition), self.form, limits)
        reader = made(stops=self.stops, repeat=self.repeat)
        await trio.to_thread.run_sync(reader.begin, position)
        return reader

    def _stream(self, partition: str) -> StreamInput:
        path = path_of(partition)
        return StreamInput(path, self.form, self.stops, keeps_open=self.follow)

    def _later(self, places: Mapping[str, Any], context: SourceContext) -> list[tuple[str, Any]]:
        known = frozenset(self._split(each).path for each in context.partitions if each != LATER)
        others = [place for name, place in context.positions.items() if name != LATER]
        found = later_files(self.paths, known, places, others=others)
        return [each for each in found if is_part(each[0], self.form)]

    def resumable(self, ended: Mapping[str, Any], context: SourceContext) -> set[str]:
        """See `FileSource.resumable`."""
        if self.repeat > 1:
            return set()
        more = set()
        for partition, position in ended.items():
            if partition == LATER:
                if self._later((position or {}).get("files", {}), context):
                    more.add(partition)
                continue
            split = self._split(partition)
            if split.end is not None or is_stream(split.path):
                continue
            if (position is None or "bytes" in position) and has_grown(split.path, position):
                more.add(partition)
        return more
