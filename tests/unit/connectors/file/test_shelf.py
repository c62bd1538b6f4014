"""Whole files of a directory, as a collection."""

import os
import time
from pathlib import Path

from wallarood.app.connector import SourceLimits
from wallarood.connectors.file.shelf import SETTLED_S, FileShelf
from wallarood.connectors.parse.options import FILES, format_of

FORM = format_of("FileSource", {"format": "parquet"}, known=FILES)


def test_files_that_are_being_written_or_of_others_are_left_out(tmp_path: Path) -> None:
    for name in ("a.parquet", "b.parquet", "_SUCCESS", ".c.parquet"):
        (tmp_path / name).write_bytes(b"PAR1 data PAR1")
    growing = tmp_path / "growing.parquet"
    growing.write_bytes(b"PAR1 dat")
    shelf = FileShelf((str(tmp_path),), FORM, SourceLimits(), True)
    assert [os.path.basename(each.key) for each in shelf.listed()] == ["a.parquet", "b.parquet"]
    assert {each.size for each in shelf.listed()} == {14}
    long_ago = time.time() - SETTLED_S - 1
    os.utime(growing, (long_ago, long_ago))
    names = [os.path.basename(each.key) for each in shelf.listed()]
    assert names == ["a.parquet", "b.parquet", "growing.parquet"], "it is damaged, which is said"
    assert shelf.name("x") == "input file x"
