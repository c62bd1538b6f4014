"""A table for people: numbers to the right, and nothing cut off."""

from wallarood.admin.text.table import table


def test_a_column_of_numbers_goes_to_the_right() -> None:
    assert table(("name", "count"), [("a", 5), ("long name", 12345), ("b", None)]) == (
        "name        count\na               5\nlong name  12,345\nb               -"
    )


def test_a_table_without_rows_is_its_heads() -> None:
    assert table(("name", "count"), []) == "name  count"
