"""Which worker is meant: by its admin socket, or the only one that answers on this host."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from wallarood.admin import client
from wallarood.model.errors import PeersGoneError, UsageError

SOCKET = "admin.sock"
SEARCHED = (".wallarood", "/run/wallarood", "/var/lib/wallarood")


def find_socket(chosen: argparse.Namespace) -> Path:
    """The admin socket that the flags mean, or that of the only worker here.

    Raises UsageError: there are several; PeersGoneError: there is none, or it may not be asked.
    """
    if chosen.socket is not None:
        return Path(chosen.socket)
    if chosen.state_directory is not None:
        return Path(chosen.state_directory) / SOCKET
    places = [Path(place) for place in SEARCHED]
    found = [path for path in candidates(places) if chosen.worker in (None, path.parent.name)]
    there = [path for path in found if client.listens(path)]
    if len(there) == 1:
        return there[0]
    if there:
        listed = "\n".join(f"  --worker {each.parent.name}   ({each})" for each in there)
        raise UsageError(f"{len(there)} workers run here; choose one:\n{listed}")
    wanted = f"worker {chosen.worker}" if chosen.worker else "a worker"
    raise PeersGoneError(
        f"{wanted} was not found: nothing answers below {', '.join(SEARCHED)}; "
        "say where it is with --state-directory or --socket"
    )


def candidates(places: Sequence[Path]) -> list[Path]:
    """All admin sockets in the directories *places* and directly below them."""
    found = []
    for place in places:
        try:
            found += [*place.glob(SOCKET), *sorted(place.glob(f"*/{SOCKET}"))]
        except OSError:
            continue
    return found
