"""pyarrow, imported when a file of Parquet is read or written, and by nobody else."""

from typing import Any

from wallarood.connectors.extra import imported, needed

EXTRA = "parquet"
OWNER = 'format="parquet"'


def arrow() -> Any:
    """The module pyarrow. Raises ApplicationError: it is not installed."""
    return imported("pyarrow", extra=EXTRA, owner=OWNER)


def parquet() -> Any:
    """The module pyarrow.parquet. Raises ApplicationError: it is not installed."""
    return imported("pyarrow.parquet", extra=EXTRA, owner=OWNER)


def check_arrow() -> None:
    """Raises ApplicationError: pyarrow is not installed. Does not import it."""
    needed("pyarrow", extra=EXTRA, owner=OWNER)
