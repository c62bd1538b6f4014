"""A cluster of three that comes to other versions of its application, host by host."""

import contextlib
import random
import signal
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import attrs

from support.command import Done
from support.harness import NAMES, Hosts, WorkerProcess, hosts_in, wait_for

WORKERS = NAMES[:3]
SETTLED_S = 60.0

Told = tuple[int, ...]
"""How many lines each life of a worker had in its journal at a moment."""


@attrs.define(eq=False)
class Upgraded:
    """Each worker has its own copy of the application, as on hosts of their own."""

    hosts: Hosts
    path: Path
    names: tuple[str, ...] = WORKERS
    workers: dict[str, WorkerProcess] = attrs.field(factory=dict)

    def install(self, version: str, *names: str) -> None:
        """Put a version on the hosts of *names*, or on all; what runs there goes on as it is."""
        for name in names or self.names:
            self._file(name).write_text(version)

    def _file(self, name: str) -> Path:
        return self.path / f"app_of_{name}.py"

    def start(self, name: str) -> None:
        """Start what is installed."""
        self.workers[name] = self.hosts.start(
            name,
            str(self._file(name)),
            *("--cluster-id", "auto"),
            count=len(self.names),
            initializer=name == self.names[0],
        )

    def stop(self, name: str) -> None:
        """Stop a worker in order, which has begun."""
        self.workers[name].told()
        self.workers[name].process.terminate()
        assert self.workers[name].wait() == 0, self.workers[name].said

    def restart(self, version: str, *names: str) -> None:
        """Host by host, of *names* or of all: stop the worker, install a version, start it."""
        for name in names or self.names:
            self.stop(name)
            self.install(version, name)
            self.start(name)

    def kill(self, name: str) -> None:
        """SIGKILL, and a new start of what is installed."""
        self.workers[name].process.kill()
        assert self.workers[name].wait() == -signal.SIGKILL, self.workers[name].said
        self.start(name)

    def kill_at_steps(self, steps: Sequence[str], since: Told, rng: random.Random) -> None:
        """For each of *steps* in turn: as soon as a journal tells of it, a random worker dies."""
        for step in steps:
            self.waits_for(step, since)
            self.kill(rng.choice(self.names))

    def ctl(self, *arguments: str, at: str = WORKERS[0]) -> Done:
        """Run ``wallarooctl ARGUMENTS`` at a worker."""
        return self.workers[at].ctl(*arguments)

    def orders(self, *arguments: str, at: str = WORKERS[0]) -> str:
        """The same, which must succeed; returns what it says.

        Where a connection is lost for a moment it is refused, and tried again.
        """
        done: list[Done] = []

        def is_taken() -> bool:
            done.append(self.ctl(*arguments, at=at))
            return "all workers must be connected" not in done[-1].stderr

        self.wait(f"{arguments} is taken", is_taken)
        assert done[-1].returncode == 0, f"{arguments}: {done[-1].stderr}\n{self.said}"
        return done[-1].stdout

    def refuses(self, text: str, *arguments: str, at: str = WORKERS[0]) -> None:
        """Wait until an order is refused with *text*: it is so while all are connected."""
        self.wait(f"{text!r} is said", lambda: text in self.ctl(*arguments, at=at).stderr)

    @property
    def told(self) -> Told:
        """How much is in the journals."""
        return tuple(len(worker.lines) for worker in self.hosts.workers)

    def waits_for(self, text: str, since: Told = ()) -> None:
        """Wait until a line of a journal has *text* in it that was not there *since* then."""

        def is_told() -> bool:
            for number, worker in enumerate(self.hosts.workers):
                lines = worker.lines[since[number] if number < len(since) else 0 :]
                if any(text in line for line in lines):
                    return True
            return False

        self.wait(f"a journal tells {text!r}", is_told)

    def shows(self, name: str, text: str) -> None:
        """Wait until the status of a worker has *text* in it."""
        self.wait(f"{name} shows {text!r}", lambda: text in str(self.workers[name].status()))

    def until(self, epoch: int) -> None:
        """Wait until all run in *epoch*."""

        def runs() -> bool:
            found = [worker.status() for worker in self.workers.values()]
            return {(each.epoch, each.job.value) if each else None for each in found} == {
                (epoch, "running")
            }

        self.wait(f"epoch {epoch} runs", runs)

    def wait(self, what: str, condition: Callable[[], object]) -> None:
        """`wait_for`; if it fails, it shows what the workers have said."""
        try:
            wait_for(what, condition, wait_s=SETTLED_S)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.said}") from error

    @property
    def said(self) -> str:
        """The last that each worker has said."""
        return "\n".join(f"--- {n}\n{w.said[-4000:]}" for n, w in self.workers.items())

    def end(self) -> None:
        """End the cluster after a checkpoint, of which all is published."""
        self.orders("shutdown")
        for worker in self.workers.values():
            assert worker.wait() == 0, worker.said


@contextlib.contextmanager
def upgraded(path: Path, first: str, names: tuple[str, ...] = WORKERS) -> Iterator[Upgraded]:
    """A cluster of *names* below *path* that runs the version *first*."""
    with hosts_in(path) as hosts:
        made = Upgraded(hosts, path, names)
        made.install(first)
        for name in names:
            made.start(name)
        made.until(1)
        yield made


def lines(directory: Path) -> Iterator[str]:
    """All lines that are published there; who goes back takes files away to make them again."""
    for file in directory.glob("[!.]*"):
        with contextlib.suppress(FileNotFoundError):
            yield from file.read_text().splitlines()
