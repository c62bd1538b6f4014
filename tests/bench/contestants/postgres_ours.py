"""Rows into a table of PostgreSQL: ours. Arguments: URL TABLE COUNT."""

import wallarood as w


def row(number: int) -> tuple[int, str, float]:
    """The row of a number."""
    return number, f"row {number}", number * 0.5


def app(args: list[str]) -> w.Application:
    """Rows of numbers into a table."""
    url, table, count = args
    return w.application(
        "rows",
        w.source("numbers", w.GeneratorSource(count=int(count)))
        .map(row)
        .to_sink(w.PostgresSink(url, table, columns=["id", "said", "half"]), name="out"),
    )
