"""A man page as plain text, for hosts that have neither man nor mandoc.

It knows the requests that our pages use, and passes over others; a test says which page has one.
"""

import re
import textwrap
from itertools import takewhile, zip_longest

import attrs

INDENT = 7
STEP = 8
GAP = 2
COLUMN_LEAST = 6
_ESCAPES = (
    (re.compile(r'\\".*'), ""),
    (re.compile(r"\\f(?:\[[A-Z]*\]|\(..|.)"), ""),
    (re.compile(r"\\\[dq\]|\\\(dq"), '"'),
    (re.compile(r"\\\[aq\]|\\\(aq"), "'"),
    (re.compile(r"\\\[bu\]|\\\(bu"), "o"),
    (re.compile(r"\\e"), "\N{REPLACEMENT CHARACTER}"),
    (re.compile(r"\\\[em\]|\\\(em"), "--"),
    (re.compile(r"\\\[->\]|\\\(->"), "->"),
    (re.compile(r"\\\[mc\]|\\\(mc"), "\N{MICRO SIGN}"),
    (re.compile(r"\\\[mu\]|\\\(mu"), "x"),
    (re.compile(r"\\\[S(\d)\]|\\\(S(\d)"), r"^\1\2"),
    (re.compile(r"\\~"), "\N{NO-BREAK SPACE}"),
    (re.compile(r"\\[&%:c|^]"), ""),
    (re.compile(r"\\(.)"), r"\1"),
    (re.compile("\N{REPLACEMENT CHARACTER}"), r"\\"),
)
_ARGUMENT = re.compile(r'"((?:[^"]|"")*)"|((?:\\.|[^ \\])+)')
_LAYOUT = frozenset(
    {"TH", "SH", "SS", "PP", "P", "LP", "TP", "IP", "RS", "RE", "EX", "EE", "nf", "fi", "br", "sp"}
    | {"ad"}
)
_FONTS = frozenset({"B", "I", "R", "SB", "SM"})
_ALTERNATING = frozenset({"BI", "BR", "IB", "IR", "RB", "RI"})
KNOWN = _LAYOUT | _FONTS | _ALTERNATING | {"TS", "TE"}


def as_text(source: str, width: int = 80) -> str:
    """The page *source* as text of up to *width* columns."""
    page = _Page(max(width, 40))
    lines = iter(source.splitlines())
    for line in lines:
        if line.startswith(".TS"):
            page.flush()
            page.lines += ["", *_table(list(takewhile(_is_in_table, lines)), page.width)]
        else:
            page.take(line)
    page.flush()
    text = "\n".join(page.lines).replace("\N{NO-BREAK SPACE}", " ")
    return re.sub(r"\n{3,}", "\n\n", text).strip("\n") + "\n"


def _plain(text: str) -> str:
    for pattern, put in _ESCAPES:
        text = pattern.sub(put, text)
    return text


def _arguments(text: str) -> list[str]:
    found = [a.replace('""', '"') or b for a, b in _ARGUMENT.findall(text.strip())]
    return [_plain(each) for each in found]


