"""A sink into a table of SQLite: every row once."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs

from wallarood.app.connector import SinkContext, SinkWriter
from wallarood.connectors.columns import Columns, columns_of
from wallarood.connectors.spool.sink import CHECKED, SPOOL_BYTES_MAX, SpooledSink
from wallarood.connectors.sqlite.target import TableTarget
from wallarood.model.errors import ApplicationError


@attrs.frozen(init=False)
class SqliteSink:
    """Writes rows into a table of the SQLite file *path*, which is made if it is not there.

    A record has a value for each of *columns*, in order if it is a tuple or list, by name if it is
    a dict or an object with fields. Values are int, float, str, bytes, bool and None. With *key*,
    the names of some of the columns, a row replaces the former one of its key; the table must have
    a unique index on these. A table that is not there is made, without types.

    Each instance of the sink writes on the host of its worker. Rows appear a checkpoint at a time;
    while another process writes for long, or the disk is full, they wait in the state directory
    (*spool_bytes_max*, default 1 GiB), and status says so.

    Guarantee: exactly once, whichever process dies. The table ``wallarood_markers`` in the same
    file says what it has; see wallarood-connectors(7).

    >>> import wallarood as w
    >>> sink = w.SqliteSink("counts.db", "counts", columns=["word", "count"], key=["word"])
    """

    path: Path
    table: str
    columns: Columns
    key: tuple[str, ...]
    spool_bytes_max: int

    def __init__(
        self,
        path: str | Path,
        table: str,
        *,
        columns: Sequence[str],
        key: Sequence[str] = (),
        spool_bytes_max: int = SPOOL_BYTES_MAX,
    ) -> None:
        known = columns_of("SqliteSink", columns)
        unknown = [each for each in key if each not in known.names]
        if unknown or isinstance(key, str):
            raise ApplicationError(f"SqliteSink: key={key!r}: expected a list of some columns")
        if not table:
            raise ApplicationError("SqliteSink: table='': expected a name")
        self.__attrs_init__(Path(path), table, known, tuple(key), spool_bytes_max)
        self._spooled()

    def _spooled(self) -> SpooledSink:
        return SpooledSink(
            self._target, server=str(self.path), spool_bytes_max=self.spool_bytes_max
        )

    def _target(self, writer: str) -> TableTarget:
        return TableTarget(self.path, self.table, self.columns, self.key, writer)

    async def open(self, context: SinkContext, state: Any) -> SinkWriter:
        """See `Sink.open`."""
        return await self._spooled().open(context, state)

    def check(self) -> None:
        """Raises WallaroodError: the file or its table cannot be used. Changes nothing."""
        self._target(CHECKED).check_file()

    verify = SpooledSink.verify
