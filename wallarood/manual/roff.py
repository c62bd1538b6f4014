"""A man page as plain text, for hosts that have neither man nor mandoc.

It knows the requests that our pages use, and a test says that it knows all of them.
"""

import re
import textwrap

import attrs

INDENT = 7
STEP = 8
_ESCAPES = (
    (re.compile(r'\\".*'), ""),
    (re.compile(r"\\f(?:\[[A-Z]*\]|\(..|.)"), ""),
    (re.compile(r"\\\[dq\]|\\\(dq"), '"'),
    (re.compile(r"\\\[aq\]|\\\(aq"), "'"),
    (re.compile(r"\\\[bu\]|\\\(bu"), "*"),
    (re.compile(r"\\\[em\]|\\\(em"), "--"),
    (re.compile(r"\\~"), "\N{NO-BREAK SPACE}"),
    (re.compile(r"\\[&%:c|^]"), ""),
    (re.compile(r"\\(.)"), r"\1"),
)
_ARGUMENT = re.compile(r'"((?:[^"]|"")*)"|((?:\\.|[^ \\])+)')
_FONTS = frozenset({"B", "I", "R", "SB", "SM"})
_ALTERNATING = frozenset({"BI", "BR", "IB", "IR", "RB", "RI"})


def as_text(source: str, width: int = 80) -> str:
    """The page *source* as text of up to *width* columns. Raises ValueError: an unknown request."""
    page = _Page(max(width, 40))
    for line in source.splitlines():
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
            case "br":
                pass
            case "sp":
                self.lines.append("")
            case _:
                raise ValueError(f"unknown request .{request}")

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
