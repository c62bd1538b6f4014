"""A cluster of three NATS servers, each with its own directory: one may be killed and come back."""

import functools
import json
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import attrs
import trio

from support.harness import wait_for
from support.ports import free_port
from support.servers import nats as natses
from support.servers.process import Server
from wallarood.connectors.nats.server import Address, Connection
from wallarood.model.errors import WallaroodError

SIZE = 3
WHOLE_S = 90.0
ROUTES = """
server_name: n{number}
cluster {{ name: three, host: 127.0.0.1, port: {port}, routes: [{routes}] }}
"""
T = TypeVar("T")


@attrs.define(eq=False)
class Cluster(Server):
    """All three as one server; `restart_killed` kills one of them, each in its turn."""

    members: list[Server] = attrs.field(factory=list)
    _turns: int = 0

    @property
    def address(self) -> str:
        """What stands behind the scheme of a URL that names all."""
        return ",nats://".join(each.address for each in self.members)

    @property
    def is_running(self) -> bool:
        """Whether one of them runs."""
        return any(each.is_running for each in self.members)

    def start(self) -> None:
        """Start those that do not run, and wait until all is as it should be."""
        for each in self.members:
            if not each.is_running:
                each.start()
        self.wait_until_whole()

    def kill(self) -> None:
        """Kill all that run."""
        for each in self.members:
            if each.is_running:
                each.kill()

    def restart_killed(self) -> None:
        """Kill one, and start it with its data."""
        one = self.members[self._turns % SIZE]
        self._turns += 1
        one.restart_killed()
        self.wait_until_whole()

    def wait_until_whole(self) -> None:
        """Wait until each stream has a leader, and all replicas have what it has."""
        wait_for("the cluster is whole", lambda: trio.run(self._is_whole), wait_s=WHOLE_S)

    async def _is_whole(self) -> bool:
        try:
            for member in self.members:
                connection = await Address(natses.url(member)).connected()
                try:
                    with trio.fail_after(3):
                        if not await _is_whole_for(connection):
                            return False
                finally:
                    await connection.aclose()
        except (WallaroodError, trio.TooSlowError):
            return False
        return True

    def leader(self, stream: str) -> Server:
        """The server that leads a stream; there must be one."""
        info = self.asked(f"STREAM.INFO.{stream}")
        return self.members[int(info["cluster"]["leader"].removeprefix("n")) - 1]

    def step_down(self, stream: str) -> None:
        """Let another one lead a stream."""
        before = self.leader(stream)
        self.asked(f"STREAM.LEADER.STEPDOWN.{stream}")
        wait_for("another leads", lambda: self.leader(stream) is not before)

    def asked(self, call: str, **options: Any) -> dict[str, Any]:
        """What JetStream answers, asked until it does."""

        async def ask(connection: Connection) -> dict[str, Any]:
            answer = await connection.api(call, **options)
            if "error" in answer or not answer.get("cluster", {"leader": "?"}).get("leader"):
                raise OSError(str(answer))
            return answer

        return trio.run(self._again, ask)

    def publish(self, messages: Iterable[tuple[str, str, str]]) -> None:
        """Store messages, each a name, a subject and a payload, once, whatever happens."""
        for name, subject, payload in messages:

            async def send(
                connection: Connection, name: str = name, subject: str = subject,
                payload: str = payload,
            ) -> None:  # fmt: skip
                answer = await connection.request(
                    subject, payload.encode(), headers={"Nats-Msg-Id": name}
                )
                if "error" in (said := json.loads(answer.payload)):
                    raise OSError(str(said))

            trio.run(self._again, send)

    async def _again(self, call: Callable[[Connection], Awaitable[T]]) -> T:
        """What a call returns, made until it succeeds."""
        with trio.fail_after(60):
            while True:
                try:
                    connection = await Address(natses.url(self)).connected()
                    try:
                        with trio.fail_after(3):
                            return await call(connection)
                    finally:
                        with trio.CancelScope(shield=True):
                            await connection.aclose()
                except (WallaroodError, OSError, trio.TooSlowError):
                    await trio.sleep(0.1)


async def _is_whole_for(connection: Connection) -> bool:
    account = await connection.api("INFO")
    if "error" in account:
        return False
    listed = await connection.api("STREAM.LIST")
    if "error" in listed or listed.get("missing"):
        return False
    for stream in listed["streams"] or ():
        cluster = stream.get("cluster", {})
        others = cluster.get("replicas", ())
        if not cluster.get("leader") or not all(each.get("current") for each in others):
            return False
    return True


def cluster(directory: Path, port: int) -> Cluster:
    """Three servers that are not yet started."""
    ports = [free_port() for _ in range(SIZE)]
    routes = ", ".join(f'"nats://127.0.0.1:{each}"' for each in ports)
    members = []
    for number, own in enumerate(ports, 1):
        place = directory / f"n{number}"
        place.mkdir()
        more = ROUTES.format(number=number, port=own, routes=routes)
        members.append(natses.server(place, port if number == 1 else free_port(), more))
    return Cluster("nats-cluster", (), directory, port, functools.partial(bool, 1), None, members)
