"""duckdb_totals keeps the last total of each item."""

from pathlib import Path

import duckdb
import pytest
from support.command import wallarood

from wallarood.examples.extras.duckdb_totals import app
from wallarood.model.errors import UsageError


def test_the_last_total_is_in_the_table(tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "shop.duckdb")) as connection:
        connection.execute("CREATE TABLE orders (item VARCHAR, count INT)")
        connection.execute("INSERT INTO orders SELECT 'item ' || i % 3, i FROM range(30) r(i)")
    done = wallarood(
        *("dev", "wallarood.examples.extras.duckdb_totals", "--workers", "2", "--"),
        *(str(tmp_path / "shop.duckdb"), str(tmp_path / "totals.duckdb")),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    with duckdb.connect(str(tmp_path / "totals.duckdb")) as connection:
        found = connection.execute("SELECT item, count FROM totals ORDER BY item").fetchall()
    assert found == [("item 0", 135), ("item 1", 145), ("item 2", 155)]


def test_it_says_what_it_wants() -> None:
    with pytest.raises(UsageError, match="expected SHOP TOTALS"):
        app([])
