"""Standard error that never stops its program: nothing waits for it, and nothing fails by it.

Theory of operation
===================
What is written goes into a bounded queue, and a thread takes it from there to the descriptor. So a
pipe that is not read, a terminal that is held or a disk that hangs holds up that thread alone. A
pipe whose reader has left, a full disk and a closed descriptor cost the text, which is counted;
when text can be written again, a line says how much was lost.
"""

import atexit
import io
import os
import select
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

QUEUE_BYTES_MAX = 1 << 20
RETRY_S = 0.2
AT_EXIT_S = 1.0
STANDARD = (0, 1, 2)
STDERR = 2


_outlets: "list[Outlet]" = []


class Outlet:
    """A queue before *write*, which takes some bytes and may block or raise OSError.

    *lost* makes the line that says how many entries were lost.
    """

    def __init__(self, write: Callable[[bytes], None], lost: Callable[[int], bytes]) -> None:
        self._write, self._lost_text = write, lost
        self._queue: deque[bytes] = deque()
        self._bytes = self._lost = 0
        self._busy = False
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        _outlets.append(self)

    def put(self, data: bytes) -> None:
        """Have *data* written, or lose it if too much is waiting already."""
        with self._changed:
            if self._bytes + len(data) > QUEUE_BYTES_MAX:
                self._lost += 1
                return
            self._queue.append(data)
            self._bytes += len(data)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, daemon=True, name="log")
                self._thread.start()
            self._changed.notify_all()

    def wait_written(self, patience_s: float) -> bool:
        """Wait until all is written, or lost; False if that takes longer than *patience_s*."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._queue and not self._busy, patience_s)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: bool(self._queue))
                data = self._queue.popleft()
                lost, self._lost, self._busy = self._lost, 0, True
            written = self._try(self._lost_text(lost)) if lost else True
            written = written and self._try(data)
            with self._changed:
                self._bytes -= len(data)
                self._lost += lost + 1 if not written else 0
                self._busy = False
                self._changed.notify_all()

    def _try(self, data: bytes) -> bool:
        try:
            self._write(data)
        except (OSError, ValueError):
            return False
        return True


def write_to(descriptor: int) -> Callable[[bytes], None]:
    """A function that writes all it is given to *descriptor*, also if that does not block."""

    def write(data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[os.write(descriptor, rest) :]
            except BlockingIOError:
                select.select([], [descriptor], [], RETRY_S)

    return write


class _Raw(io.RawIOBase):
    """The bytes of a text stream, on their way into an outlet."""

    def __init__(self, outlet: Outlet, descriptor: int) -> None:
        self._outlet, self._descriptor = outlet, descriptor

    def writable(self) -> bool:
        """Always."""
        return True

    def write(self, data: Any) -> int:
        """Never waits, never raises."""
        self._outlet.put(bytes(data))
        return len(data)

    def fileno(self) -> int:
        """The descriptor that the outlet leads to."""
        return self._descriptor

    def isatty(self) -> bool:
        """Whether that is a terminal."""
        try:
            return os.isatty(self._descriptor)
        except OSError:
            return False


def _lost(count: int) -> bytes:
    return f"wallarood: {count} log entries were lost: standard error was not writable\n".encode()


def use_outlet() -> None:
    """Let ``sys.stderr`` of this process be one that never waits and never raises."""
    sys.stderr = io.TextIOWrapper(
        _Raw(Outlet(write_to(STDERR), _lost), STDERR),
        encoding="utf-8",
        errors="backslashreplace",
        write_through=True,
    )
    atexit.register(wait_written, AT_EXIT_S)


def wait_written(patience_s: float) -> None:
    """Wait until all outlets have written what they were given, for *patience_s* at most."""
    until = time.monotonic() + patience_s
    for outlet in _outlets:
        outlet.wait_written(max(0.0, until - time.monotonic()))


def open_standard_streams() -> None:
    """Let no file of ours be where standard streams belong, if they were closed at the start.

    Else what is printed, or said by the interpreter as it dies, would end in a database.
    """
    for number in STANDARD:
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest that is free
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    if sys.stdout is None:
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
