"""The messages of a replication slot are read."""

import pytest
from support.servers import pgoutput as said

from wallarood.connectors.postgres.changes.pgoutput import (
    UNCHANGED,
    Begin,
    Commit,
    Relation,
    Row,
    Truncate,
    parse,
)
from wallarood.model.errors import RemoteProtocolError


def test_a_transaction_has_a_place_a_time_and_a_number() -> None:
    assert parse(said.begin(100, 7)) == Begin(100, 5, 7)
    assert parse(said.commit(101)) == Commit(101)


def test_rows_are_texts() -> None:
    assert parse(said.insert(b"1", None)) == Row("insert", said.TABLE, None, [b"1", None])
    changed = Row("update", said.TABLE, None, [b"1", UNCHANGED])
    assert parse(said.update([b"1", UNCHANGED])) == changed
    moved = Row("update", said.TABLE, [b"1", None], [b"2", b""])
    assert parse(said.update([b"2", b""], [b"1", None])) == moved
    assert parse(said.delete(b"1", None)) == Row("delete", said.TABLE, [b"1", None], None)
    assert parse(said.truncate(7, 8)) == Truncate((7, 8))


def test_a_table_has_columns_of_types() -> None:
    found = parse(said.relation(("id", 23), ("said", 25)))
    assert isinstance(found, Relation)
    assert (found.table, found.columns.names, found.identity) == ("public.t", ("id", "said"), (0,))
    assert found.columns.types == {"id": "integer", "said": "text"}
    assert not found.is_full
    full = parse(said.relation(("id", 23), ("said", 25), identity=b"f"))
    assert isinstance(full, Relation)
    assert full.is_full


def test_what_says_nothing_of_rows_is_nothing() -> None:
    assert parse(b"Y\0\0\0\1public\0mood\0") is None


@pytest.mark.parametrize("data", [b"", b"?", b"B\0", said.insert(b"1")[:-3], b"I\0\0\0\7X\0\0"])
def test_what_is_malformed_is_said(data: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        parse(data)
