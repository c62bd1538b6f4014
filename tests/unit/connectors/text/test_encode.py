"""Formats by their names, and options that do not fit."""

from typing import Any

import pytest

import wallarood as w
from wallarood.connectors.text import LineFormat, encoder, payloads

WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "format": ({"format": "xml"}, "expected one of lines, tsv, json, csv"),
    "header of json": ({"format": "json", "header": True}, "only the formats csv and tsv"),
    "header as text": ({"format": "csv", "header": "id"}, "list of names"),
    "empty header": ({"format": "csv", "header": []}, "list of names"),
    "name twice": ({"format": "csv", "header": ["a", "a"]}, "twice"),
    "long delimiter": ({"format": "csv", "delimiter": "::"}, "one character"),
    "delimiter of tsv": ({"format": "tsv", "delimiter": ";"}, "only the format csv"),
    "nan": ({"format": "json", "nan": "no"}, "'null', 'text' or 'error'"),
    "nan of csv": ({"format": "csv", "nan": "error"}, "only for the format json"),
}


@pytest.mark.parametrize("sink", [lambda **options: w.FileSink("out", **options), w.StdoutSink])
@pytest.mark.parametrize(("options", "message"), WRONG.values(), ids=WRONG)
def test_an_option_that_does_not_fit_is_a_clear_error(
    sink: Any, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(w.ApplicationError, match=message):
        sink(**options)


@pytest.mark.parametrize(
    ("line_format", "expected"),
    [
        ("csv", [b'a,"1\n2"', b"b,3"]),
        ("tsv", [b"a\t1\\n2", b"b\t3"]),
        ("json", [b'["a","1\\n2"]', b'["b",3]']),
        ("lines", [b"('a', '1\\n2')", b"('b', 3)"]),
    ],
)
def test_a_frame_holds_a_line_without_its_end(
    line_format: LineFormat, expected: list[bytes]
) -> None:
    records: list[Any] = [("a", "1\n2"), ("b", 3)]
    assert payloads(encoder(line_format), line_format, records) == expected
