"""One open input file: the same bytes from any offset, however they are packed or encoded."""

import bz2
import gzip
import lzma
import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from wallarood.connectors.file.input import InputFile, open_input
from wallarood.connectors.file.unpack import DamagedError
from wallarood.connectors.parse.lines import Ahead
from wallarood.connectors.parse.options import Format, FormatOptions, format_of

TEXT = "".join(f"Zeile {number} größer 日本 {'x' * (number % 40)}\n" for number in range(400))
PLAIN = format_of("FileSource", {})

PACKED: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "gzip": gzip.compress,
    "gzip of two members": lambda data: gzip.compress(data[:99]) + gzip.compress(data[99:]),
    "bzip2": bz2.compress,
    "xz": lzma.compress,
}


def wide(encoding: str) -> Format:
    return format_of("FileSource", FormatOptions(encoding=encoding))


def opened(path: Path, data: bytes, form: Format = PLAIN) -> InputFile:
    path.write_bytes(data)
    return open_input(str(path), form)


def rest(file: InputFile, size: int = 1000) -> bytes:
    return b"".join(iter(lambda: file.read(size), b""))


@pytest.mark.parametrize("how", PACKED)
@pytest.mark.parametrize("size", [7, 100_000])
def test_it_gives_what_was_packed_and_counts_it(tmp_path: Path, how: str, size: int) -> None:
    file = opened(tmp_path / "in", PACKED[how](TEXT.encode()))
    assert rest(file, size) == TEXT.encode()
    assert file.offset == len(TEXT.encode())
    assert file.at_end
    assert file.kind == ("" if how == "plain" else how.split(maxsplit=1)[0])
    file.close()


@pytest.mark.parametrize("how", PACKED)
def test_any_offset_is_gone_to_and_what_stands_before_it_is_given(tmp_path: Path, how: str) -> None:
    data = TEXT.encode()
    file = opened(tmp_path / "in", PACKED[how](data))
    rng = random.Random(1)
    for offset in [0, len(data), *(rng.randrange(len(data)) for _ in range(10))]:
        assert file.seek(offset, 50) == data[max(0, offset - 50) : offset]
        assert file.offset == offset
        assert file.read(20) == data[offset : offset + 20]
    file.close()


@pytest.mark.parametrize("how", PACKED)
def test_a_file_that_is_shorter_than_an_offset_says_how_long_it_is(
    tmp_path: Path, how: str
) -> None:
    file = opened(tmp_path / "in", PACKED[how](b"0123456789"))
    assert file.seek(15, 8) == (b"789" if how == "plain" else b"23456789")
    assert file.offset == 10
    assert file.seek(100, 8)[-3:] == (b"" if how == "plain" else b"789")
    assert file.offset == 10
    file.close()


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_wide_characters_come_as_utf_8_without_a_mark(
    tmp_path: Path, encoding: str, mark: str
) -> None:
    data = TEXT.encode()
    file = opened(tmp_path / "in", (mark + TEXT).encode(encoding), wide(encoding))
    assert rest(file, 13) == data
    assert file.seek(1000, 30) == data[970:1000]
    assert rest(file) == data[1000:]
    assert not file.seekable
    file.close()


def test_a_wide_character_that_is_cut_in_two_waits_for_its_other_half(tmp_path: Path) -> None:
    path = tmp_path / "in"
    data = "日本".encode("utf-16-le")
    file = opened(path, data[:3], wide("utf-16-le"))
    assert file.read(100, Ahead.MORE) == "日".encode()
    assert file.read(100, Ahead.MORE) == b""
    with path.open("ab") as more:
        more.write(data[3:])
    assert file.read(100, Ahead.MORE) == "本".encode()
    file.close()


def test_a_wide_character_that_is_cut_in_two_at_the_end_is_damage(tmp_path: Path) -> None:
    file = opened(tmp_path / "in", "日".encode("utf-16-le")[:1], wide("utf-16-le"))
    with pytest.raises(DamagedError, match="truncated data"):
        rest(file)
    file.close()


def test_a_file_that_grows_is_too_short_at_first_to_tell_how_it_is_packed(tmp_path: Path) -> None:
    path, data = tmp_path / "in", gzip.compress(b"a line\n")
    file = opened(path, data[:1])
    assert file.read(100, Ahead.MORE) == b""
    assert file.kind is None
    with path.open("ab") as more:
        more.write(data[1:])
    assert rest(file) == b"a line\n"
    file.close()


def test_what_was_added_to_a_file_that_was_read_to_its_end_is_read(tmp_path: Path) -> None:
    path = tmp_path / "in"
    file = opened(path, b"one\n")
    assert rest(file) == b"one\n"
    with path.open("ab") as more:
        more.write(b"two\n")
    assert not file.at_end
    assert rest(file) == b"two\n"
    file.close()


def test_a_packed_file_that_is_not_whole_is_told_from_one_that_is(tmp_path: Path) -> None:
    data = gzip.compress(TEXT.encode())
    for end, cut_off in ((len(data), False), (len(data) // 2, True)):
        file = opened(tmp_path / "in", data[:end])
        rest(file)
        assert file.cut_off is cut_off
        file.close()


def test_it_is_known_by_its_inode_whatever_its_name_is(tmp_path: Path) -> None:
    file = opened(tmp_path / "in", b"")
    (tmp_path / "in").rename(tmp_path / "in.1")
    assert file.inode == os.stat(tmp_path / "in.1").st_ino
    file.close()
