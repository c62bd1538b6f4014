"""Values are read from the text that the server sends."""

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from wallarood.connectors.postgres.changes.oids import ELEMENTS, NAMES, decoder_of, name_of


@pytest.mark.parametrize(
    ("oid", "text", "value"),
    [
        (16, b"t", True),
        (17, b"\\x00ff", b"\0\xff"),
        (20, b"-9223372036854775808", -(1 << 63)),
        (25, "é".encode(), "é"),
        (114, b'{"a": [1, null]}', {"a": [1, None]}),
        (114, b'"\\ud800"', '"\\ud800"'),
        (701, b"1e+300", 1e300),
        (1082, b"2024-02-29", date(2024, 2, 29)),
        (1082, b"infinity", "infinity"),
        (1083, b"24:00:00", "24:00:00"),
        (1083, b"23:59:59.5", time(23, 59, 59, 500_000)),
        (1114, b"2024-01-02 03:04:05.12", datetime(2024, 1, 2, 3, 4, 5, 120_000)),
        (1114, b"0044-03-15 00:00:00 BC", "0044-03-15 00:00:00 BC"),
        (1184, b"2024-01-02 03:04:05+00", datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)),
        (1184, b"20240-01-02 03:04:05+00", "20240-01-02 03:04:05+00"),
        (1186, b"P1M", "P1M"),
        (1700, b"1.50", Decimal("1.50")),
        (2950, b"00000000-0000-0000-0000-000000000001", UUID(int=1)),
        (1007, b"{{1,2},{3,NULL}}", [[1, 2], [3, None]]),
        (1007, b"{}", []),
        (1007, b"[0:1]={1,2}", [1, 2]),
        (1009, b'{"a \\"b\\\\",NULL,"NULL",c,""}', ['a "b\\', None, "NULL", "c", ""]),
        (3807, b'{"{\\"a\\": 1}"}', [{"a": 1}]),
        (99_999, b"(1,2)", "(1,2)"),
    ],
)
def test_a_text_is_a_value_of_its_type(oid: int, text: bytes, value: Any) -> None:
    found = decoder_of(oid)(text)
    assert found == value
    assert type(found) is type(value)
    if isinstance(value, datetime):
        assert found.tzinfo == value.tzinfo


def test_types_have_names() -> None:
    assert name_of(23) == "integer"
    assert name_of(1007) == "integer[]"
    assert name_of(99_999) == "type 99999"
    assert set(ELEMENTS.values()) <= set(NAMES)
