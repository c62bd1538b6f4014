"""A cluster that begins with one worker, and gets others and loses them."""

import random
import signal
import threading

import attrs

from support.command import Done
from support.harness import NAMES, Hosts, WorkerProcess, wait_for
from wallarood.model.errors import RefusedError

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
        founder, leaves = name == NAMES[0], name == self.leaving
        if not founder and not leaves:
            flags.append("--join")
        # One that has left would join once more, or be a cluster of one.
        count = len(NAMES) if leaves else 1
        self.workers[name] = self.hosts.start(
            name, self.application, *flags, count=count, initializer=founder
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
        """SIGKILL, and a new start unless the worker has left meanwhile: it would join anew."""
        threading.Event().wait(rng.random())
        worker = self.workers[name]
        worker.process.kill()
        if worker.wait() != 0 and not self._has_left(name):
            self.start(name)

    def _has_left(self, name: str) -> bool:
        """Whether *name* has set its state aside, though it may not have come to its end."""
        state = self.hosts.directory / "state" / name
        return name == self.leaving and not (state / "cluster").exists()

    def settle(self, epoch: int, asking: "threading.Thread | None") -> None:
        """Wait until the change is done."""
        if asking is not None:
            gone = self.workers.pop(self.leaving)
            code = gone.wait(60)
            killed = code == -signal.SIGKILL and self._has_left(gone.name)
            # Who is started again when it has left already is told so.
            assert code in (0, RefusedError.exit_code) or killed, gone.said
            self.leaving = ""
            asking.join(60)
            assert not asking.is_alive()
        self.until(f"epoch {epoch}", epoch, "running")

    def ctl(self, name: str, *arguments: str) -> Done:
        return self.workers[name].ctl(*arguments)

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
