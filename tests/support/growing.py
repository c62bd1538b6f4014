"""A cluster that begins with one worker, and gets others and loses them."""

import random
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import attrs

from support.harness import NAMES, Hosts, WorkerProcess, wait_for

APPLICATION = """
import wallarood as w

class Seen:
    count = 0

@w.state_computation(state=Seen)
def seen(number: int, state: Seen) -> tuple[int, int]:
    state.count += 1
    return number % 97, state.count

app = w.application(
    "slow_count",
    w.source("numbers", w.GeneratorSource(rate=2000))
    .key_by(lambda number: number % 97, name="by-rest")
    .to(seen)
    .to_sink(w.FileSink("out")),
)
"""


EXTRA: tuple[str, ...] = ()


@attrs.define(eq=False)
class Growing:
    """A cluster that begins with *alpha* alone; who dies is started again as it was."""

    hosts: Hosts
    application: str
    workers: dict[str, WorkerProcess] = attrs.field(factory=dict)
    leaving: str = ""

    def start(self, name: str) -> None:
        # Without the flag a start forms a new cluster; a change must not do so.
        again = (self.hosts.directory / "state" / name).exists()
        flags = ["--cluster-id", "auto", *EXTRA] if again else [*EXTRA]
        founder = name == NAMES[0]
        if not founder:
            flags.append("--join")
        self.workers[name] = self.hosts.start(
            name, self.application, *flags, count=1, initializer=founder
        )

    def epochs(self) -> set[int]:
        found = set()
        for name, worker in self.workers.items():
            assert worker.process.poll() is None, f"{name} ended by itself:\n{worker.said}"
            status = worker.status()
            found.add(status.epoch if status is not None and status.job.value != "forming" else 0)
        return found

    def until(self, what: str, epoch: int, *phases: str) -> None:
        try:
            wait_for(
                what,
                lambda: (
                    self.epochs() == {epoch}
                    and {each.phase() for each in self.workers.values()} <= set(phases)
                ),
                wait_s=60,
            )
        except AssertionError as error:
            said = "\n".join(f"--- {n}\n{w.said[-4000:]}" for n, w in self.workers.items())
            raise AssertionError(f"{error}\n{said}") from error

    def grow(self, name: str, epoch: int) -> None:
        self.start(name)
        self.until(f"{name} is in", epoch, "running")

    def begin(self, change: str) -> "threading.Thread | None":
        """Begin to grow by ``+NAME``, or to shrink by ``-NAME``, which is asked for until done."""
        name = change[1:]
        if change.startswith("+"):
            self.start(name)
            return None

        def shrink() -> None:
            while self.leaving and (done := self.ctl(NAMES[0], "shrink", name)).returncode:
                said = done.stderr
                if f"{name} is not a member" in said:
                    return
                threading.Event().wait(0.2)

        self.leaving = name
        asking = threading.Thread(target=shrink, daemon=True)
        asking.start()
        return asking

    def kill_at_a_moment(self, rng: random.Random, name: str) -> None:
        """SIGKILL, and a new start unless the worker has left meanwhile."""
        threading.Event().wait(rng.random())
        worker = self.workers[name]
        worker.process.kill()
        if worker.wait() == 0:
            return
        self.start(name)

    def settle(self, epoch: int, asking: "threading.Thread | None") -> None:
        """Wait until the change is done."""
        if asking is not None:
            gone = self.workers.pop(self.leaving)
            assert gone.wait(60) == 0, gone.said
            self.leaving = ""
            asking.join(60)
            assert not asking.is_alive()
        self.until(f"epoch {epoch}", epoch, "running")

    def ctl(self, name: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "wallarood.cli.ctl", *arguments]
        socket = str(self.workers[name].state / "admin.sock")
        return subprocess.run(
            [*command, "--socket", socket], capture_output=True, text=True, check=False, timeout=120
        )

    def end(self) -> None:
        """End the cluster after a checkpoint, of which all is published."""
        done = self.ctl(NAMES[0], "shutdown")
        assert done.returncode == 0, done.stderr
        for worker in self.workers.values():
            assert worker.wait() == 0, worker.said

    def shrink(self, name: str, epoch: int) -> None:
        asked = NAMES[0]
        done = self.ctl(asked, "shrink", name)
        assert done.returncode == 0, done.stderr + "\n".join(
            f"--- {n}\n{w.said[-4000:]}" for n, w in self.workers.items()
        )
        gone = self.workers.pop(name)
        assert gone.wait() == 0, gone.said
        self.until(f"{name} is out", epoch, "running")


def counted(directory: Path) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for file in (directory / "out").glob("[!.]*"):
        for line in file.read_text().splitlines():
            rest, count = map(int, line.split("\t"))
            found.setdefault(rest, []).append(count)
    return {rest: sorted(counts) for rest, counts in found.items()}


def check_counts(directory: Path) -> None:
    """Each number up to the last was counted once: 1, 2, 3, … with no gap and no repeat."""
    found = counted(directory)
    expected = Counter(number % 97 for number in range(sum(map(len, found.values()))))
    assert found == {rest: list(range(1, count + 1)) for rest, count in expected.items()}
