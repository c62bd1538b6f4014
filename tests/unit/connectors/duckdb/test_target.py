"""The marker of a writer changes together with its rows."""

from pathlib import Path

import duckdb
import pytest

from wallarood.connectors.columns import columns_of
from wallarood.connectors.duckdb.target import DuckdbTarget
from wallarood.connectors.spool.target import Marker, MarkerMovedError
from wallarood.model.errors import ServerAwayError


def target(path: Path, writer: str) -> DuckdbTarget:
    columns = columns_of("DuckdbSink", ["n"])
    return DuckdbTarget(path, "t", columns, {"n": "INT"}, (), writer)


async def test_two_writers_have_markers_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "file"
    one, other = target(path, "one"), target(path, "other")
    assert await one.marker() == await other.marker() == Marker()
    await one.apply([(1,), (2,)], Marker(), Marker(0, 2))
    await other.apply([(3,)], Marker(), Marker(1, 1))
    with pytest.raises(MarkerMovedError):
        await target(path, "one").apply([(4,)], Marker(), Marker(0, 1))
    with pytest.raises(ServerAwayError, match="Could not convert"):
        await one.apply([(5,), ("x",)], Marker(0, 2), Marker(0, 4))
    assert await one.marker() == Marker(0, 2)
    assert await other.marker() == Marker(1, 1)
    with duckdb.connect(str(path)) as connection:
        assert connection.execute("SELECT n FROM t ORDER BY n").fetchall() == [(1,), (2,), (3,)]
