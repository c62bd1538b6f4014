"""Options of a format: what cannot be meant is refused, with what was expected."""

from typing import Any

import pytest

import wallarood as w


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"format": "xml"}, "format='xml': expected lines, bytes, json, csv or parquet"),
        ({"encoding": "klingon"}, "encoding='klingon'"),
        ({"encoding": "iso2022_jp"}, "lines cannot be separated"),
        ({"errors": "cross"}, "errors='cross': expected strict"),
        ({"delimiter": ";"}, 'delimiter is for format="csv", found format="lines"'),
        ({"nan": True, "format": "csv"}, 'nan is for format="json"'),
        ({"record": dict}, 'record is for format="json" and format="csv"'),
        ({"format": "csv", "delimiter": ";;"}, "expected one character"),
        ({"format": "csv", "quotechar": ","}, "expected one character"),
        ({"format": "csv", "header": "a,b"}, "expected True, False or a list of names"),
        ({"format": "csv", "header": ["a", "a"]}, "several columns are called 'a'"),
        ({"format": "csv", "header": ["a", ""]}, "column 2 has no name"),
        ({"format": "csv", "ragged": "cut"}, "expected 'error' or 'fill'"),
        ({"format": "csv", "record": object()}, "record="),
        ({"separator": ";"}, "unknown option 'separator'"),
        ({"split": "64"}, "expected a size such as '64MiB'"),
        ({"split": "64MiB", "follow": True}, "a file that is followed has no end"),
        ({"split": "64MiB", "format": "csv"}, "quotechar=None"),
        ({"split": "64MiB", "encoding": "utf-16"}, "utf-16"),
    ],
)
def test_a_wrong_option_is_a_clear_error(options: dict[str, Any], message: str) -> None:
    with pytest.raises(w.ApplicationError) as caught:
        w.FileSource("f", **options)
    assert message in caught.value.message


def test_on_error_is_checked() -> None:
    with pytest.raises(w.PipelineError, match="on_error='ignore'"):
        w.FileSource("f", on_error="ignore")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "plain"),
    [
        ({"format": "json"}, True),
        ({"format": "json", "record": dict}, True),
        ({"format": "json", "record": dict[str, Any]}, False),
        ({"format": "json", "record": dict, "located": True}, False),
        ({"format": "csv"}, False),
        ({}, False),
    ],
)
def test_records_are_plain_where_json_alone_has_made_them(
    options: dict[str, Any], plain: bool
) -> None:
    assert w.FileSource("x", **options).makes_plain is plain
