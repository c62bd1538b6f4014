"""In the place of a server of SQLite: a process that writes into the files that ours use.

It changes more pages than it may keep in memory, so that whoever kills it leaves a transaction
that the next process has to roll back.
"""

import sys
from pathlib import Path

from support.servers.process import Server

PROGRAM = """
import random, sqlite3, time
from contextlib import closing
from pathlib import Path

while True:
    for name in ("in.db", "out.db"):
        connection = sqlite3.connect(name, timeout=60, isolation_level=None)
        with closing(connection):
            connection.execute("PRAGMA cache_size = 10")
            connection.execute("CREATE TABLE IF NOT EXISTS others (number, text)")
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("DELETE FROM others")
            rows = ((number, "x" * 500) for number in range(300))
            connection.executemany("INSERT INTO others VALUES (?, ?)", rows)
            time.sleep(random.random() * 0.3)
            connection.execute(random.choice(["ROLLBACK", "COMMIT"]))
    Path("ready").touch()
    time.sleep(random.random() * 0.5)
"""


def server(directory: Path, port: int) -> Server:
    """The process that is not yet started; its files are in.db and out.db of *directory*."""
    command = [sys.executable, "-c", PROGRAM]
    return Server("sqlite", command, directory, port, (directory / "ready").exists)
