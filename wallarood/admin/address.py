"""The path of a unix socket, made short enough for the kernel: 107 bytes is all it takes."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SOCKET_PATH_BYTES_MAX = 107


@contextmanager
def short_path(path: Path) -> Iterator[str]:
    """Yield a name for *path* that fits; a long one goes through its directory's descriptor.

    Raises OSError: the directory does not exist.
    """
    if len(os.fsencode(path)) <= SOCKET_PATH_BYTES_MAX:
        yield str(path)
        return
    directory = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{directory}/{path.name}"
    finally:
        os.close(directory)
