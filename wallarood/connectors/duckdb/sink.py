"""A sink into a table of DuckDB: every row once."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from wallarood.app.connector import SinkContext, SinkWriter
from wallarood.connectors.columns import Columns, columns_of
from wallarood.connectors.duckdb.file import check_duckdb
from wallarood.connectors.duckdb.target import DuckdbTarget
from wallarood.connectors.spool.sink import CHECKED, SPOOL_BYTES_MAX, SpooledSink
from wallarood.model.errors import ApplicationError


@attrs.frozen(init=False)
class DuckdbSink:
    """Writes rows into a table of the DuckDB file *path*, which is made if it is not there.

    Needs ``pip install 'wallarood[duckdb]'``. A record has a value for each of *columns*, in order
    if it is a tuple or list, by name if it is a dict or an object with fields. *columns* are names,
    or names with their types of SQL, by which a table that is not there is made. With *key*, the
    names of some of the columns, a row replaces the former one of its key; the table must have a
    unique index on these.

    Each instance of the sink writes on the host of its worker. Rows appear a checkpoint at a time.
    DuckDB lets one process at a time open a file to write: it is open only meanwhile, and while
    another process has it rows wait in the state directory (*spool_bytes_max*, default 1 GiB), and
    status says so. A row that the table refuses is tried again until the table is changed.

    Guarantee: exactly once, whichever process dies. The table ``wallarood_markers`` in the same
    file says what it has; see wallarood-connectors(7).

    >>> import wallarood as w
    >>> columns = {"word": "VARCHAR", "count": "BIGINT"}
    >>> sink = w.DuckdbSink("counts.duckdb", "counts", columns=columns, key=["word"])
    """

    path: Path
    table: str
    columns: Columns
    types: Mapping[str, str] = attrs.field(hash=False)
    key: tuple[str, ...]
    spool_bytes_max: int

    def __init__(
        self,
        path: str | Path,
        table: str,
        *,
        columns: Sequence[str] | Mapping[str, str],
        key: Sequence[str] = (),
        spool_bytes_max: int = SPOOL_BYTES_MAX,
    ) -> None:
        known = columns_of("DuckdbSink", list(columns) if isinstance(columns, Mapping) else columns)
        types = dict(columns) if isinstance(columns, Mapping) else {}
        unknown = [each for each in key if each not in known.names]
        if unknown or isinstance(key, str):
            raise ApplicationError(f"DuckdbSink: key={key!r}: expected a list of some columns")
        if not table:
            raise ApplicationError("DuckdbSink: table='': expected a name")
        self.__attrs_init__(Path(path), table, known, types, tuple(key), spool_bytes_max)
        self._spooled()

    def _spooled(self) -> SpooledSink:
        return SpooledSink(
            self._target, server=str(self.path), spool_bytes_max=self.spool_bytes_max
        )

    def _target(self, writer: str) -> DuckdbTarget:
        return DuckdbTarget(self.path, self.table, self.columns, self.types, self.key, writer)

    async def open(self, context: SinkContext, state: Any) -> SinkWriter:
        """See `Sink.open`."""
        return await self._spooled().open(context, state)

    def check(self) -> None:
        """Raises WallaroodError: the library is missing, or the file or its table cannot be used.

        Changes nothing.
        """
        check_duckdb()
        self._target(CHECKED).check_file()

    verify = SpooledSink.verify
