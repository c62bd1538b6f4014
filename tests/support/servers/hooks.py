"""An HTTP server that keeps what it has answered: requests by their keys, and events.

``python -m support.servers.hooks PORT FILE``: POST /records takes lines of JSON, once for each
Idempotency-Key; /plain takes them whenever they come. GET /events sends events from a
``Last-Event-ID`` on, /unnumbered those that come; POST /events adds lines to them. /guarded wants a
token, /bad refuses, /moved redirects.
"""

import contextlib
import sqlite3
import sys
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from support.servers.process import Server, answers

TOKEN = "open sesame"
SCHEMA = """
CREATE TABLE IF NOT EXISTS requests (at INTEGER PRIMARY KEY, key TEXT, body BLOB);
CREATE TABLE IF NOT EXISTS keys (key TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS events (id INTEGER PRIMARY KEY, data TEXT);
"""
LOOK_S = 0.02


def server(directory: Path, port: int) -> Server:
    """A server that is not yet started; what it has answered is on disk."""
    command = [sys.executable, "-m", "support.servers.hooks", str(port), str(file_of(directory))]
    tests = Path(__file__).parents[2]
    return Server("hooks", ["env", f"PYTHONPATH={tests}", *command], directory, port,
                  lambda: answers(port))  # fmt: skip


def file_of(directory: Path) -> Path:
    """Where the server in *directory* keeps all."""
    return directory / "hooks.db"


@contextlib.contextmanager
def opened(file: Path | str) -> Iterator[sqlite3.Connection]:
    """The database, for one transaction."""
    database = sqlite3.connect(file, timeout=30)
    try:
        database.execute("PRAGMA synchronous = FULL")
        with database:
            yield database
    finally:
        database.close()


def received(directory: Path) -> list[tuple[str, bytes]]:
    """The key and the body of each request that was taken, in order."""
    with opened(file_of(directory)) as database:
        return list(database.execute("SELECT key, body FROM requests ORDER BY at"))


def forget(directory: Path) -> None:
    """Remove all requests and events."""
    with opened(file_of(directory)) as database:
        for table in ("requests", "keys", "events"):
            database.execute(f"DELETE FROM {table}")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    file = ""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        key = self.headers.get("Idempotency-Key", "")
        match self.path:
            case "/records" | "/plain":
                self._keep(key, body, by_key=self.path == "/records")
                self._say(200)
            case "/events":
                with opened(self.file) as database:
                    lines = [(line,) for line in body.decode().splitlines()]
                    database.executemany("INSERT INTO events (data) VALUES (?)", lines)
                self._say(200)
            case "/guarded":
                self._guarded(key, body)
            case "/bad":
                self._say(400, b"no such thing")
            case "/moved":
                self._say(301, Location="http://elsewhere.example/?secret=1")
            case _:
                self._say(404)

    def do_PUT(self) -> None:
        self.do_POST()

    def do_OPTIONS(self) -> None:
        if self.path == "/guarded":
            self._guarded("", None)
        elif self.path == "/moved":
            self._say(301, Location="http://elsewhere.example/?secret=1")
        else:
            self._say(204)

    def _guarded(self, key: str, body: bytes | None) -> None:
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self._say(401, f"not {self.headers.get('Authorization')}".encode())
            return
        if body is not None:
            self._keep(key, body, by_key=True)
        self._say(200)

    def _keep(self, key: str, body: bytes, *, by_key: bool) -> None:
        with opened(self.file) as database:
            database.execute("BEGIN IMMEDIATE")
            if by_key:
                new = database.execute("INSERT OR IGNORE INTO keys VALUES (?)", (key,)).rowcount
                if not new:
                    return
            database.execute("INSERT INTO requests (key, body) VALUES (?, ?)", (key, body))

    def do_GET(self) -> None:
        if self.path not in ("/events", "/unnumbered"):
            self._say(404)
            return
        with opened(self.file) as database:
            (newest,) = database.execute("SELECT coalesce(max(id), 0) FROM events").fetchone()
        numbered = self.path == "/events"
        last = int(self.headers.get("Last-Event-ID", "0")) if numbered else newest
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Connection", "close")
        self.end_headers()
        with contextlib.suppress(OSError):
            while True:
                with opened(self.file) as database:
                    query = "SELECT id, data FROM events WHERE id > ? ORDER BY id LIMIT 100"
                    found = database.execute(query, (last,)).fetchall()
                for number, data in found:
                    name = f"id: {number}\n" if numbered else ""
                    self.wfile.write(f"{name}data: {data}\n\n".encode())
                    last = number
                if not found:
                    self.wfile.write(b": nothing\n\n")
                    time.sleep(LOOK_S)

    def _say(self, code: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        return


class Hooks(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 100


def main() -> None:
    """Serve until killed."""
    port, Handler.file = int(sys.argv[1]), sys.argv[2]
    with opened(Handler.file) as database:
        database.execute("PRAGMA journal_mode = WAL")
    with opened(Handler.file) as database:
        database.executescript(SCHEMA)
    Hooks(("127.0.0.1", port), Handler).serve_forever()


if __name__ == "__main__":
    main()
