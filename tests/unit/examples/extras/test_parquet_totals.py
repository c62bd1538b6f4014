"""parquet_totals adds up each account, from files to files."""

from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest
from support.command import wallarood

from wallarood.examples.extras.parquet_totals import app
from wallarood.model.errors import UsageError


def test_totals_are_in_files(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for number in range(3):
        columns = {"account": ["a", "b"], "cents": [number, 10], "note": ["x", None]}
        pyarrow.parquet.write_table(pyarrow.table(columns), tmp_path / f"in/{number}.parquet")
    done = wallarood(
        *("dev", "wallarood.examples.extras.parquet_totals", "--workers", "2", "--"),
        *(str(tmp_path / "in"), str(tmp_path / "out")),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    rows = pyarrow.parquet.read_table(tmp_path / "out").to_pylist()
    assert sorted(each["payments"] for each in rows if each["account"] == "a") == [1, 2, 3]
    assert max(each["cents"] for each in rows if each["account"] == "b") == 30


def test_it_says_what_it_wants() -> None:
    with pytest.raises(UsageError, match="expected PAYMENTS TOTALS"):
        app([])
