"""What a sink may be told about the Parquet files that it writes."""

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import attrs

from wallarood.connectors.columns import columns_of
from wallarood.model.errors import ApplicationError

Compression: TypeAlias = Literal["zstd", "snappy", "gzip", "lz4", "none"]
COMPRESSIONS = ("zstd", "snappy", "gzip", "lz4", "none")


@attrs.frozen
class ParquetOptions:
    """What the columns are, and how they are compressed.

    `schema` is a ``pyarrow.Schema``, `record` a class whose fields are the columns, `columns` are
    their names alone. With none of them the first records say what they are.
    """

    record: Any = None
    columns: Sequence[str] | None = None
    schema: Any = None
    compression: Compression = "zstd"

    def check_unused(self, owner: str, other: str) -> None:
        """Raises ApplicationError: an option was given for the format *other*."""
        for field in attrs.fields(ParquetOptions):
            if getattr(self, field.name) != field.default:
                raise ApplicationError(
                    f'{owner}: {field.name} is for format="parquet", found format="{other}"'
                )

    def check(self, owner: str) -> None:
        """Raises ApplicationError: an option is wrong."""
        given = [
            name for name in ("record", "columns", "schema") if getattr(self, name) is not None
        ]
        if len(given) > 1:
            raise ApplicationError(f"{owner}: {given[0]} and {given[1]}: give one of them")
        if self.columns is not None:
            columns_of(owner, self.columns)
        if self.compression not in COMPRESSIONS:
            raise ApplicationError(
                f"{owner}: compression={self.compression!r}: expected one of "
                f"{', '.join(COMPRESSIONS)}"
            )
        if self.record is not None:
            from wallarood.connectors.parquet.schema import fields_of  # noqa: PLC0415 - only here

            if fields_of(owner, self.record) is None:
                raise ApplicationError(
                    f"{owner}: record={self.record!r:.100}: expected a class with fields; for "
                    "dicts, give columns= or schema=, or nothing"
                )
