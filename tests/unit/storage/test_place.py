"""Whether a file that is open is still the one at its path."""

from pathlib import Path

import pytest

from wallarood.model.errors import DamagedStateError
from wallarood.storage.place import Place


def test_a_file_that_stays_is_fine(tmp_path: Path) -> None:
    path = tmp_path / "it"
    path.write_text("x")
    place = Place.of(path)
    path.write_text("y")
    place.check()


@pytest.mark.parametrize("done", ["removed", "replaced"])
def test_one_that_is_gone_or_another_is_told(tmp_path: Path, done: str) -> None:
    path = tmp_path / "it"
    path.write_text("x")
    place = Place.of(path)
    path.rename(tmp_path / "elsewhere")
    if done == "replaced":
        path.write_text("x")
    with pytest.raises(DamagedStateError, match=f"was {done} while"):
        place.check()
