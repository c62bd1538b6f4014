"""Records as plain lines: a text that the user made is written as it is."""
# Theory of operation
# ===================
# A line is a record, so a line break inside a record cannot stay one: it is written as the two
# characters \n or \r, and the first time that is said in the log. Nothing else is changed, and what
# is written for a record never depends on the records beside it. Texts are joined first and looked
# at as one: only if something is wrong with the whole is each one looked at.

from typing import Any

import attrs
import structlog

BREAKS = str.maketrans({"\n": "\\n", "\r": "\\r"})

log = structlog.get_logger(__name__)


@attrs.define(eq=False)
class PlainEncoder:
    """Writes `str(record)`, and bytes as they are."""

    sink: str
    _said: bool = False

    def head(self) -> bytes:
        """See `LineEncoder.head`."""
        return b""

    def __call__(self, records: list[Any], /) -> bytes:
        """See `LineEncoder.__call__`."""
        kinds = set(map(type, records))
        if bytes in kinds:
            return self._with_bytes(records)
        texts = records if kinds == {str} else list(map(str, records))
        text = "\n".join(texts)
        # A loop in C ends where `str` raises StopIteration: then there are fewer texts.
        whole = len(texts) == len(records) and text.count("\n") == len(records) - 1
        if not whole or "\r" in text:
            text = "\n".join([self.line_of(record) for record in records])
        return encoded(text + "\n")

    def line_of(self, record: Any) -> str:
        """The line of one record, without its end."""
        text = str(record)
        if "\n" not in text and "\r" not in text:
            return text
        if not self._said:
            self._said = True
            log.warning(
                r"line breaks inside records are written as \n and \r; "
                'format="json" or "csv" keeps them',
                sink=self.sink,
                record=text[:200],
            )
        return text.translate(BREAKS)

    def _with_bytes(self, records: list[Any]) -> bytes:
        lines = [
            record if type(record) is bytes else encoded(self.line_of(record)) for record in records
        ]
        if any(b"\n" in line or b"\r" in line for line in lines):
            # Every byte is a character of latin-1, so the line of one is that of the other.
            lines = [self.line_of(line.decode("latin-1")).encode("latin-1") for line in lines]
        return b"\n".join(lines) + b"\n"


def encoded(text: str) -> bytes:
    """*text* in UTF-8. What a name of a file had in other bytes becomes these bytes again."""
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        return b"".join(map(_encoded_alone, text.splitlines(keepends=True)))


def _encoded_alone(text: str) -> bytes:
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")
