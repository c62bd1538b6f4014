"""Files that are old or new after a crash, never half, and that know when they are damaged."""

import json
import os
from pathlib import Path
from typing import Any

from xxhash import xxh3_64_hexdigest

from wallarood.disk.durable import sync_directory, write_all
from wallarood.model.errors import CannotCreateError, DamagedStateError


def write_atomic(path: Path, data: bytes, *, mode: int = 0o600) -> None:
    """Replace *path* by a file with *data*; durable when this returns.

    Raises CannotCreateError: the disk is full, read-only, or not ours.
    """
    temporary = path.with_name(f".{path.name}.new")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        try:
            write_all(descriptor, data)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        temporary.rename(path)
        sync_directory(path.parent)
    except OSError as error:
        raise CannotCreateError(f"cannot write {path}: {error.strerror}") from error


def make_directory(path: Path) -> None:
    """Make *path*, 0700, if it is not there; durable when this returns.

    Raises CannotCreateError: it cannot be made.
    """
    if path.is_dir():
        return
    try:
        path.mkdir(mode=0o700, exist_ok=True)
        sync_directory(path.parent)
    except OSError as error:
        raise CannotCreateError(f"cannot make {path}: {error.strerror}") from error


def write_document(path: Path, schema: int, content: Any) -> None:
    """Write *content*, a JSON value, with its schema version and checksum, readably."""
    document = {"schema": schema, "checksum": _checksum(content), "content": content}
    write_atomic(path, json.dumps(document, indent=2, ensure_ascii=False).encode() + b"\n")


def read_document(path: Path, schema: int) -> Any:
    """Read what `write_document` wrote; None if there is no such file.

    Raises DamagedStateError: it is unreadable, damaged, or of a newer schema.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DamagedStateError(f"cannot read {path}: {error.strerror}") from error
    try:
        document = json.loads(data)
        found, checksum, content = (document[key] for key in ("schema", "checksum", "content"))
    except (ValueError, KeyError, TypeError, RecursionError):
        raise damaged(path, "it is not the document that was written") from None
    if type(found) is not int or found > schema:
        raise DamagedStateError(
            f"{path} has schema version {found!r:.20}, this version reads up to {schema}: install "
            "the version that wrote it, or a newer one"
        )
    if checksum != _checksum(content):
        raise damaged(path, "its checksum is wrong")
    return content


def damaged(path: Path, what: str) -> DamagedStateError:
    """The error for a damaged file, with the choices."""
    return DamagedStateError(
        f"{path} is damaged: {what}; put a copy of the directory back, or set it aside with "
        "'wallarood state reset' and form a new cluster"
    )


def _checksum(content: Any) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return xxh3_64_hexdigest(text.encode("utf-8", "surrogatepass"))


def in_the_way(path: Path) -> str:
    """What stands in the place of *path* or of a directory above it, in words; empty: nothing."""
    for each in (path, *path.parents):
        if not os.path.lexists(each):
            continue
        if os.path.isdir(each):
            return ""
        if not os.path.exists(each):
            found = f"a dangling link to {os.readlink(each)}"
        else:
            found = "a file" if os.path.isfile(each) else "a device, pipe or socket"
        return (
            f"{each} is {found}: expected a directory, or nothing there; move "
            "it away, or choose another --state-directory"
        )
    return ""
