"""Words of a table of SQLite are counted into one of another file: each word once, whatever dies.

``wallarood dev wallarood.examples.servers.sqlite_words --workers 3 -- in.db lines counts.db``
"""

from typing import Any

import wallarood as w
from wallarood.examples.servers.counting import counted, three


def text_of(row: dict[str, Any]) -> str:
    """The line in a row."""
    return str(row["line"])


def app(args: list[str]) -> w.Application:
    """Arguments: a file, its table with a column ``line``, and the file for the table ``counts``.

    ``CREATE TABLE lines (id INTEGER PRIMARY KEY AUTOINCREMENT, line TEXT)``.
    """
    file, lines, counts = three(args, "sqlite_words", "FILE TABLE-OF-LINES FILE-OF-COUNTS")
    source = w.source("lines", w.SqliteSource(file, lines, columns=["line"]))
    sink = w.SqliteSink(counts, "counts", columns=["word", "count"], key=["word"])
    return w.application(
        "sqlite-words", counted(source.map(text_of, name="text")).to_sink(sink, name="counts")
    )
