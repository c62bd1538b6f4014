"""A journal that another worker has left, or is to go on elsewhere: read, checked, and told of."""
# Theory of operation
# ===================
# What has a journal is in a directory of its own, which is called as its partition, and which is
# copied whole when its worker goes. Nobody listens for what one worker of several has left: it is
# read to its end, and its clients are made known to all that listen.

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import trio

from wallarood.app.connector import SourceBatch, SourceContext, SourceLimits
from wallarood.connectors.journal.clients import inherit
from wallarood.connectors.journal.files import Journal, open_journal
from wallarood.connectors.journal.replay import Decode, batch_of, decoded_again, some_of
from wallarood.connectors.live.form import stopped_by
from wallarood.model.errors import CannotCreateError
from wallarood.model.pipeline import ErrorPolicy

NAMES_MAX = 100_000
"""How many clients of others are remembered."""


def directory_of(partition: str) -> str:
    """The name of the directory that has the journal of *partition*."""
    return partition.replace(os.sep, "_")


def take_clients(own: str, left: str) -> None:
    """Make known in directory *own* what *left* tells of clients; neither need exist. Blocks.

    Raises CannotCreateError: the disk refuses. Raises DamagedStateError: a file is damaged.
    """
    directory = Path(left)
    if not directory.exists():
        return
    journal = open_journal(directory, 1)
    known = {**journal.inherited, **journal.highest}
    if known:
        inherit(Path(own), known, names_max=NAMES_MAX)


async def check_journal_at(partition: str, position: Any, context: SourceContext) -> None:
    """Raises DamagedStateError: the journal of *partition* cannot be read from *position*."""
    where = Path(context.directory) / directory_of(partition)
    if position is None and not await trio.Path(where).exists():
        return
    journal = await trio.to_thread.run_sync(open_journal, where, 1)
    journal.read(position or 0)


@attrs.define(eq=False)
class LeftReader:
    """An open partition that another worker has left. With *stops* it ends at what is unreadable.

    `times` is whether its records have times.
    """

    journal: Journal
    decode: Decode
    limits: SourceLimits
    stops: bool
    _replay: Iterator[tuple[int, bytes]]
    times: bool = attrs.field(default=True, init=False)
    _using: trio.Lock = attrs.field(factory=trio.Lock, init=False)
    caught_up: bool = attrs.field(default=False, init=False)
    """There is more to read until it ends."""

    async def read(self) -> SourceBatch[Any] | None:
        """See `SourceReader.read`. Raises DamagedStateError, ApplicationError: as `Intake.read`."""
        async with self._using:
            found = await trio.to_thread.run_sync(some_of, self._replay, self.limits)
        if not found:
            return None
        taken = [decoded_again(self.decode, each, self.journal.directory) for each in found]
        batch = batch_of(taken, found[-1][0] + 1)
        if batch.unreadable and self.stops:
            raise stopped_by(batch.unreadable[0])
        return batch if self.times else attrs.evolve(batch, times=None)

    async def committed(self, position: Any) -> None:
        """See `SourceReader.committed`: what is before *position* is cut off."""
        async with self._using:
            try:
                await trio.to_thread.run_sync(self.journal.cut, position or 0)
            except CannotCreateError:
                return  # it is tried at the next checkpoint, and goes as a whole at the end

    async def aclose(self) -> None:
        """See `SourceReader.aclose`."""
        self.journal.close()


async def open_left(
    partition: str,
    position: Any,
    context: SourceContext,
    *,
    decode: Decode,
    policy: ErrorPolicy = ErrorPolicy.SKIP,
) -> LeftReader:
    """Open a partition of *context.left* at *position*.

    Raises DamagedStateError: the journal is damaged, or does not reach back so far.
    """
    where = Path(context.directory) / directory_of(partition)
    opening = partial(open_journal, where, 1)
    journal = await trio.to_thread.run_sync(opening)
    replay = journal.read(position or 0)
    stops = policy is ErrorPolicy.STOP
    return LeftReader(journal, decode, context.limits, stops, replay)
