"""Whole files of directories and patterns, as a collection in which new ones appear."""

import os
import time

import attrs

from wallarood.app.connector import SourceLimits
from wallarood.connectors.file.listing import Split, candidates, name_of, path_of
from wallarood.connectors.file.readers import file_reader
from wallarood.connectors.objects.shelf import Entry, WholeReader
from wallarood.connectors.parse.options import Format

SETTLED_S = 60.0
"""After so long without a change, a file that is not whole counts as damaged."""
END = b"PAR1"


def is_part(path: str, form: Format) -> bool:
    """Whether a file that was found has records: beside Parquet, names with _ are of others."""
    return form.format != "parquet" or not os.path.basename(path).startswith("_")


@attrs.frozen
class FileShelf:
    """See `Shelf`. A file that is being written is not there yet."""

    paths: tuple[str, ...]
    form: Format
    limits: SourceLimits
    stops: bool

    def listed(self) -> list[Entry]:
        """See `Shelf.listed`."""
        return [
            Entry(name_of(path), str(status.st_size), status.st_size)
            for path, status in candidates(self.paths)
            if is_part(path, self.form) and self._is_whole(path, status)
        ]

    def _is_whole(self, path: str, status: os.stat_result) -> bool:
        if time.time() - status.st_mtime > SETTLED_S:
            return True
        try:
            with open(path, "rb") as file:
                file.seek(max(0, status.st_size - len(END)))
                return file.read() == END
        except OSError:
            return False

    def reader(self, entry: Entry) -> WholeReader:
        """See `Shelf.reader`."""
        split = Split(path_of(entry.key), 0, None)
        return file_reader(split, self.form, self.limits, stops=self.stops)

    def name(self, key: str) -> str:
        """See `Shelf.name`."""
        return f"input file {key}"
