"""Whose files a directory has: the class of the connector, so that its `verify` can be asked.

The state directory is looked through without the application (``wallarood state verify``). So what
a source or sink has a directory for is noted in it, and imported by that name.
"""

import importlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from wallarood.disk.durable import sync_directory, write_all
from wallarood.model.errors import CannotCreateError

NAME = ".connector"

Verify = Callable[[Path, Sequence[Any]], list[str]]
"""What is damaged in a directory, of which a checkpoint lists these transactions; in words."""


def note_connector(directory: Path, connector: Any) -> None:
    """Note in *directory* of which class *connector* is, if that has a `verify`. Blocks.

    Raises CannotCreateError: the directory cannot be made or written.
    """
    kind = type(connector)
    if not callable(getattr(kind, "verify", None)):
        return
    path, text = directory / NAME, f"{kind.__module__}:{kind.__qualname__}\n"
    try:
        if path.exists() and path.read_text(encoding="utf-8") == text:
            return
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = path.with_suffix(".new")
        file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            write_all(file, text.encode())
            os.fsync(file)
        finally:
            os.close(file)
        new.rename(path)
        sync_directory(directory)
        sync_directory(directory.parent)
    except (OSError, UnicodeError) as error:
        raise CannotCreateError(f"{path}: {error}") from error


def noted_verify(directory: Path) -> Verify | None:
    """The `verify` of the class that is noted in *directory*; None if none is.

    Raises LookupError: it cannot be found; the message says what.
    """
    path = directory / NAME
    try:
        module, _, name = path.read_text(encoding="utf-8").strip().partition(":")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeError) as error:
        raise LookupError(f"{path} cannot be read: {error}") from error
    try:
        found: Any = importlib.import_module(module)
        for each in name.split("."):
            found = getattr(found, each)
        verify: Verify = found.verify
    except Exception as error:  # it may be of the application, whose code may be elsewhere
        raise LookupError(
            f"{directory} is not verified: {module}:{name} cannot be imported here ({error}); "
            "set PYTHONPATH to where it is"
        ) from error
    return verify
