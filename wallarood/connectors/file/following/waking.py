"""When to look at followed files again: at once when the kernel tells of a change, else by polling.

What the kernel tells is a hint: it says which files to look at, and what is found there decides.
Where it tells nothing, all files are looked at a few times a second, or as often as costs some one
percent of a processor. Where it does, all are looked at now and then all the same; if something has
changed by then that was not told, it is polled from then on.
"""

import math
from collections.abc import Iterable
from collections.abc import Set as AbstractSet

import attrs
import structlog
import trio

from wallarood.connectors.file.following.places import directories
from wallarood.connectors.file.following.watch import UnwatchableError, Watch

SCAN_S = 0.2
SCAN_SHARE = 120
"""A scan is followed by a pause of so many times the processor time that it took."""
PAUSE_S_MAX = 10.0
IDLE_S = 10.0
"""How long nothing is looked at while nothing is told."""
GATHER_S = 0.05
"""How long changes are gathered, so that who writes often does not wake us as often."""

log = structlog.get_logger(__name__)


@attrs.define(eq=False)
class Waking:
    """Waits for changes. `watch` is None where nothing tells of them.

    The owner says after each scan what it took (`scanned`), whether it has to look again soon
    although nothing is told (`restless`), and whether it found something to read.
    """

    watch: Watch | None = None
    restless: bool = True
    pause_s: float = attrs.field(default=0.0, init=False)
    _scanned_at: float = attrs.field(default=-math.inf, init=False)
    _silent: bool = attrs.field(default=False, init=False)
    """Whether nothing was told before this scan."""
    _doubted: bool = attrs.field(default=False, init=False)

    def look_at(self, paths: Iterable[str], found: Iterable[str]) -> bool:
        """Watch what *paths* and the files *found* need; whether there is something new in that."""
        if self.watch is None:
            return False
        try:
            return self.watch.look_at(directories(paths, found))
        except UnwatchableError as error:
            self.stop(str(error))
            return False

    def scanned(self, took_s: float, *, found: object, now: float) -> None:
        """A scan has taken *took_s* of a processor, and has *found* something to read or not."""
        self._scanned_at = now
        self.pause_s = min(max(SCAN_S, took_s * SCAN_SHARE), PAUSE_S_MAX)
        self._doubted = bool(found) and self._silent and not self.restless
        self._silent = False

    async def wait(self, known: AbstractSet[str]) -> frozenset[str] | None:
        """Wait until there may be something new: in these files of *known*; None: anywhere."""
        if self.watch is None or self.restless or self._doubted:
            await trio.sleep(self.pause_s)
            self._catch_up()
            return None
        with trio.move_on_after(max(IDLE_S, self.pause_s)) as waiting:
            await self.watch.wait()
        if waiting.cancelled_caught:
            self._silent = True
            return None
        await trio.sleep(GATHER_S)
        changes = self.watch.take()
        if not changes.names and changes.written <= known:
            return changes.written
        await trio.sleep_until(self._scanned_at + self.pause_s)
        self._catch_up()
        return None

    def _catch_up(self) -> None:
        """What was told before a scan is found by it."""
        if self.watch is None:
            return
        told = self.watch.take()
        if self._doubted and not told:
            self.stop("changes were found that the kernel had not told of")
        self._doubted = False

    def stop(self, reason: str) -> None:
        """Poll from now on."""
        log.info("followed files are polled", reason=reason)
        self.close()

    def close(self) -> None:
        """Watch nothing any more."""
        if self.watch is not None:
            self.watch.close()
            self.watch = None
