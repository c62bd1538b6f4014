"""Names of partitions: whatever a file is called, and splits."""

import itertools
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import wallarood as w
from wallarood.connectors.file.listing import Split, name_of, path_of, split_of, splits

names = st.binary(min_size=1, max_size=20).map(lambda data: data.replace(b"\0", b"x"))


@given(names)
def test_every_name_is_written_as_one_line_of_utf8_and_found_again(name: bytes) -> None:
    path = os.fsdecode(name)
    written = name_of(path)
    written.encode()
    assert "\n" not in written
    assert path_of(written) == path


@given(names, st.integers(0, 10**12), st.none() | st.integers(0, 10**12))
def test_a_split_is_found_again(name: bytes, start: int, end: int | None) -> None:
    split = Split(os.fsdecode(name), start, end)
    assert split_of(split.name) == split


@given(st.integers(0, 10**6), st.integers(1, 10**6))
def test_splits_cover_a_file(size: int, split_bytes: int) -> None:
    parts = [split_of(each) for each in splits("f", size, split_bytes)]
    assert parts[0].start == 0
    assert parts[-1].end is None
    assert all(one.end == two.start for one, two in itertools.pairwise(parts))
    assert all(each.end is None or each.end - each.start == split_bytes for each in parts)


def test_names_that_are_not_utf8_are_read(tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/caf\xe9\n.log"
    Path(os.fsdecode(path)).write_text("x\n")
    (partition,) = w.FileSource(path).partitions()
    assert partition == f"bytes:{tmp_path}/caf\\xe9\\x0a.log"
    assert w.FileSource(path).size_bytes(partition) == 2


@pytest.mark.parametrize(
    ("path", "message"),
    [("-", r"w\.StdinSource"), ("dangling", "does not exist"), ("loop", "Too many levels")],
)
def test_paths_that_lead_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("dangling").symlink_to("nowhere")
    Path("loop").symlink_to("loop")
    with pytest.raises(w.ApplicationError, match=message):
        w.FileSource(path).partitions()
