"""What others have acknowledged to clients is known beside a journal, and never falls."""

from pathlib import Path

import pytest

from wallarood.connectors.journal.clients import INHERITED, inherit, inherited_in
from wallarood.model.errors import DamagedStateError


def test_the_highest_sequence_of_each_client_is_kept(tmp_path: Path) -> None:
    where = tmp_path / "in" / "p"
    assert inherited_in(where) == {}
    inherit(where, {"a": 5, "b": 7}, names_max=10)
    inherit(where, {"a": 3, "b": 9, "c": 1}, names_max=10)
    inherit(where, {"a": 3, "b": 9, "c": 1}, names_max=10)
    assert inherited_in(where) == {"a": 5, "b": 9, "c": 1}


def test_the_newest_clients_are_kept(tmp_path: Path) -> None:
    inherit(tmp_path / "p", {"a": 1, "b": 1}, names_max=2)
    inherit(tmp_path / "p", {"a": 2, "c": 1}, names_max=2)
    assert inherited_in(tmp_path / "p") == {"a": 2, "c": 1}


def test_damage_is_found(tmp_path: Path) -> None:
    inherit(tmp_path, {"a": 1}, names_max=2)
    path = tmp_path / INHERITED
    path.write_bytes(path.read_bytes().replace(b"1}", b"2}"))
    with pytest.raises(DamagedStateError, match=r"\.inherited is damaged"):
        inherited_in(tmp_path)


def test_it_is_copied_to_another_disk_before_the_files_of_the_journal() -> None:
    """Of what comes after the last file that a journal has told of nothing is copied."""
    assert f"{0:016d}.journal" > INHERITED
