"""What stands in the parts of a sink: lines or Parquet, and what is kept between lives."""

from typing import Any

import pytest

import wallarood as w
from wallarood.connectors.content import body as module
from wallarood.connectors.content.body import LineBody, PartOptions, PartPlace
from wallarood.connectors.parquet.options import ParquetOptions
from wallarood.connectors.text import LineOptions


def options(part_format: Any, **lines: Any) -> PartOptions:
    return PartOptions(part_format, LineOptions(**lines), ParquetOptions())


def test_each_part_of_a_table_begins_with_its_header() -> None:
    body = options("csv").body("FileSink", "out", None)
    body.add([{"a": 1}])
    body.add([{"a": 2}])
    assert body.finish() == b"a\r\n1\r\n2\r\n"
    assert body.finish() == b""
    body.add([{"a": 3}])
    assert body.finish() == b"a\r\n3\r\n"


def test_lines_are_to_be_taken_when_they_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BUFFER_BYTES", 10)
    body = options("lines").body("FileSink", "out", None)
    assert isinstance(body, LineBody)
    assert not body.add(["12345"])
    assert body.add(["6789"])
    assert body.take() == b"12345\n6789\n"
    assert not body.add(["0"])
    assert body.finish() == b"0\n"
    assert body.kept is None


@pytest.mark.parametrize(("part_format", "suffix"), [("json", "jsonl"), ("parquet", "parquet")])
def test_names_end_in_what_the_format_is(part_format: str, suffix: str) -> None:
    assert options(part_format).suffix == suffix


def test_an_unknown_format_is_refused() -> None:
    expected = "X: format='xml': expected one of lines, tsv, json, csv, parquet"
    with pytest.raises(w.ApplicationError, match=expected):
        options("xml").check("X")


@pytest.mark.parametrize("place", [PartPlace(), PartPlace(7), PartPlace(7, "schema")])
def test_a_place_can_be_kept(place: PartPlace) -> None:
    assert PartPlace.of(place.state) == place
    assert PartPlace.of(None) == PartPlace()
