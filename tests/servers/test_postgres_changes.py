"""Changes of a table through keyed state into another, while workers and the server are killed."""

import random
import sys
from collections import Counter, defaultdict
from pathlib import Path

import pytest
from support.harness import hosts_in, wait_for
from support.killer import Killer
from support.servers.changes import NUMBERS, Accounts, Event, query, slot_of, where
from support.servers.process import Server

APPLICATION = """
import wallarood as w

class Seen:
    count = 0
    version = 0

@w.state_computation(state=Seen)
def seen(change: w.PostgresChange, state: Seen) -> tuple[int, int, str, int]:
    state.count += 1
    if change.values is not None:
        state.version = change.values["version"]
    return change.key[0], state.count, change.operation, state.version

app = w.application(
    "changes",
    w.source("in", w.PostgresSource("{url}", "{table}", slot="{table}"))
    .key_by(lambda change: change.key[0], name="by-key")
    .to(seen)
    .to_sink(
        w.PostgresSink("{url}", "{table}_told", columns=["id", "n", "operation", "version"]),
        name="out",
    ),
)
"""


def told_of(server: Server, table: str) -> dict[int, list[Event]]:
    """What the pipeline has told of each account, in order; each numbered from 1."""
    told: dict[int, list[Event]] = defaultdict(list)
    rows = query(server, f"SELECT id, n, operation, version FROM {table}_told ORDER BY at")
    for number, count, operation, version in rows:
        told[number].append((operation, version))
        assert len(told[number]) == count, f"{number} is counted {count} at {len(told[number])}"
    return told


def derived(told: dict[int, list[Event]]) -> list[tuple[int, int]]:
    """The table as what was told makes it."""
    last = {number: events[-1] for number, events in told.items()}
    return sorted((number, each[1]) for number, each in last.items() if each[0] != "delete")


def strike_until(
    kills: int, server_kills: int, server: Server, *, directory: Path, table: str, workers: int
) -> Counter[str]:
    """Kill workers and the server while accounts change; check what was told of them."""
    rng = random.Random(kills)
    accounts = Accounts.made(server, table, rows=5000, seed=kills)
    told = "(at bigserial, id int, n int, operation text, version int)"
    query(server, f"CREATE TABLE {table}_told {told}")
    file = directory / "changes.py"
    file.write_text(APPLICATION.format(url=where(server), table=table))
    with hosts_in(directory) as hosts:
        cluster = Killer(hosts, str(file), workers)
        if kills % 2:
            cluster.until("running")  # else it is hit while it forms and reads what is there
        for number in range(kills):
            for size in (1, 5, rng.choice([10, 100, 1000])):
                accounts.change(size)
            cluster.strike(rng, most=min(2, workers))
            if server_kills and number % max(1, kills // server_kills) == 0:
                server.restart_killed()
        accounts.change(10)
        accounts.close()

        def all_is_told() -> bool:
            return not accounts.wrong(told_of(server, table))

        wait_for("all is told", all_is_told, wait_s=120)
        cluster.until("running")
        cluster.end()
    assert accounts.wrong(told_of(server, table)) == []
    rows = query(server, f"SELECT id, version FROM {table} ORDER BY id")
    assert derived(told_of(server, table)) == rows
    return cluster.kills


@pytest.mark.parametrize(("workers", "kills"), [pytest.param(1, 4, marks=pytest.mark.long), (3, 5)])
def test_changes_are_told_once_in_order(
    postgres: Server, tmp_path: Path, workers: int, kills: int
) -> None:
    with slot_of(postgres, f"changes_{next(NUMBERS)}") as table:
        strike_until(kills, 2, postgres, directory=tmp_path, table=table, workers=workers)


def main() -> None:
    """``python -m servers.test_postgres_changes KILLS SERVER-KILLS``, run in tests/."""
    import tempfile  # noqa: PLC0415

    from support.servers import postgres as postgreses  # noqa: PLC0415
    from support.servers.process import serving  # noqa: PLC0415

    kills, server_kills = int(sys.argv[1]), int(sys.argv[2])
    with serving(postgreses.server) as server, tempfile.TemporaryDirectory() as directory:
        done = strike_until(
            kills, server_kills, server, directory=Path(directory), table="accounts", workers=3
        )
    print(f"each change told once; {done.total()} kills of workers, {server_kills} of the server")


if __name__ == "__main__":
    main()
