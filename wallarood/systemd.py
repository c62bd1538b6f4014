"""What a service manager is told: ready, status, stopping. Harmless where there is none."""

import os

import sdnotify


def notify(*states: str) -> None:
    """Send *states* such as ``READY=1`` or ``STATUS=…`` to the service manager, if there is one."""
    if os.environ.get("NOTIFY_SOCKET"):
        sdnotify.SystemdNotifier().notify("\n".join(states))
