"""Workers that listen, and clients that send to them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs

from support.feeding import TCP, Feed, Send, listening, send_by_tcp
from support.harness import NAMES, Hosts, WorkerProcess, hosts_in, wait_for
from support.ports import free_port
from support.rests import counted


@attrs.define(eq=False)
class Listening:
    """Workers that listen, each on its own port, and a client for each."""

    hosts: Hosts
    directory: Path
    flags: tuple[str, ...]
    port: int = 0
    """Of all, where one of them listens for all; 0: each has its own."""
    ports: dict[str, int] = attrs.field(factory=dict)
    workers: dict[str, WorkerProcess] = attrs.field(factory=dict)

    def start(self, name: str, *flags: str, count: int = 1) -> WorkerProcess:
        port = self.ports.setdefault(name, self.port or free_port())
        self.workers[name] = self.hosts.start(
            name,
            str(self.directory / "listening.py"),
            *self.flags,
            *flags,
            count=count,
            initializer=name == NAMES[0] and "--join" not in flags,
            args=(str(port),),
        )
        return self.workers[name]

    def until(self, what: str, epoch: int) -> None:
        def settled() -> bool:
            told = [each.status() for each in self.workers.values()]
            phases = {each.phase() for each in self.workers.values()}
            return phases == {"running"} and {t.epoch for t in told if t} == {epoch}

        try:
            wait_for(what, settled, wait_s=60)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.said}") from error

    def all_miss(self, lost: str) -> None:
        """Wait until those that are left know that *lost* is away."""
        left = self.workers.values()
        wait_for(f"all miss {lost}", lambda: all(each.misses(lost) for each in left))

    @property
    def said(self) -> str:
        return "\n".join(f"--- {n}\n{w.said[-4000:]}" for n, w in self.workers.items())

    def end(self) -> None:
        (asked, *_) = self.workers.values()
        assert asked.ctl("shutdown").returncode == 0
        for worker in self.workers.values():
            assert worker.wait() == 0, worker.said


@contextmanager
def cluster(
    directory: Path,
    count: int,
    *,
    source: str = TCP,
    replicas: int = 0,
    interval: str = "300ms",
    port: int = 0,
) -> Iterator[Listening]:
    (directory / "listening.py").write_text(listening(source))
    checkpoint = f'[checkpoint]\nreplicas = {replicas}\ninterval = "{interval}"\n'
    (directory / "some.toml").write_text(checkpoint)
    flags = ("--cluster-id", "auto", "--config", str(directory / "some.toml"))
    with hosts_in(directory) as hosts:
        made = Listening(hosts, directory, flags, port)
        for name in NAMES[:count]:
            made.start(name, count=count)
        made.until("it runs", 1)
        yield made


def feeds(made: Listening, *ways: tuple[str, ...], send: Send = send_by_tcp) -> list[Feed]:
    """A client for each of *ways*, the workers that it goes to, one after the other."""
    return [
        Feed(
            f"till-{place}",
            range(place, 10**9, len(ways)),
            [made.ports[name] for name in way],
            send,
        )
        for place, way in enumerate(ways)
    ]


def some_more(directory: Path) -> None:
    """Wait until more is counted."""
    before = sum(map(len, counted(directory).values()))
    wait_for("more", lambda: sum(map(len, counted(directory).values())) > before + 300, wait_s=60)
