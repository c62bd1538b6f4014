"""Processes that end with the one that has started them, however that ends: by SIGKILL, too."""

import ctypes
import os
import signal
import sys
import threading

SET_DEATH_SIGNAL = 1
"""PR_SET_PDEATHSIG, see prctl(2)."""
_prctl = ctypes.CDLL(None).prctl


def bound(*command: str, by: str = "KILL") -> list[str]:
    """The command whose process is that of *command*, and ends so, *by* a signal.

    What another thread than the first one starts is not bound: it would end with that thread.
    """
    if threading.current_thread() is not threading.main_thread():
        return [*command]
    return ["setpriv", "--pdeathsig", by, "--", *command]


def end_with(parent: int) -> None:
    """Let this process, a fork of *parent*, end so."""
    _prctl(SET_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent:  # it has ended before that was said
        sys.exit()
