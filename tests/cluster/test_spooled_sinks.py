"""A spooled sink in a cluster: every result is in the database once, whoever is killed."""

import random
import re
import shutil
import signal
import sqlite3
from pathlib import Path
from typing import Any

from support.command import wallarood
from support.harness import hosts_in, wait_for
from support.killer import Killer

COUNT = """
import wallarood as w

class Seen:
    count = 0

@w.state_computation(state=Seen)
def seen(row: dict[str, object], state: Seen) -> tuple[str, int]:
    state.count += 1
    return str(row["word"]), state.count

words = w.source("in", w.SqliteSource("in.db", "words", columns=["word"]))
sink = w.SqliteSink("out.db", "counts", columns=["word", "count"])
app = w.application("words", words.key_by(lambda row: str(row["word"])).to(seen).to_sink(sink))
"""

AGAIN = """
import wallarood as w

class Seen:
    count = 0

@w.state_computation(state=Seen)
def as_it_came(number: int, seen: Seen) -> tuple[str, int]:
    seen.count += 1
    return f"number {number}", seen.count

one = w.source("one", w.GeneratorSource(lambda n: n, count=900, rate=90))
two = w.source("two", w.GeneratorSource(lambda n: 900 + n, count=500, rate=50))
sink = w.SqliteSink("out.db", "counts", columns=["number", "count"], key=["number"])
app = w.application("both", one.merge(two).collect().to(as_it_came).to_sink(sink))
"""


def select(path: Path, query: str) -> list[Any]:
    if not path.exists():
        return []
    connection = sqlite3.connect(path, timeout=60)
    try:
        return connection.execute(query).fetchall()
    except sqlite3.OperationalError:  # the table is not there yet
        return []
    finally:
        connection.close()


def test_every_result_is_there_once_and_in_order_by_key(tmp_path: Path) -> None:
    """Three workers write into one file, and wait for each other; rows are added under way."""
    rng = random.Random(11)
    words: list[str] = []
    given = sqlite3.connect(tmp_path / "in.db")
    given.execute("CREATE TABLE words (id INTEGER PRIMARY KEY AUTOINCREMENT, word TEXT)")
    (tmp_path / "app.py").write_text(COUNT)
    out = tmp_path / "out.db"
    with hosts_in(tmp_path) as hosts:
        cluster = Killer(hosts, str(tmp_path / "app.py"), 3)
        cluster.until("running")
        for _ in range(8):
            new = [f"w{rng.randrange(40)}" for _ in range(700)]
            words += new
            with given:
                given.executemany("INSERT INTO words (word) VALUES (?)", [(each,) for each in new])
            cluster.strike(rng, most=2)
        cluster.until("running")
        wait_for(
            "all is counted",
            lambda: select(out, "SELECT count(*) FROM counts") == [(len(words),)],
            wait_s=90,
        )
        cluster.end()
    given.close()
    found: dict[str, list[int]] = {}
    for word, count in select(out, "SELECT word, count FROM counts ORDER BY rowid"):
        found.setdefault(word, []).append(count)
    assert found == {word: list(range(1, words.count(word) + 1)) for word in set(words)}


def test_what_is_made_again_after_a_kept_checkpoint_is_applied(tmp_path: Path) -> None:
    """The marker is ahead then, in an older line: nothing may be dropped for that."""
    (tmp_path / "app.py").write_text(AGAIN)
    out = tmp_path / "out.db"

    def received() -> int:
        return len(select(out, "SELECT * FROM counts"))

    with hosts_in(tmp_path) as hosts:
        cluster = Killer(hosts, str(tmp_path / "app.py"), 2)
        cluster.until("running")
        beta = cluster.workers["beta"]
        wait_for("some is received", received)
        assert beta.ctl("checkpoint", "--keep", "copy").returncode == 0
        beta.send(signal.SIGTERM)
        assert beta.wait() == 0
        shutil.copytree(beta.state, tmp_path / "copy")
        before = received()
        beta = cluster.workers["beta"] = cluster.start("beta")
        wait_for("more is received", lambda: received() >= min(before + 100, 1400))
        beta.process.kill()
        beta.wait()
        shutil.rmtree(beta.state)
        shutil.copytree(tmp_path / "copy", beta.state)
        cluster.workers["beta"] = cluster.start("beta")
        cluster.until("completed")
        cluster.end()
    found = dict(select(out, "SELECT number, count FROM counts"))
    assert set(found) == {f"number {number}" for number in range(1400)}
    assert sorted(found.values()) == list(range(1, 1401)), "results of both lines are mixed"
    lines = {line for (line,) in select(out, "SELECT line FROM wallarood_markers")}
    assert 1 in lines


BOUNDED = """
import wallarood as w

numbers = w.source("in", w.GeneratorSource(lambda n: ("x" * 100, n), count=40_000, rate=5_000))
sink = w.SqliteSink("out.db", "numbers", columns=["text", "n"], spool_bytes_max=200_000)
app = w.application("bounded", numbers.to_sink(sink, name="out"))
"""


def test_sources_pause_when_too_much_waits_for_a_server(tmp_path: Path) -> None:
    """Another process writes for long: what waits is bounded, and nothing is lost."""
    (tmp_path / "app.py").write_text(BOUNDED)
    out = tmp_path / "out.db"
    other = sqlite3.connect(out, isolation_level=None)
    other.execute("PRAGMA journal_mode = WAL")
    other.execute("BEGIN EXCLUSIVE")
    with hosts_in(tmp_path) as hosts:
        (worker,) = hosts.start_cluster(1, str(tmp_path / "app.py"))

        def status() -> Any:
            found = worker.told()
            return found

        wait_for("sources pause", lambda: "too much output waits" in status().phase, wait_s=60)

        def failing() -> str:
            return "; ".join(each.failing for each in status().stages)

        wait_for("it is said", lambda: "out.db: database is locked (since " in failing())
        (spool,) = worker.state.glob("*/sinks/out-0")
        checkpoint = status().checkpoint.committed
        wait_for("what was being read", lambda: status().checkpoint.committed > checkpoint + 1)
        read = sum(each.records for each in status().sources)
        wait_for("checkpoints go on", lambda: status().checkpoint.committed > checkpoint + 4)
        assert sum(each.records for each in status().sources) == read
        shown = wallarood("state", "show", "--state-directory", str(worker.state)).stdout
        assert re.search(r"sink out-0 +\d+ +\d", shown), shown
        waiting = sum(each.stat().st_size for each in spool.glob("*.spool"))
        assert 200_000 <= waiting < 3_000_000
        other.execute("COMMIT")
        wait_for("it ends", lambda: worker.phase() == "completed", wait_s=60)
    found = select(out, "SELECT n FROM numbers ORDER BY rowid")
    assert found == [(n,) for n in range(40_000)]
    other.close()
