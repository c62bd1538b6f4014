"""Strikes against the workers of a cluster: killed, stopped, started again, at random moments.

``python -m support.killer KILLS [SEED]``, run in tests/, strikes until that many have been killed.
"""

import random
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from support.harness import LIVENESS_S, NAMES, Hosts, WorkerProcess, hosts_in, wait_for
from support.oracle import check_slow_count, slow_counting

STOPPED_S = LIVENESS_S + 0.7
"""Longer than the liveness deadline of the tests."""

SETTLED = 0.5
"""The share of strikes that wait until records flow again; the others hit what is mending."""


class Killer:
    """Runs a cluster as the packaged unit would: who dies is started again."""

    def __init__(
        self,
        hosts: Hosts,
        application: str,
        count: int,
        *flags: str,
        args: tuple[str, ...] = (),
    ) -> None:
        self.hosts, self.application, self.count, self.flags = hosts, application, count, flags
        self.args = args
        self.workers = {name: self.start(name) for name in NAMES[:count]}
        self.kills: Counter[str] = Counter()
        self.at_once: Counter[int] = Counter()
        self.phases: Counter[str] = Counter()
        self.stops = 0
        self.hits_what_is_over = False
        """Whether all kills may come when the job is completed."""
        self.settled: tuple[set[str], ...] = ({"running"}, {"completed"})
        """In which phases, of all workers, nothing is being mended."""

    def start(self, name: str) -> WorkerProcess:
        """Start a worker, as it is started always."""
        flags = ("--cluster-id", "auto", *self.flags)
        return self.hosts.start(
            name,
            self.application,
            *flags,
            count=self.count,
            initializer=name == "alpha",
            args=self.args,
        )

    def kill(self, *names: str) -> None:
        """SIGKILL, all at once, and a new start."""
        for name in names:
            self.phases[self.workers[name].phase() or "starting"] += 1
        for name in names:
            self.workers[name].process.kill()
        for name in names:
            assert self.workers[name].wait() == -signal.SIGKILL, self.workers[name].said
            self.workers[name] = self.start(name)
            self.kills[name] += 1
        self.at_once[len(names)] += 1

    def stop_for_a_while(self, name: str) -> None:
        """SIGSTOP for longer than the liveness deadline, then SIGCONT."""
        self.workers[name].send(signal.SIGSTOP)
        stopped = time.monotonic()
        wait_for("it was stopped", lambda: time.monotonic() - stopped > STOPPED_S)
        self.workers[name].send(signal.SIGCONT)
        self.stops += 1

    def strike(self, rng: random.Random, most: int = 3) -> None:
        """At a random moment within the next second, kill some, or stop one for a while."""
        self.wait_for_moment(rng)
        if rng.random() < 0.1:
            self.stop_for_a_while(rng.choice(list(self.workers)))
            return
        number = rng.choices(range(1, most + 1), weights=[6, 3, 2, 1, 1][:most])[0]
        self.kill(*rng.sample(list(self.workers), number))

    def wait_for_moment(self, rng: random.Random) -> None:
        """Wait for a random one, while records flow or while something is being mended."""
        if rng.random() < SETTLED:
            self.wait_for_all("records flow", *self.settled)
        moment = time.monotonic() + rng.random()
        wait_for("the moment", lambda: time.monotonic() >= moment)

    def phases_now(self) -> set[str]:
        """The phases that the workers are in; fails if one has ended by itself."""
        for each in self.workers.values():
            assert each.process.poll() is None, f"{each.name} ended by itself:\n{each.said}"
        return {each.phase() for each in self.workers.values()}

    def in_phase(self, phase: str) -> bool:
        """Whether all workers are in a phase; fails if one has ended by itself."""
        return self.phases_now() == {phase}

    def until(self, phase: str, wait_s: float = 60.0) -> None:
        """Wait until all workers are in *phase*; a job that is completed has been running."""
        later = ({"running", "completed"}, {"completed"}) if phase == "running" else ()
        self.wait_for_all(f"all are {phase}", {phase}, *later, wait_s=wait_s)

    def wait_for_all(self, what: str, *wanted: set[str], wait_s: float = 60.0) -> None:
        """Wait until the phases of all workers are one of the sets that are *wanted*."""
        try:
            wait_for(what, lambda: self.phases_now() in wanted, wait_s=wait_s)
        except AssertionError as error:
            said = "\n".join(f"--- {e.name}\n{e.said[-3000:]}" for e in self.workers.values())
            raise AssertionError(f"{error}\n{said}") from error

    def end(self) -> None:
        """End all in an orderly way; fails if nothing was killed before the job was over."""
        self._check_hit()
        for each in self.workers.values():
            each.send(signal.SIGTERM)
        for each in self.workers.values():
            assert each.wait() == 0, each.said

    def shut_down(self) -> None:
        """End a job that has no end of its own after a checkpoint, of which all is published."""
        self._check_hit()
        done = next(iter(self.workers.values())).ctl("shutdown")
        assert done.returncode == 0, done.stderr
        for each in self.workers.values():
            assert each.wait() == 0, each.said

    def _check_hit(self) -> None:
        over = set(self.phases) == {"completed"} and not self.hits_what_is_over
        assert not over, "the job was over before anybody was killed: nothing was tried"


def main() -> None:
    """Kill until enough have been killed, then check the output and say what was done."""
    kills, seed = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1
    rng, numbers = random.Random(seed), 1000 * kills
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, hosts_in(Path(folder), executes=True) as hosts:
        file = Path(folder) / "slow_count.py"
        file.write_text(slow_counting(numbers))
        cluster = Killer(hosts, str(file), 3)
        while cluster.kills.total() < kills:
            cluster.strike(rng)
            print(f"\r{cluster.kills.total()} of {kills} kills ", end="", flush=True)
        cluster.until("completed", wait_s=600)
        cluster.end()
        check_slow_count(Path(folder), numbers)
    print(
        f"\n{numbers:,} records, each counted once; {cluster.kills.total()} kills "
        f"({dict(cluster.kills)}; at once: {dict(cluster.at_once)}; in phase: "
        f"{dict(cluster.phases)}), {cluster.stops} stops, {time.monotonic() - began:.0f} s"
    )


if __name__ == "__main__":
    main()
