"""The end of the process, within a time, whatever still runs in it."""
# Theory of operation
# ===================
# A thread cannot be ended from outside. One that reads from a FIFO without a writer, or writes into
# a pipe that is not read, or that the application has started and never ends, would keep the
# process for good; and user code that holds the event loop keeps it from heeding a signal. So a
# thread of its own waits for the time that an end may take, says what has not finished, and ends
# the process. What is durable is so before: nothing is lost by that.
#
# It is there from the start, and woken through a pipe: a signal handler can do no more.

import atexit
import os
import select
import sys
import threading
import time
from collections.abc import Iterator
from types import FrameType
from typing import Any

import structlog

from wallarood.outlet import wait_written

FLUSH_S = 0.5
BUSY = " from "
"""Stands in the name of a thread of trio that has something to do, before the task's name."""
_OURS = f"{os.sep}wallarood{os.sep}"
_LIBRARY = os.path.dirname(os.__file__) + os.sep
_INSTALLED = f"{os.sep}site-packages{os.sep}"

log = structlog.get_logger(__name__)


class Ending:
    """Ends this process when its time is over. `code` is the exit status for that case."""

    def __init__(self) -> None:
        self.code = 0
        self._until: float | None = None
        self._wake_out, self._wake_in = os.pipe()
        os.set_blocking(self._wake_in, False)
        threading.Thread(target=self._wait, daemon=True, name="ending").start()
        atexit.register(self._at_exit)

    @property
    def begun(self) -> bool:
        """Whether the process is to end."""
        return self._until is not None

    def within(self, seconds: float) -> None:
        """The process is to end within *seconds* from now; a later call counts instead."""
        self._until = time.monotonic() + seconds
        try:
            os.write(self._wake_in, b"1")
        except BlockingIOError:
            return  # it is being woken

    def _wait(self) -> None:
        while self._until is None or time.monotonic() < self._until:
            left = None if self._until is None else max(0.0, self._until - time.monotonic())
            if select.select([self._wake_out], [], [], left)[0]:
                os.read(self._wake_out, 4096)
        self.now()

    def now(self) -> None:
        """End the process at once, and say what has not finished."""
        try:
            what = "; ".join(unfinished()) or "nothing that is known"
            log.warning("ending without waiting for what has not finished", unfinished=what)
            for child in _children():
                child.terminate()
            wait_written(FLUSH_S)
        finally:
            os._exit(self.code)

    def _at_exit(self) -> None:
        # The interpreter would die of a lock that such a thread holds.
        if any(_is_busy(thread) for thread in threading.enumerate()):
            self.now()


def _is_busy(thread: threading.Thread) -> bool:
    return thread.daemon and BUSY in thread.name


def unfinished() -> Iterator[str]:
    """What still runs in this process, for a person: user code, threads and children."""
    frames = sys._current_frames()
    for thread in threading.enumerate():
        frame = frames.get(thread.ident or 0)
        if frame is None or thread is threading.current_thread():
            continue
        if thread is threading.main_thread():
            if place := _user_place(frame):
                yield f"user code at {place}"
        elif _is_busy(thread):
            yield f"{thread.name} ({_place(frame)})"
        elif not thread.daemon:
            yield f"thread {thread.name!r} of the application ({_place(frame)})"
    for child in _children():
        yield f"child process {child.name!r} (PID {child.pid})"


def _children() -> list[Any]:
    """The processes that the application has started by `multiprocessing`, if it knows that."""
    known = sys.modules.get("multiprocessing")
    return [] if known is None else list(known.active_children())


def _frames(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def _is_library(frame: FrameType) -> bool:
    file = frame.f_code.co_filename
    return file.startswith(("<", _LIBRARY)) or _INSTALLED in file


def _place(frame: FrameType) -> str:
    """The innermost line that is not a library's."""
    found = next((each for each in _frames(frame) if not _is_library(each)), frame)
    return f"{found.f_code.co_filename}:{found.f_lineno}"


def _user_place(frame: FrameType) -> str:
    """The innermost line of user code, if that is what runs; empty if it is not."""
    for each in _frames(frame):
        if not _is_library(each):
            file = each.f_code.co_filename
            return "" if _OURS in file else f"{file}:{each.f_lineno}"
    return ""
