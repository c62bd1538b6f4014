"""What systemd is told: ready, status, stopping; harmless where there is no systemd.

The protocol is that of sd_notify(3), spoken here rather than by a library, since the one there is
passes neither descriptors nor text beyond latin-1.
"""

import array
import os
import socket
from collections.abc import Sequence

PASSING = ("STATUS=", "WATCHDOG=")
PATIENCE_S = 5.0


def supervised() -> bool:
    """Whether a service manager listens."""
    return bool(os.environ.get("NOTIFY_SOCKET"))


def notify(*states: str, descriptors: Sequence[int] = ()) -> None:
    """Send *states* such as ``READY=1`` or ``STATUS=…`` in one message, with *descriptors*.

    A message that cannot be sent is dropped: whatever it says, the worker goes on. One that only
    says what the next will say better does not wait for a service manager that is behind.
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
        passing = all(state.startswith(PASSING) for state in states)
        out.settimeout(0.0 if passing else PATIENCE_S)
        try:
            out.sendmsg(["\n".join(states).encode()], rights if descriptors else (), 0, address)
        except OSError:
            return


def watchdog_s() -> float | None:
    """How long systemd waits for ``WATCHDOG=1``, in seconds; None if it does not."""
    mine = os.environ.get("WATCHDOG_PID") in (None, "", str(os.getpid()))
    given = os.environ.get("WATCHDOG_USEC", "")
    return int(given) / 1e6 if mine and given.isdigit() and int(given) > 0 else None
