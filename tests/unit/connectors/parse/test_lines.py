"""Lines, bytes and JSON: each line alone is the judge of many at once."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wallarood.connectors.parse.cutter import lines_in
from wallarood.connectors.parse.lines import LINE_ERRORS, Ahead, LineParser, Parsed, line_parser
from wallarood.connectors.parse.options import FormatOptions, format_of

json_lines = st.lists(
    st.sampled_from(
        [b'{"a":1}', b"[1, 2]", b"3", b"", b"  ", b"\r", b'{"a":', b"1}", b"x", b'"\xe9"', b"{}{}",
         b"1 2", b'"}{"', b'{"b":2} {"c":3}', b'{"d":', b'{"e":4}} 5', b'{"t":1}\r']
    ),
    max_size=8,
)  # fmt: skip


def parsed(some: LineParser, piece: bytes, ahead: Ahead) -> Parsed:
    return some.parse(piece, lines_in(piece), ahead)


def parser(**options: Any) -> Any:
    return line_parser(format_of("test", FormatOptions(**options)))


@given(json_lines)
def test_a_line_is_a_json_value_or_a_fault_whatever_stands_beside_it(lines: list[bytes]) -> None:
    json_parser = parser(format="json")
    records, faults = [], []
    for number, line in enumerate(lines):
        try:
            records += json_parser.one_of(line)
        except LINE_ERRORS:
            faults.append((number, line))
    found = parsed(json_parser, b"".join(line + b"\n" for line in lines), Ahead.MORE)
    assert found.records == records
    assert [(each.line, each.raw) for each in found.faults] == faults


def test_text_and_bytes() -> None:
    piece = "a\u2028b\r\n\x0bé\r\r\nlast".encode()
    assert parsed(parser(), piece, Ahead.NOTHING).records == ["a\u2028b", "\x0bé\r", "last"]
    assert parsed(parser(format="bytes"), piece, Ahead.NOTHING).records == [
        "a\u2028b".encode(),
        "\x0bé\r".encode(),
        b"last",
    ]


def test_bytes_that_are_no_text_cost_one_line() -> None:
    found = parsed(parser(), b"ok\ncaf\xe9\nafter\n", Ahead.NOTHING)
    assert found.records == ["ok", "after"]
    assert [(each.line, each.byte, each.raw) for each in found.faults] == [(1, 3, b"caf\xe9")]
    assert parsed(parser(errors="surrogateescape"), b"\xe9\n", Ahead.NOTHING).records == ["\udce9"]
    assert parsed(parser(encoding="latin-1"), b"\xe9\n", Ahead.NOTHING).records == ["é"]


def test_json_has_nan_if_it_is_asked_for() -> None:
    line = json.dumps([float("inf"), -1.5]).encode() + b"\n"
    (fault,) = parsed(parser(format="json"), line, Ahead.NOTHING).faults
    assert "nan=True" in fault.error
    assert parsed(parser(format="json", nan=True), line, Ahead.NOTHING).records == [
        [float("inf"), -1.5]
    ]


@pytest.mark.parametrize("encoding", ["latin-1", "utf-8"])
def test_json_in_another_encoding(encoding: str) -> None:
    line = '{"a": "é"}\n'.encode(encoding)
    assert parsed(parser(format="json", encoding=encoding), line, Ahead.NOTHING).records == [
        {"a": "é"}
    ]
