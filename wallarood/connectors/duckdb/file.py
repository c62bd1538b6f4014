"""A file of DuckDB, which one process at a time may open to write."""
# Theory of operation
# ===================
# DuckDB locks a file for as long as it is open: one process that writes, or any number that read.
# So it is opened for each transaction, and closed after it; who finds it locked tries again later.

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from wallarood.connectors.extra import imported, needed
from wallarood.model.errors import ServerAwayError, WallaroodError

EXTRA = "duckdb"
OWNER = "DuckDB"


def check_duckdb() -> None:
    """Raises ApplicationError: duckdb is not installed. Does not import it."""
    needed("duckdb", extra=EXTRA, owner=OWNER)


@contextmanager
def transaction(path: Path, *, mode: str) -> Iterator[Any]:
    """A connection with a transaction; *mode* is "read" or "write". Blocks.

    Raises ServerAwayError: the file cannot be opened now, or a statement fails.
    """
    duckdb = imported("duckdb", extra=EXTRA, owner=OWNER)
    try:
        connection = duckdb.connect(str(path), read_only=mode == "read")
        try:
            connection.execute("BEGIN TRANSACTION")
            yield connection
            connection.execute("COMMIT" if mode == "write" else "ROLLBACK")
        finally:
            connection.close()  # which takes back what was not committed
    except WallaroodError:
        raise
    except duckdb.Error as error:
        raise ServerAwayError(f"{path}: {_said(error)}") from error


def _said(error: Exception) -> str:
    text = " ".join(str(error).split())
    if "lock" in text and "Conflicting" in text:
        return "another process has it open"
    return text[:500]


def types_of(connection: Any, table: str) -> dict[str, str]:
    """The columns of a table and their types; empty if it is not there."""
    rows = connection.execute(
        "SELECT column_name, data_type FROM duckdb_columns() "
        "WHERE table_name = ? AND schema_name = current_schema() "
        "AND database_name = current_database() ORDER BY column_index",
        [table],
    ).fetchall()
    return dict(rows)


def quoted(name: str) -> str:
    """A name of a table or column, as it stands in SQL."""
    return '"' + name.replace('"', '""') + '"'
