"""Files of this host as bytes at any place, and any such bytes as a file object."""

import io
from pathlib import Path

import attrs

from wallarood.connectors.objects.raw import RawFile, open_raw


@attrs.define
class Stingy:
    """Gives at most three bytes at once."""

    data: bytes
    inode: int = 0

    def size(self) -> int:
        return len(self.data)

    def read_at(self, size: int, offset: int) -> bytes:
        return self.data[offset : offset + min(size, 3)]

    def close(self) -> None:
        pass


def test_a_file_is_read_anywhere(tmp_path: Path) -> None:
    path = tmp_path / "in"
    path.write_bytes(b"0123456789")
    file = open_raw(str(path))
    assert (file.size(), file.inode) == (10, path.stat().st_ino)
    assert (file.read_at(3, 4), file.read_at(9, 8), file.read_at(1, 10)) == (b"456", b"89", b"")
    file.close()


def test_a_file_object_gives_what_it_is_asked_for() -> None:
    file = RawFile(Stingy(b"0123456789"), 10)
    assert file.readable()
    assert file.seekable()
    assert file.read(7) == b"0123456"
    assert (file.tell(), file.read(), file.read(1)) == (7, b"789", b"")
    assert file.seek(-4, io.SEEK_END) == 6
    assert file.read(2) == b"67"
    assert file.seek(1, io.SEEK_CUR) == 9
    assert file.read(None) == b"9"


def test_bytes_that_are_missing_are_not_made_up() -> None:
    assert RawFile(Stingy(b"0123"), 10).read(8) == b"0123"
