"""What a worker takes of its host: memory, processor, disk; and when its certificates end."""

import os
import resource
from collections import deque
from pathlib import Path

import attrs
import structlog

from wallarood.model.errors import WallaroodError

DELAYS_MAX = 25

log = structlog.get_logger(__name__)


def memory_bytes() -> int:
    """The resident memory of this process."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[1]) * resource.getpagesize()
    except (OSError, IndexError, ValueError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@attrs.define(eq=False)
class Host:
    """What was seen of the process in the last seconds."""

    cpu: float = 0.0
    _cpu_s: float = 0.0
    _cpu_at: float = 0.0
    _delays: deque[float] = attrs.field(factory=lambda: deque(maxlen=DELAYS_MAX))

    def woke(self, late_s: float) -> None:
        """A task that slept was woken so much too late."""
        self._delays.append(max(0.0, late_s))

    @property
    def loop_delay_s(self) -> float:
        """The longest that the event loop was held up lately."""
        return max(self._delays, default=0.0)

    def ran(self, cpu_s: float, now: float) -> None:
        """The process has had so much of the processor up to *now*."""
        if self._cpu_at:
            self.cpu = max(0.0, cpu_s - self._cpu_s) / max(now - self._cpu_at, 1e-9)
        self._cpu_s, self._cpu_at = cpu_s, now


def disk_of(path: Path) -> tuple[int | None, int | None]:
    """How many bytes are free for this user where *path* is, and how many there are in all."""
    try:
        there = os.statvfs(path)
    except OSError:
        return None, None
    return there.f_bavail * there.f_frsize, there.f_blocks * there.f_frsize


def certificates_end(paths: tuple[Path, ...]) -> float | None:
    """When the first of these certificates ends, in seconds since 1970 UTC; None if unknown."""
    from wallarood.net.authority import read_certificate  # noqa: PLC0415 - only for TLS

    ends = []
    for path in paths:
        try:
            ends.append(read_certificate(path).not_valid_after_utc.timestamp())
        except WallaroodError as error:
            log.debug("certificate not read", path=str(path), reason=str(error))
    return min(ends, default=None)
