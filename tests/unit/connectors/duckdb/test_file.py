"""A file of DuckDB is open only for a transaction, and waited for while another process has it."""

import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from wallarood.connectors.duckdb.file import quoted, transaction, types_of
from wallarood.model.errors import ServerAwayError

HOLD = """
import duckdb, sys
connection = duckdb.connect(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
"""


def test_another_process_may_have_it_between_transactions(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with transaction(path, mode="write") as connection:
        connection.execute('CREATE TABLE "t" ("a b" INT, c VARCHAR)')
    command = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with (
            pytest.raises(ServerAwayError, match="file: another process has it open"),
            transaction(path, mode="read"),
        ):
            pass
        assert holder.stdin is not None
        holder.stdin.close()
        holder.wait(30)
    with transaction(path, mode="read") as connection:
        assert types_of(connection, "t") == {"a b": "INTEGER", "c": "VARCHAR"}
        assert types_of(connection, "u") == {}


def test_what_fails_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with (
        pytest.raises(ServerAwayError, match=r"file: .*no_such_table"),
        transaction(path, mode="write") as connection,
    ):
        connection.execute("CREATE TABLE t (a INT); SELECT * FROM no_such_table")
    with duckdb.connect(str(path)) as connection:
        assert types_of(connection, "t") == {}


def test_names_are_quoted() -> None:
    assert quoted('a "b"') == '"a ""b"""'
