"""A line that the user made is written as it is, whatever the records beside it are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wallarood.connectors.text import LineFormat, encoder

MADE_BY_USER = ["a\tb", "C:\\new", '{"path":"C:\\\\new"}', " edge ", "ü", "\x0b\x85", ""]


@pytest.mark.parametrize("line_format", ["lines", "tsv"])
def test_a_text_without_line_breaks_is_not_changed(line_format: LineFormat) -> None:
    assert encoder(line_format)(MADE_BY_USER).decode().split("\n") == [*MADE_BY_USER, ""]


@pytest.mark.parametrize("line_format", ["lines", "tsv"])
def test_bytes_are_written_as_they_are(line_format: LineFormat) -> None:
    records = [b'{"a":"x\\"y"}', b"\xff\t", "ü", b"a\nb"]
    expected = b'{"a":"x\\"y"}\n\xff\t\n\xc3\xbc\na\\nb\n'
    assert encoder(line_format)(records) == expected


def test_a_line_break_inside_a_record_is_two_characters_and_is_said_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    encode = encoder("lines", sink="out")
    assert encode(["a\nb", "c\rd\\n", "e"]) == b"a\\nb\nc\\rd\\n\ne\n"
    encode(["f\ng"])
    said = capsys.readouterr().out
    assert said.count("line breaks inside records") == 1
    assert "sink=out" in said


@given(
    st.lists(st.one_of(st.text(), st.binary(), st.integers()), min_size=1),
    st.sampled_from(["lines", "tsv"]),
)
def test_a_record_is_written_alike_alone_and_beside_others(
    records: list[object], line_format: LineFormat
) -> None:
    encode = encoder(line_format)
    whole = encode(records)
    assert whole == b"".join(encode([record]) for record in records)
    assert whole.count(b"\n") == len(records)


def test_the_bytes_of_a_file_name_that_is_not_utf8_come_out_again() -> None:
    name = b"caf\xe9".decode("utf-8", "surrogateescape")
    assert encoder("lines")([name, "ü"]) == b"caf\xe9\n\xc3\xbc\n"
    assert encoder("tsv")([(name, 1)]) == b"caf\xe9\t1\n"
