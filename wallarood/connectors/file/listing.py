r"""Which files there are to read: paths, directories, patterns; and how partitions name them.

A partition is called as its file is. What cannot be written as UTF-8 is told by ``bytes:`` before
it and the bytes as ``\xNN``; a part of a file that is read in splits has its bounds after it.
"""

import glob
import os
import re
import stat
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import attrs

from wallarood.connectors.file.unpack import MAGIC_BYTES, kind_of
from wallarood.connectors.parse.options import Format
from wallarood.model.errors import ApplicationError

_ESCAPED = "bytes:"
_SIZE = re.compile(r"(\d+)\s*(KiB|MiB|GiB)")
_UNITS = {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}


def name_of(path: str) -> str:
    """How a partition of *path* is called."""
    if path.startswith(_ESCAPED) or "\n" in path or _not_utf8(path):
        data = os.fsencode(path).replace(b"\\", b"\\\\")
        return _ESCAPED + data.decode("utf-8", "backslashreplace").replace("\n", "\\x0a")
    return path


def _not_utf8(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return True
    return False


def path_of(name: str) -> str:
    """The path of the partition *name*."""
    if not name.startswith(_ESCAPED):
        return name
    data = name.removeprefix(_ESCAPED).encode()
    found = bytearray()
    start = 0
    while start < len(data):
        if data[start : start + 2] == b"\\\\":
            found += b"\\"
            start += 2
        elif data[start : start + 2] == b"\\x":
            found.append(int(data[start + 2 : start + 4], 16))
            start += 4
        else:
            found.append(data[start])
            start += 1
    return os.fsdecode(bytes(found))


@attrs.frozen
class Split:
    """The part of a file from byte *start* to before *end*; to its end if that is None."""

    path: str
    start: int
    end: int | None

    @property
    def name(self) -> str:
        """How its partition is called."""
        return f"{name_of(self.path)}:{self.start}-{'' if self.end is None else self.end}"


def split_of(name: str) -> Split:
    """The part of a file that the partition *name* of a source with splits is."""
    path, _, bounds = name.rpartition(":")
    start, dash, end = bounds.partition("-")
    if not dash or not start.isdigit() or not (end == "" or end.isdigit()):
        return Split(path_of(name), 0, None)
    return Split(path_of(path), int(start), int(end) if end else None)


def has_pattern(path: str) -> bool:
    """Whether *path* stands for files that may come later: a pattern or a directory."""
    return os.path.isdir(path) or (glob.has_magic(path) and not os.path.lexists(path))


def candidates(paths: tuple[str, ...]) -> Iterator[tuple[str, os.stat_result]]:
    """Every file that *paths* lead to now, each path once, those of a directory in order."""
    seen = set()
    for path in paths:
        many = has_pattern(path)
        for each in _expanded(path):
            if each in seen:
                continue
            seen.add(each)
            try:
                found = os.stat(each)
            except OSError:
                continue
            if stat.S_ISREG(found.st_mode) or not many:
                yield each, found


def _expanded(path: str) -> list[str]:
    if glob.has_magic(path) and not os.path.lexists(path):
        return sorted(glob.glob(path, recursive=True))
    if os.path.isdir(path):
        try:
            return sorted(os.path.join(path, each) for each in os.listdir(path) if each[0] != ".")
        except OSError:
            return []
    return [path]


def files_in(paths: tuple[str, ...]) -> list[tuple[str, os.stat_result]]:
    """The files that *paths* lead to; one with two names is listed once.

    Raises ApplicationError: a path leads to no file.
    """
    for path in paths:
        _check(path)
    found: dict[tuple[int, int], tuple[str, os.stat_result]] = {}
    for path, status in candidates(paths):
        found.setdefault((status.st_dev, status.st_ino), (path, status))
    return list(found.values())


def _check(path: str) -> None:
    if glob.has_magic(path) and not os.path.lexists(path):
        if not any(os.path.isfile(each) for each in glob.iglob(path, recursive=True)):
            raise ApplicationError(f"no file matches {path}")
        return
    try:
        os.stat(path)
        if os.path.isdir(path):
            os.listdir(path)
    except FileNotFoundError as error:
        if path == "-":
            raise ApplicationError(
                "input file -: it does not exist; standard input is w.StdinSource()"
            ) from error
        raise ApplicationError(f"input file {path}: it does not exist") from error
    except OSError as error:
        raise ApplicationError(f"input file {path}: {error.strerror}") from error


def is_stream(path: str) -> bool:
    """Whether *path* is a pipe, a terminal or a socket, which gives every byte once."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode) or stat.S_ISSOCK(mode)


def splits(path: str, size: int, split_bytes: int) -> list[str]:
    """The partitions of a file of *size* bytes that is read in splits."""
    starts = list(range(0, max(size - split_bytes // 2, 1), split_bytes))
    ends = [*starts[1:], None]
    return [Split(path, start, end).name for start, end in zip(starts, ends, strict=True)]


def siblings(path: str) -> Iterator[tuple[str, os.stat_result]]:
    """The files beside *path*: where rotation may have put it."""
    try:
        with os.scandir(Path(path).parent) as entries:
            for entry in entries:
                if entry.is_file():
                    yield entry.path, entry.stat()
    except OSError:
        return


def split_bytes_of(split: str | None, form: Format, *, follow: bool) -> int | None:
    """The size of a part in bytes; None: files are not divided. Raises ApplicationError."""
    if split is None:
        return None
    match = _SIZE.fullmatch(split) if isinstance(split, str) else None
    if match is None or not int(match[1]):
        raise ApplicationError(f"FileSource: split={split!r}: expected a size such as '64MiB'")
    why = ""
    if form.format == "parquet":
        why = "a file of Parquet is read by one worker; write several files"
    elif follow:
        why = "a file that is followed has no end"
    elif form.wide:
        why = f"lines in {form.encoding} cannot be found in the middle of a file"
    elif form.format == "csv" and form.quotechar is not None:
        why = "a quoted field may hold a line end; if none does, set quotechar=None"
    if why:
        raise ApplicationError(f"FileSource: split={split!r}: {why}")
    return int(match[1]) * _UNITS[match[2]]


def is_packed(path: str) -> bool:
    """Whether a file is compressed. Raises OSError: it cannot be read."""
    return _is_packed_file(path, os.stat(path).st_ino)


@lru_cache(maxsize=100_000)
def _is_packed_file(path: str, _inode: int) -> bool:
    with open(path, "rb") as file:
        return bool(kind_of(file.read(MAGIC_BYTES)))
