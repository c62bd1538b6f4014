"""The man pages: where they are, and by which topics they are asked for."""

import re
from pathlib import Path

import attrs

from wallarood.model.errors import CannotCreateError

_INSTALLED = Path(__file__).parent / "pages"
_SOURCES = Path(__file__).parents[2] / "man"
_NAME_LINE = re.compile(r"^\.SH NAME\n(?:.*?) \\- (.*)$", re.MULTILINE)


@attrs.frozen
class Page:
    """A man page. `topic` is what it is asked for by, besides its `name`."""

    topic: str
    name: str
    section: str
    about: str
    path: Path

    def is_called(self, asked: str) -> bool:
        """Whether *asked* means this page: the topic, the name, with or without the section."""
        return asked in (self.topic, self.name, f"{self.name}({self.section})", self.path.name)


def pages() -> tuple[Page, ...]:
    """All pages, that of the command first. Raises CannotCreateError: they are not installed."""
    directory = _INSTALLED if _INSTALLED.is_dir() else _SOURCES
    found = [_page(path) for path in sorted(directory.glob("wallaroo*.[1-8]"))]
    if not found:
        raise CannotCreateError(f"the man pages are missing: expected them in {_INSTALLED}")
    return tuple(sorted(found, key=lambda page: (page.topic != "wallarood", page.topic)))


def _page(path: Path) -> Page:
    name, section = path.name.rsplit(".", 1)
    about = _NAME_LINE.search(path.read_text(encoding="utf-8"))
    topic = re.sub(r"^wallarood[-.]", "", name)
    return Page(topic, name, section, about[1].replace("\\", "") if about else "", path)
