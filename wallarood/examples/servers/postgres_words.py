"""Words of followed files are counted into a table of PostgreSQL: each word once, whatever dies.

``wallarood dev wallarood.examples.servers.postgres_words --workers 3 -- dbname=shop in counts``
"""

import wallarood as w
from wallarood.examples.servers.counting import counted, three


def app(args: list[str]) -> w.Application:
    """Arguments: where the database is, a file or directory of lines, and the table of counts.

    The table has the latest count of each word:
    ``CREATE TABLE counts (word text PRIMARY KEY, count bigint)``.
    """
    where, lines, table = three(args, "postgres_words", "CONNINFO FILES TABLE-OF-COUNTS")
    source = w.source("lines", w.FileSource(lines, follow=True))
    sink = w.PostgresSink(where, table, columns=["word", "count"], key=["word"])
    return w.application("postgres-words", counted(source).to_sink(sink, name="counts"))
