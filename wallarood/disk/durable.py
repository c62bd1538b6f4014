"""Writing all, and making names durable."""

import os
from pathlib import Path


def sync_directory(directory: Path) -> None:
    """Make what was made, renamed and removed in *directory* durable. Raises OSError."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of *data*. Raises OSError."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def write_whole(path: Path, data: bytes) -> None:
    """Put a file with *data* at *path*, durably: what was there before is whole until then.

    Raises OSError.
    """
    part = path.with_name(f"{path.name}.part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        write_all(descriptor, data)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    part.replace(path)
    sync_directory(path.parent)


def nearest_existing(path: Path) -> Path:
    """*path*, or the nearest directory above it that is there."""
    return next(each for each in (path, *path.absolute().parents) if each.exists())
