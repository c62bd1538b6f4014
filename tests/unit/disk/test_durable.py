"""Writing all of it, whatever a single write takes."""

import os
import threading
from pathlib import Path

import pytest

from wallarood.disk.durable import sync_directory, write_all


def test_all_is_written_where_a_write_takes_a_part() -> None:
    data = os.urandom(1 << 20)  # many times what a pipe holds
    reads, writes = os.pipe()
    found = bytearray()

    def read() -> None:
        while part := os.read(reads, 1000):
            found.extend(part)

    reader = threading.Thread(target=read)
    reader.start()
    write_all(writes, data)
    os.close(writes)
    reader.join()
    os.close(reads)
    assert bytes(found) == data


def test_only_a_directory_can_be_made_durable(tmp_path: Path) -> None:
    sync_directory(tmp_path)
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "none"):
        with pytest.raises(OSError, match=path.name):
            sync_directory(path)
