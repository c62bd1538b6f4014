"""Workers that only answer on their admin sockets."""

from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from threading import Semaphore, Thread
from typing import Any

import attrs
import trio

from wallarood.admin.server import Answering, open_admin, serve_admin
from wallarood.admin.status import JobState, Status, WorkerStatus
from wallarood.model.topology import Stage, StageKind, Topology

STAGE = Stage(0, "in", StageKind.SOURCE, ("in", "split"), "", ("alpha",))
TOPOLOGY = Topology(1, "words", ("alpha",), (STAGE,), ())


@attrs.define
class Workers:
    """Admin servers of workers below a directory, in a thread of their own."""

    root: Path
    shut_down: list[str] = attrs.field(factory=list)
    orders: dict[str, Callable[[Mapping[str, str]], Any]] = attrs.field(factory=dict)
    """Which they take besides."""
    _threads: list[tuple[Thread, trio.lowlevel.TrioToken, trio.CancelScope]] = attrs.field(
        factory=list
    )

    def start(self, name: str) -> None:
        status = Status(
            name,
            "1",
            JobState.RUNNING,
            "running",
            1.0,
            workers=(WorkerStatus(name, "a:1", "here"),),
        )
        started: list[tuple[trio.lowlevel.TrioToken, trio.CancelScope]] = []

        async def serve() -> None:
            orders = {"shutdown": lambda _: self._shut_down(name), **self.orders}
            answers = Answering(lambda: status, lambda: TOPOLOGY, orders)
            with closing(open_admin(self.root / name / "admin.sock")) as admin:
                async with trio.open_nursery() as nursery:
                    await nursery.start(serve_admin, admin, answers)
                    started.append((trio.lowlevel.current_trio_token(), nursery.cancel_scope))
                    ready.release()

        ready = Semaphore(0)
        thread = Thread(target=trio.run, args=(serve,))
        thread.start()
        assert ready.acquire(timeout=60)
        self._threads.append((thread, *started[0]))

    def _shut_down(self, name: str) -> dict[str, list[str]]:
        self.shut_down.append(name)
        return {"absent": []}

    def stop(self) -> None:
        while self._threads:
            thread, token, scope = self._threads.pop()
            token.run_sync_soon(scope.cancel)
            thread.join()
