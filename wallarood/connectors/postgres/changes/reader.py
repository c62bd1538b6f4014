"""An open source of changes: first the rows that are there, then what becomes of them."""

import math
from collections.abc import Callable
from typing import Any, TypeVar

import attrs
import structlog
import trio

from wallarood.app.connector import SourceBatch, SourceLimits
from wallarood.connectors.postgres.change import PostgresChange
from wallarood.connectors.postgres.changes.catalog import Wanted
from wallarood.connectors.postgres.changes.collect import Collector
from wallarood.connectors.postgres.changes.identity import check_identity, identity_of
from wallarood.connectors.postgres.changes.place import Place, lsn_of
from wallarood.connectors.postgres.changes.stream import Stream
from wallarood.connectors.postgres.changes.tables import Tables
from wallarood.connectors.postgres.server import Session
from wallarood.model.errors import ConfigurationError, PeersGoneError, ServerAwayError

T = TypeVar("T")

log = structlog.get_logger(__name__)

TELL_S = 5.0
"""How often a position is told that has moved past what is not ours."""
LAG_S = 10.0
"""How often the server is asked where its log ends."""
LAG_WAIT_S = 2.0
"""How long its answer is waited for: changes come without it."""
LOG_END = (
    "SELECT (CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() "
    "ELSE pg_current_wal_lsn() END - '0/0')::int8"
)
STEP = 500
"""After so many messages that are not ours others may run."""


