"""What systemd is told: ready, status, stopping; harmless where there is no systemd.

sdnotify speaks the protocol of sd_notify(3). It passes no descriptors, and encodes as latin-1 what
systemd reads as UTF-8: messages with either go through a socket of our own.
"""

import array
import os
import socket
from collections.abc import Sequence

from sdnotify import SystemdNotifier

PASSING = ("STATUS=", "WATCHDOG=")
PATIENCE_S = 5.0


def supervised() -> bool:
    """Whether a service manager listens."""
    return bool(os.environ.get("NOTIFY_SOCKET"))


def notify(*states: str, descriptors: Sequence[int] = ()) -> None:
    """Send *states* such as ``READY=1`` or ``STATUS=…`` in one message, with *descriptors*.

    A message that cannot be sent is dropped: the worker continues. One that only
    says what the next will say better does not wait for a slow service manager.
    """
    if not supervised():
        return
    message = "\n".join(states)
    passing = all(state.startswith(PASSING) for state in states)
    patience_s = 0.0 if passing else PATIENCE_S
    if descriptors or not message.isascii():
        _send(message, descriptors, patience_s)
        return
    notifier = SystemdNotifier()
    if notifier.socket is not None:
        with notifier.socket:
            notifier.socket.settimeout(patience_s)
            notifier.notify(message)


def _send(message: str, descriptors: Sequence[int], patience_s: float) -> None:
    address = os.environ["NOTIFY_SOCKET"]
    if address.startswith("@"):
        address = "\0" + address[1:]
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
        out.settimeout(patience_s)
        try:
            out.sendmsg([message.encode()], rights if descriptors else (), 0, address)
        except OSError:
            return


def watchdog_s() -> float | None:
    """How long systemd waits for ``WATCHDOG=1``, in seconds; None if it does not."""
    mine = os.environ.get("WATCHDOG_PID") in (None, "", str(os.getpid()))
    given = os.environ.get("WATCHDOG_USEC", "")
    return int(given) / 1e6 if mine and given.isdigit() and int(given) > 0 else None
