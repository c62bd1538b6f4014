"""A stream waits for its table, in a cluster whose workers are killed meanwhile."""

import random
from pathlib import Path

from support.harness import hosts_in, wait_for
from support.killer import Killer

ORDERS, ROWS = 20_000, 6_000

APPLICATION = f"""
import wallarood as w

def row(number: int) -> tuple[int, str]:
    return number, f"name {{number}}"

orders = w.source("orders", w.GeneratorSource(count={ORDERS})).key_by(lambda order: order % {ROWS})
rows = w.source("rows", w.GeneratorSource(row, rate=1000, count={ROWS}))
table = w.table(rows.key_by(lambda row: row[0] + 0), ttl=w.forever)

def line(pair: tuple[int, tuple[int, str] | None]) -> tuple[int, str]:
    return pair[0], "nobody" if pair[1] is None else pair[1][1]

app = w.application("named", orders.enrich(table).map(line).to_sink(w.FileSink("named")))
"""


def test_no_order_overtakes_the_table(tmp_path: Path) -> None:
    file = tmp_path / "named.py"
    file.write_text(APPLICATION)
    rng = random.Random(3)
    with hosts_in(tmp_path) as hosts:
        cluster = Killer(hosts, str(file), 3)
        wait_for("the status says what is waited for", lambda: waits(cluster), wait_s=60)
        cluster.strike(rng, most=3)
        cluster.until("completed")
        assert not waits(cluster)
        cluster.end()
    lines = [
        line
        for part in (tmp_path / "named").glob("[!.]*")
        for line in part.read_text().splitlines()
    ]
    assert sorted(lines) == sorted(f"{n}\tname {n % ROWS}" for n in range(ORDERS))


def waits(cluster: Killer) -> set[str]:
    """What stages wait for, as the workers say."""
    statuses = [each.status() for each in cluster.workers.values()]
    stages = [stage for status in statuses if status for stage in status.stages]
    return {f"{stage.name}: {stage.waits}" for stage in stages if stage.waits}
