"""A server that is away: what is said of it, and the pauses between attempts, which grow."""

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import attrs
import structlog
import trio

from wallarood.model.errors import ServerAwayError

AGAIN_S = 0.5
AGAIN_MAX_S = 10.0

log = structlog.get_logger(__name__)


@attrs.define(eq=False)
class Away:
    """Whether the server of `called` is away; `reason` says why, and is empty if it is not.

    `since` is since when, in seconds since 1970 UTC; `again` how often it was tried again so far.
    """

    called: str
    reason: str = attrs.field(default="", init=False)
    since: float | None = attrs.field(default=None, init=False)
    again: int = attrs.field(default=0, init=False)
    _failed: int = attrs.field(default=0, init=False)

    @property
    def waits(self) -> str:
        """Whom and what is waited for, and since when; empty if nothing is."""
        if self.since is None:
            return ""
        return f"{self.reason} (since {datetime.fromtimestamp(self.since, UTC):%Y-%m-%d %H:%M:%SZ})"

    @contextmanager
    def noticed(self) -> Iterator[None]:
        """Notice that the server is away, which ends the block; `pause` before it is tried again.

        A block that gets to its end says that it is there.
        """
        try:
            yield
            self.is_there()
        except ServerAwayError as error:
            if not self.reason:
                self.since = time.time()
                log.warning("server away; trying again", of=self.called, reason=error.message)
            self.reason = error.message
            self._failed += 1

    def is_there(self) -> None:
        """The server has answered."""
        if self.reason:
            log.info("server back", of=self.called)
        self.reason, self.since, self._failed = "", None, 0

    async def pause(self) -> None:
        """Wait before the next attempt."""
        most = min(AGAIN_S * 2 ** min(self._failed, 10), AGAIN_MAX_S)
        await trio.sleep(most * random.uniform(0.5, 1))
        self.again += 1
