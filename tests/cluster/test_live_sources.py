"""A WebSocket source on a cluster under kills: what came is counted once, a gap is said.

The server sends numbers and keeps none. While all is calm each number is counted. What it sends
while workers are killed is counted once or not at all, in order; and if some are lost, the log of
the worker that has connected again says so.
"""

import contextlib
import random
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio
from support.harness import hosts_in, wait_for
from support.killer import Killer
from support.ports import free_port
from trio_websocket import ConnectionClosed, WebSocketRequest, serve_websocket

RESTS = 7
CALM = 300
CALM_MOST = 8
"""How often a worker may be missed that is only held up, as on a busy machine."""
EVERY_S = 0.003
SAID = "connected again: messages that were sent meanwhile are lost"
APPLICATION = """
import wallarood as w

class Seen:
    count = 0

@w.state_computation(state=Seen)
def seen(number: int, state: Seen) -> tuple[int, int]:
    state.count += 1
    return number, state.count

app = w.application(
    "live",
    w.source("in", w.WebSocketSource("{url}", record=int))
    .key_by(lambda number: number % {rests}, name="by-rest")
    .to(seen)
    .to_sink(w.FileSink("out")),
)
"""


@attrs.define(eq=False)
class Numbers:
    """A server in a thread of its own, which sends the next numbers to who is connected."""

    port: int = attrs.field(factory=free_port)
    clients: list[Any] = attrs.field(factory=list)
    sent: int = 0
    to_nobody: set[int] = attrs.field(factory=set)
    _token: Any = None
    _ready: threading.Event = attrs.field(factory=threading.Event)
    _scope: trio.CancelScope = attrs.field(factory=trio.CancelScope)

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/"

    async def _handle(self, request: WebSocketRequest) -> None:
        socket = await request.accept()
        self.clients.append(socket)
        with contextlib.suppress(ConnectionClosed):
            await socket.get_message()
        self.clients.remove(socket)

    async def _serve(self) -> None:
        self._token = trio.lowlevel.current_trio_token()
        with self._scope:
            async with trio.open_nursery() as nursery:
                await nursery.start(serve_websocket, self._handle, "127.0.0.1", self.port, None)
                self._ready.set()
                await trio.sleep_forever()

    async def _send_next(self) -> None:
        number, self.sent = self.sent, self.sent + 1
        if not self.clients:
            self.to_nobody.add(number)
        for each in list(self.clients):
            with contextlib.suppress(ConnectionClosed):
                await each.send_message(str(number))

    def send(self, count: int) -> range:
        """Send so many numbers, and return them."""

        async def send() -> None:
            for _ in range(count):
                await self._send_next()

        first = self.sent
        trio.from_thread.run(send, trio_token=self._token)
        return range(first, self.sent)

    @contextlib.contextmanager
    def sending(self) -> Iterator[None]:
        """Send numbers all the time, as long as the `with` statement runs."""
        scope = trio.CancelScope()
        done = threading.Event()

        async def send() -> None:
            with scope:
                while True:
                    await self._send_next()
                    await trio.sleep(EVERY_S)

        def run() -> None:
            trio.from_thread.run(send, trio_token=self._token)
            done.set()

        threading.Thread(target=run, daemon=True).start()
        try:
            yield
        finally:
            trio.from_thread.run_sync(scope.cancel, trio_token=self._token)
            assert done.wait(20)

    @classmethod
    @contextlib.contextmanager
    def serving(cls) -> Iterator["Numbers"]:
        """One, for a `with` statement."""
        server = cls()
        thread = threading.Thread(target=trio.run, args=(server._serve,), daemon=True)
        thread.start()
        assert server._ready.wait(20)
        try:
            yield server
        finally:
            trio.from_thread.run_sync(server._scope.cancel, trio_token=server._token)
            thread.join(20)


def found_in(output: Path) -> list[tuple[int, int]]:
    """Each number and its count, in the order of each file."""
    lines = [
        line for file in sorted(output.glob("[!.]*")) for line in file.read_text().splitlines()
    ]
    return [(int(number), int(count)) for number, count in (line.split("\t") for line in lines)]


@pytest.mark.parametrize(
    ("workers", "strikes"),
    [
        pytest.param(1, 5, marks=pytest.mark.long),
        (3, 2),
        pytest.param(3, 6, marks=pytest.mark.long),
    ],
)
def test_what_came_is_counted_once_and_a_gap_is_said(
    tmp_path: Path, workers: int, strikes: int
) -> None:
    rng = random.Random(workers)
    output = tmp_path / "out"
    with Numbers.serving() as server, hosts_in(tmp_path) as hosts:
        (tmp_path / "live.py").write_text(APPLICATION.format(url=server.url, rests=RESTS))
        cluster = Killer(hosts, str(tmp_path / "live.py"), workers)

        def is_calm() -> bool:
            return cluster.in_phase("running") and len(server.clients) == 1

        def rounds() -> set[int]:
            return {each.told().round for each in cluster.workers.values()}

        def each_is_counted() -> None:
            for _ in range(CALM_MOST):
                before = rounds()
                wait_for("all is calm", is_calm, wait_s=60)
                sent = set(server.send(CALM))

                def are_counted(sent: set[int] = sent) -> bool:
                    return sent <= {number for number, _ in found_in(output)}

                def is_over(before: set[int] = before) -> bool:
                    return are_counted() or rounds() != before

                wait_for("all is counted", is_over)
                if are_counted():
                    return
            raise AssertionError("some worker is missed again and again, and nobody was killed")

        for _ in range(strikes):
            each_is_counted()
            with server.sending():
                cluster.strike(rng, most=min(2, workers))
                wait_for("it is connected", lambda: server.clients)
        each_is_counted()
        cluster.end()
        said = "\n".join(each.said for each in hosts.workers)
    found = found_in(output)
    numbers = Counter(number for number, _ in found)
    assert max(numbers.values()) == 1
    assert not server.to_nobody & numbers.keys()
    by_rest: dict[int, list[tuple[int, int]]] = {}
    for number, count in found:
        by_rest.setdefault(number % RESTS, []).append((number, count))
    for rest, each in by_rest.items():
        assert [count for _, count in each] == list(range(1, len(each) + 1)), rest
        assert each == sorted(each), rest
    if len(numbers) < server.sent:
        assert SAID in said
