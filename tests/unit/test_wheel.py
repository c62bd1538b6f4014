"""The wheel has all that a user of pip needs: manual, examples, and types."""

import zipfile
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The files of a wheel that was built from this tree."""
    directory = tmp_path_factory.mktemp("wheel")
    (path,) = WheelBuilder(str(ROOT)).build(directory=str(directory), versions=["standard"])
    with zipfile.ZipFile(path) as wheel:
        return set(wheel.namelist())


def test_it_has_every_page_of_the_manual(names: set[str]) -> None:
    pages = {f"wallarood/manual/pages/{path.name}" for path in (ROOT / "man").iterdir()}
    assert pages <= names


def test_it_has_every_module_and_the_mark_that_it_is_typed(names: set[str]) -> None:
    files = {str(path.relative_to(ROOT)) for path in (ROOT / "wallarood").rglob("*.py")}
    assert files <= names
    assert "wallarood/py.typed" in names


def test_it_has_nothing_of_the_tests(names: set[str]) -> None:
    assert not [name for name in names if name.startswith("tests")]
