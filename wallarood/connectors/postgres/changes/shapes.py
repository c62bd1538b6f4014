"""How a table looks: its columns, and those by which its rows are told apart."""

from collections.abc import Sequence
from typing import Any

import attrs

from wallarood.connectors.postgres.changes.columns import Column, Columns

_COLUMNS = """
SELECT attname::text, atttypid::int8, atttypmod FROM pg_attribute
WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
ORDER BY attnum
"""
_KEY = """
SELECT a.attname::text, format_type(a.atttypid, a.atttypmod),
    (SELECT quote_ident(n.nspname) || '.' || quote_ident(o.collname)
     FROM pg_collation o JOIN pg_namespace n ON n.oid = o.collnamespace
     WHERE o.oid = a.attcollation)
FROM pg_class c JOIN pg_index i ON i.indrelid = c.oid
    AND CASE c.relreplident WHEN 'i' THEN i.indisreplident ELSE i.indisprimary END,
    unnest(i.indkey) WITH ORDINALITY AS k(number, place), pg_attribute a
WHERE c.oid = to_regclass(%s) AND a.attrelid = c.oid AND a.attnum = k.number
    AND k.place <= i.indnkeyatts
ORDER BY k.place
"""
_PUBLISHED = """
SELECT attnames::text[], rowfilter FROM pg_publication_tables
WHERE pubname = %s AND schemaname || '.' || tablename = %s
"""
LISTS_COLUMNS = 150_000
"""The version of servers from which on a publication may leave columns and rows out."""


def quoted(name: str) -> str:
    """A name as *table* or *schema.table* in a statement."""
    return ".".join(map(quoted_part, name.split(".")))


def quoted_part(name: str) -> str:
    """One name in a statement."""
    return '"' + name.replace('"', '""') + '"'


@attrs.frozen
class KeyColumn:
    """A column of a key, with its type and collation as a statement names them."""

    name: str
    type: str
    collation: str | None

    @property
    def cast(self) -> str:
        """What makes a text comparable with the column."""
        return f"::{self.type}" + (f" COLLATE {self.collation}" if self.collation else "")


@attrs.frozen
class Shape:
    """The columns of `table` that are published, and its key; with `only` some of its rows."""

    table: str
    columns: Columns
    key: tuple[KeyColumn, ...]
    only: str | None = None

    @classmethod
    def of(cls, connection: Any, table: str, publication: str) -> "Shape":
        """As it is now."""
        whole = quoted(table)
        columns: list[Column] = connection.execute(_COLUMNS, (whole,)).fetchall()
        key = [KeyColumn(*row) for row in connection.execute(_KEY, (whole,)).fetchall()]
        only = None
        if connection.info.server_version >= LISTS_COLUMNS:
            found = connection.execute(_PUBLISHED, (publication, table)).fetchone()
            if found is not None:
                names, only = found
                columns = [column for column in columns if column[0] in names]
        return cls(table, Columns(tuple(columns)), tuple(key), only)

    @property
    def key_names(self) -> tuple[str, ...]:
        """The names of the columns of the key."""
        return tuple(column.name for column in self.key)

    @property
    def key_places(self) -> tuple[int, ...]:
        """Where they stand among the columns."""
        return tuple(self.columns.names.index(name) for name in self.key_names)

    def select_one(self) -> str:
        """The statement that reads the row of a key."""
        columns = ", ".join(map(quoted_part, self.columns.names))
        start = f"SELECT {columns} FROM {quoted(self.table)} WHERE ".replace("%", "%%")
        names = [quoted_part(name).replace("%", "%%") for name in self.key_names]
        return start + " AND ".join(f"{name} = %s" for name in names)

    def select(self, *, behind: Sequence[str]) -> str:
        """The statement that reads so many rows in order, *behind* a key if there is one."""
        columns = ", ".join(map(quoted_part, self.columns.names))
        key = ", ".join(map(quoted_part, self.key_names))
        only = f"({self.only})" if self.only else "true"
        start = f"SELECT {columns} FROM {quoted(self.table)} WHERE {only}".replace("%", "%%")
        order = f"ORDER BY {key}".replace("%", "%%")
        if behind:
            marks = ", ".join(["%s"] * len(self.key))
            start += f" AND ROW({key})".replace("%", "%%") + f" > ROW({marks})"
        return f"{start} {order} LIMIT %s"

    def compare(self) -> str:
        """The statement that tells of keys, a text array for each column, which are behind one."""
        names = [f"k{number}" for number in range(len(self.key))]
        arrays = ", ".join(["%s::text[]"] * len(self.key))
        ours = ", ".join(f"{n}{c.cast}" for n, c in zip(names, self.key, strict=True))
        others = ", ".join(f"%s::text{column.cast}" for column in self.key)
        return (
            f"SELECT ROW({ours}) > ROW({others}) FROM unnest({arrays}) WITH ORDINALITY "
            f"AS k({', '.join(names)}, place) ORDER BY place"
        )
