"""The pages of the manual: all of them, by the topics that people ask for."""

import re
from pathlib import Path

import pytest

from wallarood.manual.pages import pages

MAN = Path(__file__).parents[3] / "man"


def test_all_pages_are_there_that_of_the_command_first_and_each_says_what_it_is_about() -> None:
    found = pages()
    assert sorted(page.path.name for page in found) == sorted(path.name for path in MAN.iterdir())
    assert found[0].topic == "wallarood"
    assert all(page.about and "\\" not in page.about for page in found)


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ("app", "wallarood-app"),
        ("wallarood-app", "wallarood-app"),
        ("wallarood-app(7)", "wallarood-app"),
        ("wallarood-app.7", "wallarood-app"),
        ("toml", "wallarood.toml"),
        ("wallarood", "wallarood"),
        ("wallarooctl", "wallarooctl"),
    ],
)
def test_a_page_is_found_by_topic_by_name_and_with_its_section(asked: str, name: str) -> None:
    assert [page.name for page in pages() if page.is_called(asked)] == [name]


@pytest.mark.parametrize("page", sorted(MAN.iterdir()), ids=lambda page: page.name)
def test_no_sentence_stands_in_a_line_of_which_each_word_has_a_font(page: Path) -> None:
    """Its words would be joined to one."""
    lines = re.findall(r"^\.(?:BR|RB|BI|IB|RI|IR) .*\. [A-Z][a-z]+ [a-z].*", page.read_text(), re.M)
    assert [line for line in lines if '"' not in line] == []
