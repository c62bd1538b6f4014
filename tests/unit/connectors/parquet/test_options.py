"""What a sink may be told about Parquet."""

from dataclasses import dataclass
from typing import Any

import pytest

import wallarood as w


@dataclass
class Row:
    n: int


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"record": Row, "columns": ["n"]}, "record and columns: give one of them"),
        ({"columns": "n"}, "columns='n': expected a list of names"),
        ({"columns": ["n", "n"]}, "columns has 'n' twice"),
        ({"compression": "rar"}, "compression='rar': expected one of zstd"),
        ({"record": dict}, "record=.*expected a class with fields; for dicts, give columns="),
        ({"record": int}, "record=.*expected dict, or a dataclass"),
        ({"header": True}, "header, delimiter and nan are for lines"),
    ],
)
def test_what_cannot_be_meant_is_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(w.ApplicationError, match=f"FileSink: {said}"):
        w.FileSink("out", format="parquet", **options)


def test_its_options_are_for_no_other_format() -> None:
    with pytest.raises(w.ApplicationError, match=r'record is for format="parquet", found .*"csv"'):
        w.FileSink("out", format="csv", record=Row)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"encoding": "latin-1"}, "encoding is for text"),
        ({"located": True}, "located=True is for text"),
        ({"split": "64MiB"}, "a file of Parquet is read by one worker"),
        ({"record": int}, "expected dict, or a dataclass"),
        ({"columns": []}, "expected a list of names"),
    ],
)
def test_what_a_source_cannot_mean_is_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(w.ApplicationError, match=f"FileSource: .*{said}"):
        w.FileSource("in", format="parquet", **options)
    with pytest.raises(w.ApplicationError, match='columns is for format="parquet"'):
        w.FileSource("in", format="json", columns=["a"])  # type: ignore[call-overload]
    with pytest.raises(w.ApplicationError, match="format='parquet': expected lines, bytes, json"):
        w.StdinSource(format="parquet")  # type: ignore[call-overload]
