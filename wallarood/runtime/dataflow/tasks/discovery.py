"""Watches which partitions a source has, while it runs.

Theory of operation
===================
A source that can tell which partitions there are at any time (`discover`) is asked at the start and
then now and then. A partition that is new and belongs here is read from its beginning, without a
restart: a checkpoint that does not list it says that nothing of it was read. A partition that is
gone is an error unless the source says otherwise; it counts as gone when two listings in a row lack
it. A server that is away is asked again after a pause that grows, and status says since when.
"""

import random
from collections.abc import Callable, Sequence

import attrs
import structlog
import trio

from wallarood.app.connector import Discovering
from wallarood.flow.failures import Naming
from wallarood.model.errors import ApplicationError
from wallarood.runtime.dataflow.tasks.away import Away

DISCOVER_S = 60.0
GONE_AFTER = 2
"""How many listings in a row must lack a partition."""

log = structlog.get_logger(__name__)


@attrs.define(eq=False)
class Discovery:
    """Asks *source*, and tells what is *on_new* and *on_gone* of what is read here.

    `known` are the partitions that are read here, `ended` those that were. *on_listed* is called
    after the first listing.
    """

    step: str
    source: Discovering
    away: Away
    known: Callable[[], Sequence[str]]
    ended: Callable[[], Sequence[str]]
    is_known: Callable[[str], bool]
    is_mine: Callable[[str], bool]
    on_new: Callable[[str], None]
    on_gone: Callable[[str], None]
    on_listed: Callable[[], None]
    _lacked: dict[str, int] = attrs.field(factory=dict, init=False)
    _gone: set[str] = attrs.field(factory=set, init=False)
    """Those that have ended and were not listed, and of which nothing was said since."""

    async def run(self) -> None:
        """Watch until cancelled. Raises ApplicationError: it cannot be listed, or one is gone."""
        every_s = getattr(self.source, "discover_s", DISCOVER_S)
        listed = False
        while True:
            found = await self._list()
            if found is None:
                await self.away.pause()
                continue
            self._take(found)
            if not listed:
                listed = True
                self.on_listed()
            await trio.sleep(every_s * random.uniform(0.9, 1.1))

    async def _list(self) -> Sequence[str] | None:
        """What there is; None: the server is away."""
        with self.away.noticed(), Naming("source", self.step):
            return await self.source.discover()
        return None

    def _take(self, found: Sequence[str]) -> None:
        known, there = self.known(), set(found)
        self._gone |= set(self.ended()) - there
        for name in self._gone & there:
            self._gone.discard(name)
            log.warning(
                "source partition is listed again after it was gone, and is not read: it has ended "
                "here. Give what is new another name, or read it with a new cluster",
                source=self.step,
                partition=name,
            )
        for name in dict.fromkeys(found):
            if not self.is_known(name) and self.is_mine(name):
                log.info("source partition found", source=self.step, partition=name)
                self.on_new(name)
        for name in known:
            lacked = 0 if name in there else self._lacked.get(name, 0) + 1
            self._lacked[name] = lacked
            if lacked >= GONE_AFTER:
                self._end(name)

    def _end(self, name: str) -> None:
        if getattr(self.source, "on_gone", "stop") == "stop":
            raise ApplicationError(
                f"source {self.step!r}: partition {name!r} is gone: it is not listed any more. "
                "Put it back; or let the source read others without it (on_gone='end')"
            )
        log.warning("source partition is gone", source=self.step, partition=name)
        self.on_gone(name)
