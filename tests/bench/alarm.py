"""An alarm clock that wakes a Trio task, or a thread, as a socket would: timerfd_create(2).

Trio's own timers are those of epoll_wait(2) and end up to a millisecond late, which is as long as
all else in a record's way; connectors do not wait for timers, but for what comes.
"""

import ctypes
import os
import select

import trio.lowlevel

_CLOCK_MONOTONIC, _NONBLOCK, _CLOEXEC, _ABSOLUTE = 1, 0o4000, 0o2000000, 1
_libc = ctypes.CDLL(None, use_errno=True)
_Setting = ctypes.c_long * 4
"""Interval and first time, each in seconds and nanoseconds."""


class Alarm:
    """Wakes at *first_s* of `time.monotonic` and then every *step_s*."""

    def __init__(self, first_s: float, step_s: float) -> None:
        self._timer = _libc.timerfd_create(_CLOCK_MONOTONIC, _NONBLOCK | _CLOEXEC)
        if self._timer < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")
        setting = _Setting(
            *divmod(round(step_s * 1e9), 10**9), *divmod(round(first_s * 1e9), 10**9)
        )
        if _libc.timerfd_settime(self._timer, _ABSOLUTE, ctypes.byref(setting), None):
            raise OSError(ctypes.get_errno(), "timerfd_settime")

    async def wait(self) -> None:
        """Return when a time has come since the last call."""
        await trio.lowlevel.wait_readable(self._timer)
        os.read(self._timer, 8)

    def wait_blocking(self) -> None:
        """The same for a thread that has nothing else to do."""
        select.select([self._timer], [], [])
        os.read(self._timer, 8)

    def close(self) -> None:
        """Give the timer back."""
        os.close(self._timer)
