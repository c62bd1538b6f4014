"""Copies: a file is one only if it has all that was read of the other, and enough of it."""

from pathlib import Path
from typing import Any

from xxhash import xxh3_64_hexdigest

from wallarood.connectors.file.following.copies import (
    COPY_BYTES_MIN,
    is_copy,
    last_line_end,
    stands_in,
)
from wallarood.connectors.parse.options import format_of

FORM = format_of("FileSource", {})
TEXT = b"".join(b"line %d\n" % number for number in range(100))


def place(data: bytes) -> dict[str, Any]:
    """The place after *data*, as a reader of it would note it."""
    before = data[-COPY_BYTES_MIN * 4 :]
    return {"bytes": len(data), "line": None, "seen": [len(before), xxh3_64_hexdigest(before)]}


def test_a_file_with_all_that_was_read_and_more_is_a_copy(tmp_path: Path) -> None:
    path = tmp_path / "log.1"
    path.write_bytes(TEXT + b"more\n")
    assert is_copy(str(path), place(TEXT), FORM)
    path.write_bytes(TEXT.replace(b"line 99", b"line 98"))
    assert not is_copy(str(path), place(TEXT), FORM)
    path.write_bytes(TEXT[:-1])
    assert not is_copy(str(path), place(TEXT), FORM)
    assert not is_copy(str(tmp_path / "none"), place(TEXT), FORM)


def test_a_few_bytes_in_common_make_no_copy(tmp_path: Path) -> None:
    path = tmp_path / "log.1"
    path.write_bytes(b"first\nsecond\n")
    assert stands_in(str(path), place(b"first\n"), FORM)
    assert not is_copy(str(path), place(b"first\n"), FORM)


def test_the_last_line_without_its_end_is_left_to_come(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(TEXT + b"one\ntwo")
    end = last_line_end(str(path), place(TEXT))
    assert end["bytes"] == len(TEXT) + 4
    assert stands_in(str(path), end, FORM)
    path.write_bytes(TEXT + b"on")
    assert last_line_end(str(path), place(TEXT)) == place(TEXT)