@attrs.define
class _Page:
    width: int
    lines: list[str] = attrs.field(factory=list)
    words: list[str] = attrs.field(factory=list)
    indents: list[int] = attrs.field(factory=list)
    indent: int = INDENT
    tag: str = ""
    """What stands before the paragraph, to the left of it."""
    tag_follows: bool = False
    literal: bool = False
    headed: bool = False

    def take(self, line: str) -> None:
        """Take one line of the source."""
        if not line.startswith((".", "'")):
            self._text(_plain(line))
            return
        request, _, rest = line[1:].strip().partition(" ")
        if not request or request.startswith('\\"'):
            return
        if request in _FONTS:
            self._text(" ".join(_arguments(rest)))
        elif request in _ALTERNATING:
            self._text("".join(_arguments(rest)))
        else:
            self._layout(request, _arguments(rest))

    def _space(self) -> None:
        """An empty line before a paragraph, unless it is the first after a heading."""
        if not self.headed:
            self.lines.append("")
        self.headed = False

    def _text(self, text: str) -> None:
        self.headed = False
        if self.literal:
            self.lines.append(" " * self.indent + text if text else "")
        elif self.tag_follows:
            self.tag, self.tag_follows = text, False
        else:
            self.words.append(text)

    def _layout(self, request: str, arguments: list[str]) -> None:
        self.flush()
        match request:
            case "TH":
                title = f"{arguments[0]}({arguments[1]})"
                self.lines += [title.ljust(self.width - len(title)) + title, ""]
            case "SH" | "SS":
                self.indents, self.indent = [], INDENT
                self.lines += ["", ("   " if request == "SS" else "") + " ".join(arguments)]
                self.headed = True
            case "PP" | "P" | "LP":
                self.indent = self._margin
                self._space()
            case "TP":
                self.tag_follows = True
                self.indent = self._margin + STEP
                self._space()
            case "IP":
                self.tag = arguments[0] if arguments else ""
                self.indent = self._margin + STEP
                self._space()
            case "RS":
                self.indents.append(self.indent)
                self.indent = self._margin
            case "RE":
                self.indent = self.indents.pop() if self.indents else INDENT
            case "EX" | "nf":
                self.literal = True
            case "EE" | "fi":
                self.literal = False
            case "sp":
                self.lines.append("")
            case _:  # br, and what is not known
                return

    @property
    def _margin(self) -> int:
        return self.indents[-1] if self.indents else INDENT

    def flush(self) -> None:
        """End the paragraph."""
        text, self.words = " ".join(self.words), []
        tag, self.tag = self.tag, ""
        before = self.indent - STEP
        if tag:
            if len(tag) >= STEP - 1 or not text:
                self.lines.append(" " * before + tag)
            else:
                text = tag.ljust(STEP - 1, "\N{NO-BREAK SPACE}") + " " + text
                first = " " * before
                self.lines += self._wrapped(text, first)
                return
        if text:
            self.lines += self._wrapped(text, " " * self.indent)

    def _wrapped(self, text: str, first: str) -> list[str]:
        return textwrap.wrap(
            text,
            self.width,
            initial_indent=first,
            subsequent_indent=" " * self.indent,
            break_long_words=False,
            break_on_hyphens=False,
        )


def _is_in_table(line: str) -> bool:
    return not line.startswith(".TE")


def _table(lines: list[str], width: int) -> list[str]:
    """The rows of a table of tbl; where it is too wide, the widest columns are wrapped."""
    separator = "\t"
    if lines and lines[0].endswith(";"):
        found = re.search(r"tab\((.)\)", lines.pop(0))
        separator = found[1] if found else separator
    while lines and not lines.pop(0).endswith("."):
        pass
    rows = _rows(lines, separator)
    columns = max((len(row) for row in rows), default=0)
    widths = [
        max((len(row[place]) for row in rows if len(row) > place), default=1)
        for place in range(columns)
    ]
    room = max(width - INDENT - GAP * (columns - 1), COLUMN_LEAST * columns)
    while sum(widths) > room:
        widths[widths.index(max(widths))] -= 1
    laid = []
    for row in rows:
        if row == ["_"]:
            laid.append(" " * INDENT + "-" * (sum(widths) + GAP * (columns - 1)))
            continue
        cells = [textwrap.wrap(cell, n) for cell, n in zip(row, widths, strict=False)]
        for parts in zip_longest(*cells, fillvalue=""):
            padded = (part.ljust(n) for part, n in zip(parts, widths, strict=False))
            laid.append((" " * INDENT + (" " * GAP).join(padded)).rstrip())
    return laid


def _rows(lines: list[str], separator: str) -> list[list[str]]:
    """The cells of each row; one between ``T{`` and ``T}`` is a text of several lines."""
    rows: list[list[str]] = []
    row: list[str] = []
    waiting = iter(lines)
    for line in waiting:
        cells = line.split(separator)
        while cells[-1] == "T{":
            text = _Page(1 << 20, indent=0)
            for inner in waiting:
                if inner.startswith("T}"):
                    break
                text.take(inner)
            else:
                inner = ""
            cells[-1] = " ".join(text.words)
            cells += inner[2:].split(separator)[1:]
        row = [_plain(cell) for cell in cells]
        rows.append(row)
    return rows
