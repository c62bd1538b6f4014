"""TCP ports for what a test starts."""

import contextlib
import fcntl
import random
import socket
import tempfile
from collections import deque
from pathlib import Path

PORTS = range(10_000, 20_000)
"""None that Linux hands out by itself, nor one that `wallarood dev` takes."""
_given: deque[int] = deque(maxlen=1000)
"""To tests of this process: a lock is that of the whole process."""
RESERVED = (Path(tempfile.gettempdir()) / "wallarood-test-ports").open("ab")
"""Its byte N is locked by the process that has port N, as long as the process lives."""


def free_port() -> int:
    """A port of 127.0.0.1 that no process listens on, and that no other test is given.

    It stays reserved while nobody listens on it: a worker may be killed there, and come back.
    """
    for port in random.sample(PORTS, len(PORTS)):
        if port in _given:
            continue
        with socket.socket() as probe, contextlib.suppress(OSError):
            fcntl.lockf(RESERVED, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
            probe.bind(("127.0.0.1", port))
            _given.append(port)
            return port
    raise AssertionError(f"no port of {PORTS} is free")
