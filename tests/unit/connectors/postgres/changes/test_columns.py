"""Columns make values of texts, and are told from others."""

from wallarood.connectors.postgres.changes.columns import Columns


def test_a_row_has_values_by_name() -> None:
    columns = Columns((("id", 23, -1), ("said", 25, -1)))
    assert columns.by_name([b"1", None]) == {"id": 1, "said": None}
    assert columns.types == {"id": "integer", "said": "text"}


def test_other_columns_have_another_sign() -> None:
    columns = [("id", 23, -1), ("said", 25, -1)], [("id", 20, -1), ("said", 25, -1)]
    signs = {Columns(tuple(each)).sign for each in (*columns, columns[0][:1])}
    assert len(signs) == 3
    assert Columns(tuple(columns[0])).sign in signs
