"""Compressed files: every format, cut and joined in every way, known by content."""

import bz2
import gzip
import io
import lzma
import random
import sys
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wallarood.connectors.file.unpack import DamagedError, Unpacker, kind_of

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

PACK: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "Zstandard": zstd.compress,
}
LINES = b"".join(b"line %d %d\n" % (n, random.Random(n).randrange(10**9)) for n in range(4000))


def unpack(kind: str, data: bytes, size: int = 1 << 16) -> bytes:
    raw = io.BytesIO(data)
    unpacker = Unpacker(kind, raw.read)
    found = b""
    while some := unpacker.read(size):
        assert len(some) <= size
        found += some
    assert unpacker.cut_off is not unpacker.drained
    if unpacker.cut_off:
        raise DamagedError("cut off")
    return found


@pytest.mark.parametrize("kind", PACK)
def test_streams_behind_each_other_and_padding(kind: str) -> None:
    pack = PACK[kind]
    data = pack(b"a\n") + pack(b"") + pack(LINES) + bytes(512) + pack(b"last")
    assert kind_of(data[:10]) == kind
    assert unpack(kind, data) == b"a\n" + LINES + b"last"
    assert unpack(kind, pack(LINES), 7) == LINES


@pytest.mark.parametrize("kind", PACK)
@pytest.mark.parametrize("damage", ["cut", "flipped", "behind"])
def test_damage_is_an_error(kind: str, damage: str) -> None:
    data = PACK[kind](LINES)
    middle = len(data) // 2
    match damage:
        case "cut":
            data = data[:middle]
        case "flipped":
            data = data[:middle] + bytes([data[middle] ^ 0xFF]) + data[middle + 1 :]
        case _:
            data += b"hello trailing"
    if kind == "Zstandard" and damage == "flipped":
        data = data[:4] + b"\xff" + data[5:]  # its frames have no checksum by default
    with pytest.raises(DamagedError):
        unpack(kind, data)


@pytest.mark.parametrize("kind", PACK)
def test_one_that_grows_goes_on(kind: str) -> None:
    data = PACK[kind](LINES) + PACK[kind](b"more\n")
    for part in (1, 4, len(data) // 2, len(data) - 1):
        arrived = io.BytesIO(data[:part])
        unpacker = Unpacker(kind, arrived.read)
        found = b""
        for behind in (data[part:], b""):
            while some := unpacker.read(100_000):
                found += some
            place = arrived.tell()
            arrived.write(behind)
            arrived.seek(place)
        assert found == LINES + b"more\n"


def test_a_small_file_that_unpacks_to_much_takes_little_memory() -> None:
    raw = io.BytesIO(bz2.compress(bytes(50 << 20)))
    unpacker = Unpacker("bzip2", raw.read)
    total = 0
    while some := unpacker.read(1 << 20):
        assert len(some) <= 1 << 20
        total += len(some)
    assert total == 50 << 20


@settings(deadline=None)
@given(st.text(max_size=12))
def test_text_is_not_taken_for_packed(text: str) -> None:
    assert kind_of(text.encode() + b"\n" * 10) == ""


@pytest.mark.parametrize(
    ("head", "kind"), [(b"", None), (b"\x1f", None), (b"BZh9", None), (b"BZh9 is no", "")]
)
def test_what_is_not_known_yet(head: bytes, kind: Any) -> None:
    assert kind_of(head) == kind
