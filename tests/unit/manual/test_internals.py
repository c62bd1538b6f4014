"""The page for those who change wallarood names what there is."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "man" / "wallarood-internals.7").read_text(encoding="utf-8")
ROOMS = {each.name for each in (ROOT / "wallarood").iterdir() if each.is_dir()}
NAMED = sorted(
    {
        path.rstrip("/.,")
        for path in re.findall(r"[\w./]+/[\w./]*", PAGE)
        if path.split("/")[0] in ROOMS | {"wallarood", "tests", "config"}
    }
)


def test_the_page_names_some_paths() -> None:
    assert len(NAMED) > 40


@pytest.mark.parametrize("path", NAMED)
def test_what_the_page_names_is_there(path: str) -> None:
    assert (ROOT / path).exists() or (ROOT / "wallarood" / path).exists()


def test_it_has_ten_questions() -> None:
    questions = PAGE.partition(".SH TEN QUESTIONS")[2].partition(".SH")[0]
    assert questions.count("?\n") == 10
