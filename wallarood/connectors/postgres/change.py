"""A change of a row as a record."""

from typing import Any, Literal

import msgspec

Operation = Literal["read", "insert", "update", "delete", "truncate", "schema"]


class PostgresChange(msgspec.Struct, frozen=True):
    """What has become of a row of `table` (``schema.name``): what `PostgresSource` gives.

    `operation` is "read" for a row that was there when the source began, "insert", "update" or
    "delete"; "truncate" if all rows of the table were removed; "schema" if its columns are others
    from here on: `values` has the name of the type of each.

    `key` has the values of the primary key, in its order, or else of the table's replica identity,
    and `values` those of all columns by name; None for a row that was deleted. `old` is what the
    server tells of the row before: with ``REPLICA IDENTITY FULL`` all of it, else its key, and in
    an update only if the key was changed. `unchanged` names columns that are not in `values`: large
    ones that an update has not changed, which the server sends only with ``REPLICA IDENTITY FULL``.

    `lsn` is where the transaction was committed, `time` when, in microseconds since 1970 UTC.
    """

    table: str
    operation: Operation
    key: tuple[Any, ...] = ()
    values: dict[str, Any] | None = None
    old: dict[str, Any] | None = None
    unchanged: tuple[str, ...] = ()
    lsn: int = 0
    time: int = 0
