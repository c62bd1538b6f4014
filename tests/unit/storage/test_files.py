"""Documents: what was written comes back, or its damage is named."""

import json
from pathlib import Path
from typing import Any

import pytest

from wallarood.model.errors import CannotCreateError, DamagedStateError
from wallarood.storage.files import make_directory, read_document, write_atomic, write_document

CONTENT: Any = {"name": "ü\n", "numbers": [1, 2.5, None, True]}


def test_a_document_comes_back_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "document.json"
    assert read_document(path, 1) is None
    write_document(path, 1, CONTENT)
    assert read_document(path, 1) == CONTENT
    assert read_document(path, 2) == CONTENT
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda d: d | {"content": {"name": "another"}}, "its checksum is wrong"),
        (lambda d: d | {"schema": 2}, "has schema version 2, this version reads up to 1"),
        (lambda d: d | {"schema": "1"}, "has schema version"),
        (lambda d: {"content": d["content"]}, "it is not the document that was written"),
        (lambda d: [d], "it is not the document that was written"),
    ],
)
def test_a_document_that_was_changed_is_named(tmp_path: Path, change: Any, named: str) -> None:
    path = tmp_path / "document.json"
    write_document(path, 1, CONTENT)
    path.write_text(json.dumps(change(json.loads(path.read_text()))))
    with pytest.raises(DamagedStateError) as caught:
        read_document(path, 1)
    assert named in caught.value.message
    assert str(path) in caught.value.message


@pytest.mark.parametrize("data", [b"", b"{", b"\xff", b"[" * 100_000])
def test_bytes_that_are_no_document_are_named(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "document.json"
    path.write_bytes(data)
    with pytest.raises(DamagedStateError, match="is damaged"):
        read_document(path, 1)


def test_a_file_that_cannot_be_replaced_stays_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "document.json"
    write_atomic(path, b"old")
    (tmp_path / ".document.json.new").mkdir()  # in the way of the temporary file
    with pytest.raises(CannotCreateError, match="cannot write"):
        write_atomic(path, b"new")
    assert path.read_bytes() == b"old"


def test_a_directory_is_made_once_and_only_for_its_owner(tmp_path: Path) -> None:
    for _ in range(2):
        make_directory(tmp_path / "state")
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700
    (tmp_path / "file").write_text("")
    with pytest.raises(CannotCreateError, match="cannot make"):
        make_directory(tmp_path / "file")
