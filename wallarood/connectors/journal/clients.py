"""What a source knows of clients of workers that are gone: what these have acknowledged to them."""
# Theory of operation
# ===================
# A client of a worker that is gone connects to another, and must be told how much has arrived. So
# each of the others puts what that one's journal has of clients beside its own journal, in a file
# that is written as a whole. What the own journal knows of a client counts more: that client has
# sent to this worker, and its numbers are those of this worker.

import json
from collections.abc import Mapping
from pathlib import Path

from xxhash import xxh3_64_hexdigest

from wallarood.disk.durable import sync_directory, write_whole
from wallarood.model.errors import CannotCreateError, DamagedStateError

INHERITED = ".inherited"


def inherited_in(directory: Path) -> dict[str, int]:
    """The highest sequence numbers of clients that are known in *directory* from others.

    Raises DamagedStateError: it is damaged. Raises CannotCreateError: it cannot be read.
    """
    path = directory / INHERITED
    try:
        with path.open("rb") as file:
            checksum, _, body = file.read().partition(b"\n")
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise CannotCreateError(f"{path}: {error.strerror}") from error
    if checksum.decode("ascii", "replace") != xxh3_64_hexdigest(body):
        raise DamagedStateError(f"{path} is damaged: its checksum is wrong")
    found: dict[str, int] = json.loads(body)
    return found


def inherit(directory: Path, known: Mapping[str, int], *, names_max: int) -> None:
    """Put the highest sequence numbers of clients that another has *known* into *directory*.

    That of a client never falls; of more than *names_max* clients the newest are kept. Raises as
    `inherited_in`, and CannotCreateError: it cannot be written.
    """
    found = inherited_in(directory)
    for client, sequence in known.items():
        found[client] = max(sequence, found.pop(client, sequence))
    body = json.dumps(dict(list(found.items())[-names_max:])).encode()
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_whole(directory / INHERITED, xxh3_64_hexdigest(body).encode() + b"\n" + body)
        for above in (directory.parent, directory.parent.parent):
            sync_directory(above)
    except OSError as error:
        raise CannotCreateError(f"{directory / INHERITED}: {error.strerror}") from error
