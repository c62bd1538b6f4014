"""A stream waits for the rows that a table of followed files has, though it has no end."""

from pathlib import Path

import pytest
from support.harness import hosts_in, wait_for

ROWS, ORDERS = 30_000, 20_000

APPLICATION = f"""
import wallarood as w

def row(line: str) -> tuple[int, str]:
    number, name = line.split(",")
    return int(number), name

rows = w.source("rows", w.FileSource("names", follow=True), parse=row)
orders = w.source("orders", w.GeneratorSource(count={ORDERS}))
table = w.table(rows.key_by(lambda row: row[0] + 0), ttl=w.forever)

def line(pair: tuple[int, tuple[int, str] | None]) -> tuple[int, str]:
    return pair[0], "nobody" if pair[1] is None else pair[1][1]

app = w.application(
    "loaded",
    orders.key_by(lambda order: order * 7 % {ROWS}).enrich(table).map(line)
    .to_sink(w.FileSink("named")),
)
"""


@pytest.mark.parametrize("workers", [pytest.param(1, marks=pytest.mark.long), 3])
def test_the_rows_that_are_there_come_first(workers: int, tmp_path: Path) -> None:
    file = tmp_path / "loaded.py"
    file.write_text(APPLICATION)
    names = tmp_path / "names"
    names.mkdir()
    for part in range(3):
        lines = (f"{number},name {number}\n" for number in range(part, ROWS, 3))
        (names / f"{part}.csv").write_text("".join(lines))
    with hosts_in(tmp_path) as hosts:
        started = hosts.start_cluster(workers, str(file))
        wait_for("all orders are named", lambda: len(named(tmp_path)) == ORDERS, wait_s=60)
        for worker in started:
            worker.process.terminate()
        assert [worker.wait() for worker in started] == [0] * workers
    assert sorted(named(tmp_path)) == sorted(
        f"{order}\tname {order * 7 % ROWS}" for order in range(ORDERS)
    )


def named(directory: Path) -> list[str]:
    """The lines that were written and committed."""
    parts = (directory / "named").glob("[!.]*")
    return [line for part in parts for line in part.read_text().splitlines()]
