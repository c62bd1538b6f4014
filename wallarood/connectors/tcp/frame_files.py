"""Reading the files of frames that an exactly-once TCP sink keeps until they are acknowledged."""

from pathlib import Path
from typing import BinaryIO

from wallarood.connectors.framing import skip_frames
from wallarood.model.errors import DamagedStateError

ENDING = ".frames"


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
