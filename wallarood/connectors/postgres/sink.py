"""A sink into a table of PostgreSQL, exactly once."""

from collections.abc import Sequence
from typing import Any, ClassVar

import attrs

from wallarood.app.connector import SinkContext, SinkWriter
from wallarood.connectors.columns import columns_of
from wallarood.connectors.postgres.server import Database
from wallarood.connectors.postgres.target import Table, TableTarget
from wallarood.connectors.spool.files import check_files
from wallarood.connectors.spool.sink import SPOOL_BYTES_MAX, SpooledSink
from wallarood.model.errors import ApplicationError


@attrs.frozen(init=False)
class PostgresSink:
    """Writes rows into a table of PostgreSQL: adds them by COPY, or replaces them by key.

    *conninfo* is what libpq takes: ``"postgresql://USER@HOST/DATABASE?sslmode=verify-full"`` or
    ``"host=… dbname=…"``; the password stands in *password_file*, or where libpq looks for it.
    Needs ``pip install 'wallarood[postgres]'``.

    *table* is a name, or ``schema.name``; it must be there. A record has a value for each of
    *columns*, in order if it is a tuple or list, by name if it is a dict or an object with fields.
    With *key*, the names of some of the columns, a row replaces the former one of its key; the
    table must have a unique index on just these. While the server is away, or refuses a row, rows
    wait in the state directory (*spool_bytes_max*, default 1 GiB for each instance); then sources
    pause, and status says why.

    Guarantee: exactly once, whichever process dies. Rows and a row of the table
    ``wallarood_markers``, which is made if it is not there, change in one transaction; rows appear
    a checkpoint at a time, with ``synchronous_commit = on``.

    >>> import wallarood as w
    >>> sink = w.PostgresSink(
    ...     "postgresql://app@localhost/shop", "counts", columns=["word", "count"], key=["word"]
    ... )
    """

    for_heirs: ClassVar[bool] = True

    database: Database
    table: Table
    spool_bytes_max: int

    def __init__(
        self,
        conninfo: str,
        table: str,
        *,
        columns: Sequence[str],
        key: Sequence[str] = (),
        password_file: str | None = None,
        spool_bytes_max: int = SPOOL_BYTES_MAX,
    ) -> None:
        database = Database(conninfo, password_file)
        database.check("PostgresSink")
        known = columns_of("PostgresSink", columns)
        if isinstance(key, str) or any(each not in known.names for each in key):
            raise ApplicationError(f"PostgresSink: key={key!r}: expected a list of some columns")
        if not isinstance(table, str) or not all(table.split(".")):
            raise ApplicationError(f"PostgresSink: table={table!r}: expected a name")
        self.__attrs_init__(database, Table(table, known, tuple(key)), spool_bytes_max)
        self._spooled()

    def _spooled(self) -> SpooledSink:
        return SpooledSink(
            lambda writer: TableTarget(self.database, self.table, writer),
            server=str(self.database),
            spool_bytes_max=self.spool_bytes_max,
        )

    async def open(self, context: SinkContext, state: Any) -> SinkWriter:
        """See `Sink.open`. Connects when there is something to write."""
        return await self._spooled().open(context, state)

    verify = staticmethod(check_files)

    async def check_connected(self) -> None:
        """Raises WallaroodError: the server or the table cannot be used. Changes nothing there."""
        await self._spooled().check_connected()
