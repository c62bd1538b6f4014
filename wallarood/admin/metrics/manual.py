"""The table of wallarood-metrics(7), from the names; ``python -m wallarood.admin.metrics.manual``.

With a path of the page it puts the table between its marks there; without, it prints it.
"""

import sys
from pathlib import Path

from wallarood.admin.metrics.names import METRICS

BEGIN, END = '.\\" metrics begin\n', '.\\" metrics end\n'


def table() -> str:
    """All metrics as a list of troff."""
    lines = []
    for metric in METRICS:
        labels = f"{{{', '.join(metric.labels)}}}" if metric.labels else ""
        lines.append(".TP\n")
        lines.append(f".B {metric.full_name}{labels}\n")
        lines.append(f"({metric.form.value}) {metric.help}\n")
    return "".join(lines)


def written(page: str) -> str:
    """*page* with the table between its marks. Raises ValueError: it has no marks."""
    before, _, rest = page.partition(BEGIN)
    _, mark, after = rest.partition(END)
    if not mark:
        raise ValueError("the page has no marks for the table")
    return before + BEGIN + table() + END + after


def main() -> None:
    """Write the page that is named, or print the table."""
    if not sys.argv[1:]:
        print(table(), end="")
        return
    path = Path(sys.argv[1])
    path.write_text(written(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
