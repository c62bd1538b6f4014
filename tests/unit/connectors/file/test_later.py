"""Files that come after the cluster was formed: found at each start, read once, to their ends."""

from pathlib import Path
from typing import Any

import pytest

from wallarood.app.connector import SourceLimits
from wallarood.connectors.file.later import LaterReader, has_grown, later_files
from wallarood.connectors.parse.options import format_of

FORM = format_of("FileSource", {})


def found(directory: Path, places: dict[str, Any], *known: Path, others: Any = ()) -> list[str]:
    """The names of what is to be read."""
    files = later_files((str(directory),), frozenset(map(str, known)), places, others=list(others))
    return [Path(path).name for path, _ in files]


async def read(directory: Path, places: dict[str, Any], *known: Path) -> list[str]:
    """The records of what is to be read; *places* becomes where it was read to."""
    files = later_files((str(directory),), frozenset(map(str, known)), places, others=[])
    reader = LaterReader(files, dict(places), FORM, SourceLimits(), stops=True)
    records: list[str] = []
    while (batch := await reader.read()) is not None:
        records += batch.records
        places.update(batch.position["files"])
    await reader.aclose()
    return records


def test_what_other_partitions_read_is_not_found_again(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / name).write_text(name)
    (tmp_path / "a too").hardlink_to(tmp_path / "a")
    assert found(tmp_path, {}, tmp_path / "a") == ["b", "c"]


def test_a_file_of_two_names_is_found_once(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    (tmp_path / "b").hardlink_to(tmp_path / "a")
    assert found(tmp_path, {}) == ["a"]


async def test_each_file_is_read_once_and_goes_on_when_it_has_grown(tmp_path: Path) -> None:
    places: dict[str, Any] = {}
    (tmp_path / "a").write_text("a1\n")
    assert await read(tmp_path, places) == ["a1"]
    assert await read(tmp_path, places) == []
    (tmp_path / "b").write_text("b1\n")
    with (tmp_path / "a").open("a") as file:
        file.write("a2\n")
    assert await read(tmp_path, places) == ["a2", "b1"]
    assert await read(tmp_path, places) == []


async def test_a_file_that_is_gone_does_not_matter(tmp_path: Path) -> None:
    places: dict[str, Any] = {}
    (tmp_path / "a").write_text("a1\n")
    await read(tmp_path, places)
    (tmp_path / "a").unlink()
    assert await read(tmp_path, places) == []


async def test_a_file_that_was_renamed_after_it_was_read_is_not_read_again(tmp_path: Path) -> None:
    places: dict[str, Any] = {}
    (tmp_path / "a").write_text("a1\n")
    await read(tmp_path, places)
    (tmp_path / "a").rename(tmp_path / "b")
    assert await read(tmp_path, places) == []


async def test_another_file_of_the_inode_of_one_that_was_read_is_read(tmp_path: Path) -> None:
    """A number is given again when its file is gone: the content tells."""
    places: dict[str, Any] = {}
    (tmp_path / "a").write_text("a1\n")
    await read(tmp_path, places)
    (tmp_path / "a").write_text("b1\n")
    (tmp_path / "a").rename(tmp_path / "b")
    assert await read(tmp_path, places) == ["b1"]


async def test_a_file_that_was_begun_is_gone_on_with(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a1\na2\na3\n")
    files = later_files((str(tmp_path),), frozenset(), {}, others=[])
    limits = SourceLimits(batch_records_max=1)
    reader = LaterReader(files, {}, FORM, limits, stops=True)
    batch = await reader.read()
    await reader.aclose()
    assert batch is not None
    assert batch.records == ["a1"]
    assert await read(tmp_path, dict(batch.position["files"])) == ["a2", "a3"]


@pytest.mark.parametrize(
    ("place", "grown"),
    [
        (None, True),
        ({"pass": 0, "bytes": 5}, False),
        ({"pass": 0, "bytes": 4}, True),
        ({"pass": 0, "bytes": 3, "end": 5}, False),
        ({"pass": 0, "bytes": 3, "end": 4}, True),
        ({"pass": 1, "bytes": 1}, False),
    ],
)
def test_whether_a_file_has_more_than_was_read(tmp_path: Path, place: Any, grown: bool) -> None:
    path = tmp_path / "a"
    path.write_text("12345")
    assert has_grown(str(path), place) is grown
    assert not has_grown(str(tmp_path / "gone"), place)


def test_an_empty_file_has_nothing_that_was_not_read(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    assert not has_grown(str(tmp_path / "a"), None)
