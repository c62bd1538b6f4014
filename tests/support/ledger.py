"""A server for tests of connectors: it keeps records and markers in a file, durably.

``python -m support.ledger FILE PORT [PASSWORD]`` serves it: a request is a line of JSON, and so is
the answer. Each change is one line of the file, so it is there as a whole or not at all.
"""

import json
import os
import socketserver
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Any

Answer = dict[str, Any]


class Ledger:
    """All records in order, and the marker of each writer."""

    def __init__(self, path: Path) -> None:
        self.records: list[Any] = []
        self.markers: dict[str, list[int]] = {}
        self.lock = Lock()
        data = path.read_bytes() if path.exists() else b""
        whole = data[: data.rfind(b"\n") + 1]
        for line in whole.splitlines():
            self._take(json.loads(line))
        self.file = path.open("ab")
        self.file.truncate(len(whole))

    def _take(self, change: Answer) -> None:
        self.records += change["records"]
        self.markers[change["writer"]] = change["new"]

    def answer(self, request: Answer) -> Answer:
        with self.lock:
            if "read" in request:
                return {"records": self.records}
            found = self.markers.get(request["writer"], [0, 0])
            if "records" not in request:
                return {"marker": found}
            if found != request["expected"]:
                return {"moved": found}
            self.file.write(json.dumps(request).encode() + b"\n")
            self.file.flush()
            os.fsync(self.file.fileno())
            self._take(request)
            return {"marker": request["new"]}


def serve(path: Path, port: int, password: str = "") -> None:
    """Serve a ledger until the process is killed."""
    ledger = Ledger(path)

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            answer: Callable[[Answer], Answer] = ledger.answer
            if json.loads(self.rfile.readline() or "{}").get("password", "") != password:
                answer = refuse
            for line in self.rfile:
                self.wfile.write(json.dumps(answer(json.loads(line))).encode() + b"\n")

    socketserver.ThreadingTCPServer.allow_reuse_address = True
    socketserver.ThreadingTCPServer.daemon_threads = True
    with socketserver.ThreadingTCPServer(("127.0.0.1", port), Handler) as server:
        server.serve_forever()


def refuse(request: Answer) -> Answer:
    del request
    return {"refused": "wrong password"}


if __name__ == "__main__":
    file, number, *secret = sys.argv[1:]
    serve(Path(file), int(number), *secret)
