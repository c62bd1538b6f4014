"""A position in a table of DuckDB."""

from pathlib import Path

import duckdb

from wallarood.app.connector import SourceLimits
from wallarood.connectors.duckdb.rows import Rows, seen_of


def test_a_position_has_a_checksum_of_the_row(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE t AS SELECT repeat('x', 1000) AS s FROM range(9)")
    rows = Rows(path, "t", ("s",), SourceLimits(batch_bytes_max=2500))
    found = rows.behind(None)
    assert [row[0] for row in found] == [0, 1, 2]
    assert rows.position_of(found) == {"rowid": 2, "seen": seen_of(found[-1])}
    assert [row[0] for row in rows.behind(rows.position_of(found))] == [3, 4, 5]
    assert rows.wrong_in(found[0]) == ""
