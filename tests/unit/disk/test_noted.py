"""Whose files a directory has is noted in it, by the name of the class."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from wallarood.disk.noted import note_connector, noted_verify
from wallarood.model.errors import CannotCreateError


class Kept:
    """A connector whose files can be verified."""

    @staticmethod
    def verify(directory: Path, unpublished: Sequence[Any]) -> list[str]:
        return [f"{directory.name}: {len(unpublished)}"]


class Other(Kept):
    """Another one."""


def test_the_class_that_was_noted_last_is_asked(tmp_path: Path) -> None:
    where = tmp_path / "sink-0"
    for connector in (Other(), Kept(), Kept()):
        note_connector(where, connector)

    verify = noted_verify(where)
    assert verify is not None
    assert verify(where, (1, 2)) == ["sink-0: 2"]
    assert [each.name for each in where.iterdir()] == [".connector"]


def test_of_a_connector_without_files_nothing_is_noted(tmp_path: Path) -> None:
    note_connector(tmp_path / "sink-0", object())

    assert not (tmp_path / "sink-0").exists()
    assert noted_verify(tmp_path / "sink-0") is None


@pytest.mark.parametrize("name", ["no_such_module:Kept", "pathlib:NoSuchClass", "pathlib:Path", ""])
def test_a_class_that_is_not_there_is_said(name: str, tmp_path: Path) -> None:
    (tmp_path / ".connector").write_text(name)

    with pytest.raises(LookupError, match="is not verified"):
        noted_verify(tmp_path)


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(CannotCreateError, match=r"file/sink-0/\.connector"):
        note_connector(tmp_path / "file" / "sink-0", Kept())
