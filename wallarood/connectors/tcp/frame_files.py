"""The files of frames that an exactly-once sink keeps until they are acknowledged."""

from pathlib import Path
from typing import Any, BinaryIO

from xxhash import xxh3_64

from wallarood.connectors.framing import skip_frames
from wallarood.connectors.tcp.connection import SEND_BYTES
from wallarood.connectors.tcp.line import Place, place_of
from wallarood.disk.durable import sync_directory
from wallarood.model.errors import CannotCreateError, DamagedStateError


def remove_void(directory: Path, place: Place) -> None:
    """Remove frames from *place* on: they were never committed, or the cluster has gone back.

    Raises CannotCreateError: the directory cannot be made or written.
    """
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        sync_directory(directory.parent)
        for path in directory.glob("*.frames"):
            if place_of(path.name) >= (place.line, place.next):
                path.unlink()
    except OSError as error:
        raise CannotCreateError(f"{directory}: {error.strerror}") from error


def check_frames(directory: Path, prepared: Any) -> str:
    """What is wrong with the frames of a transaction; empty if nothing is, or they are gone."""
    path, found = directory / prepared["file"], xxh3_64()
    try:
        with path.open("rb") as file:
            while data := file.read(SEND_BYTES):
                found.update(data)
    except FileNotFoundError:
        return ""
    whole = found.hexdigest() == prepared["checksum"]
    return "" if whole else f"{path} is damaged: its checksum is wrong"


def open_frames(path: Path, acknowledged: int) -> BinaryIO:
    """The file at its first frame after *acknowledged*. Raises DamagedStateError."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        raise DamagedStateError(
            f"{path} is missing, and the receiver has records only up to {acknowledged:,}"
        ) from None
    skip_frames(file, acknowledged)
    return file
