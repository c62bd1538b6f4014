"""The page is whole, loads nothing from elsewhere, and can be read without seeing it."""

import re

import pytest

from wallarood.admin.dashboard.page import FILES, page

HTML = page("/").body.decode()
SCRIPT = page("/dashboard.js").body.decode()
STYLE = page("/dashboard.css").body.decode()


def test_all_that_the_page_loads_is_served_beside_it() -> None:
    loaded = re.findall(r'(?:src|href)="(/[^"]*|https?:[^"]*|//[^"]*)"', HTML)
    assert set(loaded) == set(FILES) - {"/"}
    assert "http" not in STYLE
    assert set(re.findall(r"https?://[^\"'`\s]+", SCRIPT)) == {"http://www.w3.org/2000/svg"}


def test_nothing_of_the_cluster_is_read_as_html() -> None:
    for name in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
        assert name not in SCRIPT
    assert not re.search(r"\son[a-z]+=", HTML)
    assert "<style" not in HTML
    assert not re.search(r'\sstyle="', HTML)


def test_what_the_script_looks_for_is_on_the_page() -> None:
    wanted = set(re.findall(r'byId\("([a-z-]+)"\)', SCRIPT))
    there = re.findall(r'\sid="([a-z-]+)"', HTML)
    assert wanted <= set(there)
    assert len(set(there)) == len(there)


def test_each_question_leads_to_its_answer_and_each_part_has_a_heading() -> None:
    there = set(re.findall(r'\sid="([a-z-]+)"', HTML))
    links = re.findall(r'href="#([a-z-]+)"', HTML)
    assert len(links) == 9
    assert set(links) <= there
    for labelled in re.findall(r'<section [^>]*aria-labelledby="([a-z-]+)"', HTML):
        assert f'<h2 id="{labelled}">' in HTML
    assert 'lang="en"' in HTML
    assert '<label for="token">' in HTML


def luminance(colour: str) -> float:
    parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_the_contrast_of_wcag_aa(scheme: str) -> None:
    blocks = STYLE.split("prefers-color-scheme: dark")
    colours = dict(
        re.findall(r"--([a-z]+): (#[0-9a-f]{6})", blocks[scheme == "dark"].split("}")[0])
    )
    for ground in ("ground", "panel"):
        for text in ("text", "quiet", "link", "good", "blocked"):
            assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
        for shape in ("busy", "blocked", "read", "sunk"):
            assert contrast(colours[shape], colours[ground]) >= 3, (shape, ground)