@attrs.define(eq=False)
class ChangeReader:
    """See `SourceReader`. `place` is None at the beginning."""

    wanted: Wanted
    place: Place | None
    limits: SourceLimits
    _tables: Tables | None = attrs.field(default=None, init=False)
    _stream: Stream | None = attrs.field(default=None, init=False)
    _collector: Collector | None = attrs.field(default=None, init=False)
    _session: Session = attrs.field(init=False)
    _confirmed: int = attrs.field(default=0, init=False)
    _told: float = attrs.field(factory=trio.current_time, init=False)
    _told_lsn: int = attrs.field(default=0, init=False)
    _is_checked: bool = attrs.field(default=False, init=False)
    _drained: bool = attrs.field(default=False, init=False)
    _log_end: int = attrs.field(default=0, init=False)
    """Where the log of the server ended when it was last asked; 0: it was not."""
    _asked_at: float = attrs.field(default=-math.inf, init=False)

    @_session.default
    def _ordinary(self) -> Session:
        return Session(self.wanted.database)

    @property
    def caught_up(self) -> bool:
        """See `SourceReader.read`."""
        stream, collector = self._stream, self._collector
        if stream is None or collector is None or collector.records:
            return False
        return self._drained and stream.is_whole

    @property
    def lag_bytes(self) -> int | None:
        """How much of the log there is after the place, by what the server said last."""
        if self.place is None or not self._log_end:
            return None
        return max(0, self._log_end - self.place.lsn)

    async def _ask_for_end(self) -> None:
        if trio.current_time() < self._asked_at + LAG_S:
            return
        self._asked_at = trio.current_time()
        try:
            ((self._log_end,),) = await self._session.run(
                lambda it: it.execute(LOG_END).fetchall(), within_s=LAG_WAIT_S
            )
        except (PeersGoneError, ConfigurationError) as error:  # as if all connections are taken
            log.debug("end of the log not known", of=str(self.wanted.database), reason=str(error))
            self._log_end = 0
            await self._session.drop()
            self._session, self._tables = self._ordinary(), None

    async def read(self) -> SourceBatch[Any] | None:
        """See `SourceReader.read`.

        Raises ServerAwayError: the server is away. Raises ApplicationError or ConfigurationError:
        what follows the position cannot be read, and what to do.
        """
        try:
            if self.place is None:
                return await self._begin()
            if not self.place.is_read:
                return await self._read_rows(self.place)
            return await self._read_changes(self.place)
        except ServerAwayError:
            raise
        except PeersGoneError as error:
            raise ServerAwayError(error.message) from error

    async def _begin(self) -> SourceBatch[Any]:
        """Make the slot, and say where it stands: that may not be asked for a second time."""
        self.place = place = await self._asked(self._begun)
        return SourceBatch([], place.position, (), [])

    async def _asked(self, call: Callable[[Any], T]) -> T:
        """What *call* says by a connection that may replicate."""
        session = self.wanted.replication()
        try:
            return await session.run(call)
        finally:
            with trio.CancelScope(shield=True):
                await session.drop()

    def _begun(self, connection: Any) -> Place:
        tables = self.wanted.prepared(connection)
        system, timeline, _ = identity_of(connection)
        (since,) = connection.execute(
            "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::int8"
        ).fetchone()
        lsn = self.wanted.begin(connection)
        read = tables if self.wanted.is_read_first else ()
        return Place(system, timeline, lsn, since=since, tables=read)

    async def _opened_tables(self, place: Place) -> Tables:
        if self._tables is None:
            wanted = self.wanted
            self._tables = Tables(wanted.database, wanted.publication, self._session, place)
        return self._tables

    async def _read_rows(self, place: Place) -> SourceBatch[Any]:
        if not self._is_checked:  # all that is read would be in vain if the slot were gone
            await self._asked(lambda connection: self._checked(connection, place))
            self._is_checked = True
        tables = await self._opened_tables(place)
        records = await tables.read(self.limits.batch_records_max, self.limits.batch_bytes_max)
        if place.is_read:
            # Without another await, since these rows are taken; and at once, since it holds locks.
            self._session.leave()
            self._session, self._tables = self._ordinary(), None
        return self._batch(records, place)

    def _batch(self, records: list[Any], place: Place) -> SourceBatch[Any]:
        self._told, self._told_lsn = trio.current_time(), place.lsn
        times = [record.time for record in records]
        return SourceBatch(records, place.position, (), times)

    async def _opened(self, place: Place) -> tuple[Stream, Collector]:
        if self._stream is None or self._collector is None:
            session = self.wanted.replication()
            stream = None
            try:
                names, end = await session.run(lambda connection: self._checked(connection, place))
                stream = Stream(self.wanted.database, session, place.lsn, end)
                await stream.start(self.wanted.slot, self.wanted.publication)
            except BaseException:
                with trio.CancelScope(shield=True):
                    await session.drop()
                raise
            server = str(self.wanted.database)
            self._collector = Collector(place, frozenset(names), {}, server)
            self._stream, self._told_lsn = stream, place.lsn
            stream.confirmed = self._confirmed
        return self._stream, self._collector

    def _checked(self, connection: Any, place: Place) -> tuple[tuple[str, ...], int]:
        """The whole names of the tables, and where the log ends."""
        end = check_identity(connection, self.wanted.database, place)
        self.wanted.check_at(connection, place)
        self.wanted.end_earlier(connection)
        return self.wanted.whole_names(connection), end

    async def _read_changes(self, place: Place) -> SourceBatch[Any]:
        stream, collector = await self._opened(place)
        await self._ask_for_end()
        taken = 0
        while True:
            while (
                len(collector.records) < self.limits.batch_records_max
                and collector.size_bytes < self.limits.batch_bytes_max
            ):
                if collector.missing:
                    shape = await (await self._opened_tables(place)).shape(collector.missing)
                    collector.keys[collector.missing], collector.missing = shape.key_names, ""
                message = stream.take()
                self._drained = message is None
                if message is None:
                    break
                collector.take(message)
                taken += 1
                if taken % STEP == 0:
                    if collector.records:
                        break
                    await trio.lowlevel.checkpoint()
            if collector.transaction is None:
                place.lsn = max(place.lsn, stream.heard)
            if collector.records and (records := await self._settled(place, collector)):
                return self._batch(records, place)
            moved = place.lsn > self._told_lsn
            if moved and trio.current_time() > self._told + TELL_S:
                return self._batch([], place)
            if self._drained:
                await stream.wait()
                await self._ask_for_end()

    async def _settled(self, place: Place, collector: Collector) -> list[Any]:
        records = collector.records
        if collector.doubtful:
            tables = await self._opened_tables(place)
            records = await tables.settle(records, collector.doubtful)
        collector.records, collector.doubtful, collector.size_bytes = [], [], 0
        return list(records)

    async def current(self, change: PostgresChange) -> dict[str, Any] | None:
        """The values of a changed row as they are by now; None if there is none."""
        assert self.place is not None
        try:
            return await (await self._opened_tables(self.place)).current(change)
        except PeersGoneError as error:
            raise ServerAwayError(error.message) from error

    async def old_key(self, change: PostgresChange) -> tuple[Any, ...]:
        """The key that a changed row had before."""
        assert self.place is not None
        shape = await (await self._opened_tables(self.place)).shape(change.table)
        old = change.old or {}
        return tuple(old[name] for name in shape.key_names)

    async def committed(self, position: Any) -> None:
        """See `SourceReader.committed`: the server may forget what was before."""
        self._confirmed = max(self._confirmed, lsn_of(position["lsn"]) if position else 0)
        if self._stream is not None:
            try:
                self._stream.confirm(self._confirmed)
            except PeersGoneError as error:  # `read` finds it, too
                log.debug("not confirmed", reason=error.message)

    async def aclose(self) -> None:
        """See `SourceReader.aclose`."""
        if self._stream is not None:
            await self._stream.aclose()
        await self._session.drop()
