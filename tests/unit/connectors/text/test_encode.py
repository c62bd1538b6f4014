"""Formats by their names, and options that do not fit."""

from typing import Any

import attrs
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


class Text:
    """An object whose text cannot be made, by an error that ends loops in C without a word."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __str__(self) -> str:
        if self.number == 1:
            raise StopIteration
        return str(self.number)


@attrs.define
class Row:
    number: int
    _text: int = 0

    def __getattribute__(self, name: str) -> Any:
        if name == "number" and object.__getattribute__(self, "_text"):
            raise StopIteration
        return object.__getattribute__(self, name)


@pytest.mark.parametrize(
    ("line_format", "records"),
    [
        ("lines", [Text(1)]),
        ("lines", [Text(0), Text(1), Text(2)]),
        ("tsv", [(0, Text(0)), (1, Text(1))]),
        ("tsv", [("\t", Text(1)), ("", Text(2))]),
        ("csv", [(0, Text(0)), (1, Text(1))]),
        ("csv", [Row(0), Row(1, 1), Row(2)]),
    ],
)
def test_no_record_is_left_out_where_its_text_raises_stop_iteration(
    line_format: LineFormat, records: list[Any]
) -> None:
    encode = encoder(line_format, sink="out")
    with pytest.raises((StopIteration, w.ApplicationError), match=r"StopIteration|^$"):
        encode(records)
