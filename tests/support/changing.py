"""A cluster of which any worker may leave, the leader too, and come back with what it had then."""

import random
import shutil
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable

import attrs

from support.harness import NAMES, Hosts, WorkerProcess, wait_for
from wallarood.model.errors import RefusedError

ENDED = (0, RefusedError.exit_code)
"""How a worker ends that has left: in order, or because it hears of it when it is started again."""
STEPS = 24
"""After up to so many lines of all workers a participant of a change dies."""
STEP_S = 4.0
"""Or after so long: not longer where the machine is slow, for it has gone less far there."""
SETTLED_S = 90.0
STAYS_DOWN = (0, 64, 65, 76, 77, 78)
"""With these codes the packaged unit does not start a worker again."""
CHANGES_OF = ("copying", "taking", "publishing", "asking", "making", "deciding")
"""With what the journal begins to say what the proposer of a change waits for."""


@attrs.define(eq=False)
class Changing:
    """Begins with *alpha*."""

    hosts: Hosts
    application: str
    rng: random.Random
    flags: tuple[str, ...] = ()
    members: dict[str, WorkerProcess] = attrs.field(factory=dict)
    """In the order in which they came: the first leads."""
    leaving: dict[str, WorkerProcess] = attrs.field(factory=dict)
    joining: tuple[str, ...] = ()
    founding: bool = True
    """Whether alpha is still what it was at first."""
    kills: Counter[str] = attrs.field(factory=Counter)
    """By what the one had to do with the change."""
    steps: Counter[str] = attrs.field(factory=Counter)
    """By what the proposer had said last."""
    joins: Counter[str] = attrs.field(factory=Counter)
    left: int = 0
    restarts: list[str] = attrs.field(factory=list)
    """Of workers that have ended by themselves: what they said."""
    epoch: int = 0
    _control: dict[str, str] = attrs.field(factory=dict)
    _asking: threading.Thread | None = None

    def begin(self) -> None:
        """Form the cluster of one."""
        self.members["alpha"] = self._start("alpha", "--topology-initializer")
        self.until_settled()

    def _start(self, name: str, *flags: str, count: int = 1) -> WorkerProcess:
        flags = ("--cluster-id", "auto", *self.flags, *flags)
        return self.hosts.start(name, self.application, *flags, count=count)

    def _start_again(self, name: str) -> WorkerProcess:
        if name == "alpha" and self.founding:
            return self._start(name, "--topology-initializer")
        if name in self.leaving:  # else it would join once more, or be a cluster of one
            return self._start(name, count=len(NAMES))
        return self._start(name, "--join", "--control-channel", self._control[name])

    def change(self, size: int) -> None:
        """Begin to be of *size* workers: several join or leave at once."""
        if size > len(self.members):
            absent = [name for name in NAMES if name not in self.members]
            self._grow(self.rng.sample(absent, size - len(self.members)))
        else:
            self._shrink(self.rng.sample(list(self.members), len(self.members) - size))

    def _grow(self, names: list[str]) -> None:
        known = self.rng.choice(list(self.members.values())).told()
        (address,) = [each.address for each in known.workers if each.name == known.worker]
        for name in names:
            state = self.hosts.directory / "state" / name
            old = state.exists()
            if old and self.rng.random() < 0.5:
                shutil.rmtree(state)
                old = False
            self.joins["with what it had then" if old else "empty"] += 1
            self._control[name] = address
            self.members[name] = self._start(name, "--join", "--control-channel", address)
        self.joining = tuple(names)

    def _shrink(self, names: list[str]) -> None:
        self.leaving = {name: self.members[name] for name in names}
        asked = self.rng.choice([name for name in self.members if name not in names])

        def ask() -> None:
            while self.leaving:
                done = self.members[asked].ctl("shrink", *names)
                if not done.returncode or "not a member" in done.stderr:
                    return
                threading.Event().wait(0.2)

        self._asking = threading.Thread(target=ask, daemon=True)
        self._asking.start()

    def strike(self) -> str:
        """Kill a participant, or two, after a random step; says whom and when."""
        before = {name: len(worker.lines) for name, worker in self.members.items()}
        enough, until = self.rng.randrange(STEPS), time.monotonic() + STEP_S
        while (
            sum(map(len, self._said_since(before).values())) < enough and time.monotonic() < until
        ):
            time.sleep(0.002)
        time.sleep(self.rng.random() * 0.05)
        said = [line for lines in self._said_since(before).values() for line in lines]
        told = [word for line in said for word in CHANGES_OF if f" {word} " in f" {line}"]
        number = 2 if len(self.members) > 1 and self.rng.random() < 0.3 else 1
        victims = self.rng.sample(list(self.members), number)
        leader = next(iter(self.members))
        parts = {name: self._part(name, leader) for name in victims}
        step = told[-1] if told else "before or after"
        for name in victims:
            self.members[name].process.kill()
        for name in victims:
            code = self.members[name].wait()
            if code == -signal.SIGKILL:
                self.kills[parts[name]] += 1
                self.members[name] = self._start_again(name)
        self.steps[step] += 1
        return f"killed {', '.join(f'{name} ({part})' for name, part in parts.items())}: {step}"

    def _said_since(self, before: dict[str, int]) -> dict[str, list[str]]:
        return {name: self.members[name].lines[count:] for name, count in before.items()}

    def _part(self, name: str, leader: str) -> str:
        if name == leader:
            return "leader"
        if name in self.joining:
            return "joiner"
        return "leaver" if name in self.leaving else "another"

    def settle(self) -> int:
        """Wait until the change is done; returns the epoch."""
        self._wait("all leavers are gone", lambda: not self._leavers_left())
        for name in self.leaving:
            code = self.members.pop(name).wait()
            assert code in ENDED, code
            self.left += 1
            if name == "alpha":
                self.founding = False
        self.joining, self.leaving = (), {}
        if self._asking is not None:
            self._asking.join(SETTLED_S)
            assert not self._asking.is_alive(), "wallarooctl shrink does not end"
            self._asking = None
        return self.until_settled()

    def _leavers_left(self) -> set[str]:
        self._start_who_has_ended()
        return {name for name in self.leaving if self.members[name].process.poll() is None}

    def _start_who_has_ended(self) -> None:
        """As the packaged unit would; fails if it would not."""
        for name, worker in list(self.members.items()):
            code = worker.process.poll()
            if code is None or (name in self.leaving and code in ENDED):
                continue
            worker.wait()
            assert code not in STAYS_DOWN, f"{name} ended by itself, {code}:\n{worker.said}"
            assert "Traceback" not in worker.said, f"{name} ended by itself, {code}:\n{worker.said}"
            self.restarts.append(f"{name} {code}: {worker.lines[-1]}")
            self.members[name] = self._start_again(name)

    def until_settled(self) -> int:
        """Wait until all members run in one epoch, and know each other; returns the epoch."""
        self._wait("all run", self._is_settled)
        self.epoch = next(iter(self.members.values())).told().epoch
        return self.epoch

    def _wait(self, what: str, condition: Callable[[], bool]) -> None:
        try:
            wait_for(what, condition, wait_s=SETTLED_S)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.said}") from error

    def _is_settled(self) -> bool:
        self._start_who_has_ended()
        seen = set()
        for worker in self.members.values():
            status = worker.status()
            if status is None or status.job.value != "running":
                return False
            seen.add((status.epoch, status.round, frozenset(each.name for each in status.workers)))
        return len(seen) == 1 and next(iter(seen))[2] == set(self.members)

    @property
    def said(self) -> str:
        """The last that each worker has said."""
        return "\n".join(f"--- {n}\n{w.said[-4000:]}" for n, w in self.members.items())

    def end(self) -> None:
        """End the cluster after a checkpoint, of which all is published."""
        done = self.rng.choice(list(self.members.values())).ctl("shutdown")
        assert done.returncode == 0, done.stderr
        for worker in self.members.values():
            assert worker.wait() == 0, worker.said
