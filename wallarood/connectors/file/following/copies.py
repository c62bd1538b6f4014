"""Whether a file has what another one had: copies that a rotation makes, and renamed files."""

import os
from typing import Any

from xxhash import xxh3_64_hexdigest

from wallarood.app.connector import SourceLimits
from wallarood.connectors.file.input import open_input
from wallarood.connectors.file.reader import CHUNK_BYTES, go_to, new_cutter
from wallarood.connectors.file.unpack import DamagedError
from wallarood.connectors.parse.cutter import SEEN_BYTES
from wallarood.connectors.parse.options import Format
from wallarood.model.errors import ApplicationError

COPY_BYTES_MIN = 256
"""What a copy has in common with its original, at least, to be taken for one."""


def last_line_end(path: str, place: dict[str, Any]) -> dict[str, Any]:
    """The place after the last whole line of a file that is not packed; *place* is before it."""
    with open(path, "rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(place["bytes"], size - CHUNK_BYTES))
        start = file.tell()
        tail = file.read()
        end = start + tail.rfind(b"\n") + 1
        if end <= place["bytes"] or b"\n" not in tail:
            return place
        file.seek(max(0, end - SEEN_BYTES))
        before = file.read(min(end, SEEN_BYTES))
    seen = [len(before), xxh3_64_hexdigest(before)]
    return {"bytes": end, "line": None, "seen": seen}


def is_copy(path: str, place: dict[str, Any], form: Format) -> bool:
    """Whether the file at *path* has what another one has before *place*, and enough of it."""
    is_long = place["bytes"] and place["seen"][0] >= COPY_BYTES_MIN
    return bool(is_long) and stands_in(path, place, form)


def stands_in(path: str, place: dict[str, Any], form: Format) -> bool:
    """Whether what was read before *place* stands in the file at *path*."""
    try:
        file = open_input(path, form)
        try:
            cutter = new_cutter(path, form, SourceLimits(), stops=True)
            return not go_to(file, cutter, place)
        finally:
            file.close()
    except (OSError, DamagedError, ApplicationError):
        return False
