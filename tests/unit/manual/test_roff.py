"""The plain rendering of man pages: every page as man shows it, and every request known."""

import re
import shutil
import subprocess
from collections import Counter

import pytest

from wallarood.manual.pages import Page, pages
from wallarood.manual.roff import KNOWN, as_text

SAMPLE = r"""
.\" a comment
.TH SAMPLE 7 "2026-01-01" "sample 1" "Miscellaneous"
.SH NAME
sample \- a page
.SH "TWO WORDS"
A paragraph of
.BR bold (8)
and
.IR slanted ,
with \fBfonts\fP and a \[dq]quote\[dq].
.PP
.EX
if x:
    y = "z"
.EE
.TP
.B short
Its text.
.TP
.BI \-\-a\-long\-flag= VALUE
Its text.
.IP
More of it.
"""
EXPECTED = """\
SAMPLE(7)                      SAMPLE(7)

NAME
       sample - a page

TWO WORDS
       A paragraph of bold(8) and
       slanted, with fonts and a
       "quote".

       if x:
           y = "z"

       short   Its text.

       --a-long-flag=VALUE
               Its text.

               More of it.
"""


def test_a_page_is_laid_out_as_man_does_it() -> None:
    assert as_text(SAMPLE, 40) == EXPECTED


TABLE = r"""
.TS
tab(;);
lx l
lx l.
What;Status
_
T{
A source of the
.B application
T};65
Short;\-1
.TE
"""
ROWS = """\
       What                       Status
       ---------------------------------
       A source of the            65
       application
       Short                      -1
"""


def test_a_table_has_its_columns() -> None:
    assert as_text(TABLE, 40) == ROWS


def test_an_unknown_request_is_passed_over() -> None:
    assert as_text(".PP\nbefore\n.XX\nbehind") == "       before\n       behind\n"


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_every_request_of_a_page_is_known(page: Page) -> None:
    source = page.path.read_text(encoding="utf-8")
    assert set(re.findall(r"^[.']([A-Za-z]+)", source, re.M)) <= KNOWN
    text = as_text(source)
    assert "\\f" not in text
    assert "\N{NO-BREAK SPACE}" not in text


@pytest.mark.skipif(shutil.which("man") is None, reason="there is no man to compare with")
@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_the_words_are_those_that_man_shows(page: Page) -> None:
    shown = subprocess.run(
        ["man", "--no-hyphenation", "--no-justification", "--encoding=UTF-8", str(page.path)],
        env={"PATH": "/usr/bin:/bin", "MANWIDTH": "400", "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    if page.name not in shown.lower():
        pytest.skip("man shows no pages here")
    # The footer and what stands in the middle of the title are not ours to show.
    wanted = shown.strip().splitlines()[1:-1]
    ours = as_text(page.path.read_text(encoding="utf-8"), 400).splitlines()[1:]
    assert words(ours) == words(wanted)


AS_ASCII = str.maketrans({
    "\u2010": "-", "\u2212": "-", "\u2192": "->", "\u2022": "o", "\u00b7": "o", "\u03bc": "\u00b5",
    "\u00d7": "x", "\u2500": "-", "\u2018": "'", "\u2019": "'",
})  # fmt: skip


def words(lines: list[str]) -> Counter[str]:
    """How often each word stands there: those of a wrapped cell do not follow each other."""
    found = (word for line in lines for word in line.translate(AS_ASCII).split())
    return Counter(word for word in found if set(word) != {"-"})
