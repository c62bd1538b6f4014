"""The directories in which something happens when what a path leads to changes.

A watch on a directory tells of its entries: files that are written, come, go or get another name.
What a symbolic link leads to changes where the link stands, and where it leads. A directory that is
not there yet comes into being in the nearest one that is.
"""

import glob
import os
from collections.abc import Iterable, Iterator

LINKS_MAX = 40
"""As many links as the kernel follows in one path."""


def directories(paths: Iterable[str], found: Iterable[str]) -> set[str]:
    """Those of *paths* and of the files *found* by them; "" is the working directory."""
    wanted: set[str] = set()
    for path in paths:
        if glob.has_magic(path) and not os.path.lexists(path):
            wanted.update(_of_pattern(path))
        elif os.path.isdir(path):
            wanted.add(path)
            wanted.update(_of_links(path))
        else:
            wanted.update(_of_file(path))
    for path in found:
        if os.path.islink(path):
            wanted.update(_of_file(path))
    return wanted


def _of_pattern(pattern: str) -> Iterator[str]:
    """Wherever a name is compared with a part of *pattern*."""
    parts = pattern.split(os.sep)
    first = next(number for number, part in enumerate(parts) if glob.has_magic(part))
    yield from _of_file(os.sep.join([*parts[:first], "name"]))
    last = len(parts) if parts[-1] == "**" else len(parts) - 1
    for end in range(first + 1, last + 1):
        for path in glob.glob(os.sep.join([*parts[:end], ""]), recursive=True):
            yield path.rstrip(os.sep)


def _of_file(path: str) -> Iterator[str]:
    """The directory of *path*, those of the links on the way, and that where they lead."""
    yield _there(os.path.dirname(path))
    links = list(_links(path))
    for link, _ in links:
        yield os.path.dirname(link)
    if links:
        yield _there(os.path.dirname(links[-1][1]))


def _of_links(path: str) -> Iterator[str]:
    for link, _ in _links(path):
        yield os.path.dirname(link)


def _links(path: str) -> Iterator[tuple[str, str]]:
    """Each link that *path* leads through, and the path that results from following it."""
    for _ in range(LINKS_MAX):
        parts = path.split(os.sep)
        starts = (os.sep.join(parts[:end]) for end in range(1, len(parts) + 1))
        link = next((start for start in starts if os.path.islink(start)), None)
        if link is None:
            return
        path = os.path.join(os.path.dirname(link), os.readlink(link)) + path[len(link) :]
        yield link, path


def _there(directory: str) -> str:
    """*directory* or the nearest one above it that is there."""
    while directory and not os.path.isdir(directory):
        directory = os.path.dirname(directory)
    return directory
