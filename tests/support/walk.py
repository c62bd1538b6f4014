"""A cluster that changes all the time under load: ``python -m support.walk CHANGES``, see --help.

One worker becomes two, three, five, three, one, and back, over and over; who joins and leaves is
drawn, the leader may be among them. In every second change participants, any of them, are killed at
a random step and started again; whether in the first or the second of two is drawn. Words are fed
all the time. At the end each was counted once.
"""

import argparse
import contextlib
import math
import random
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path

from support.changing import Changing
from support.harness import hosts_in
from support.patience import PATIENCE, Wait
from support.servers.process import serving
from support.systems.files import Files
from support.systems.known import SYSTEMS
from support.systems.progress import Progress
from support.systems.pushed import Pushed
from support.systems.running import (
    APPLICATION,
    COUNTED_S,
    Feeder,
    check_counts,
    keep_what_was_said,
)
from support.systems.system import Fed, end, told
from support.systems.tcp import Tcp

SIZES = (2, 3, 5, 3, 1, 3, 5, 3, 2, 1)
PIECE = 40
BETWEEN_S = 1.5
SLOW_S = 15.0
"""What was said in a change that takes longer is kept while the run lasts."""
SAID = 20_000
WITHOUT_SERVER: dict[str, Callable[[Path], Fed]] = {"files": Files, "tcp": Tcp, "push": Pushed}
CONFIGURATION = "limits.batch-records-max = 32\n"
"""A barrier waits behind some batches of what is read slowly."""


@contextlib.contextmanager
def fed_through(name: str, directory: Path) -> Iterator[Fed]:
    """What is called *name*, with its server if it has one."""
    if name in WITHOUT_SERVER:
        yield WITHOUT_SERVER[name](directory)
        return
    entry = SYSTEMS[name]
    if reason := entry.missing():
        raise SystemExit(reason)
    with serving(entry.server) as server:
        yield entry.use(server, directory, "counted")


def application_of(system: Fed) -> str:
    """Its own, or the one that all systems have."""
    own: str | None = getattr(system, "application", None)
    if own is not None:
        return own
    return APPLICATION.format(source=system.source, sink=system.sink())  # type: ignore[attr-defined]


def walk(
    system: Fed,
    directory: Path,
    *,
    changes: int,
    seed: int = 1,
    flags: tuple[str, ...] = (),
    at_most_s: float = math.inf,
    progress: Progress | None = None,
) -> str:
    """Let the cluster change so often; check what was counted, and say what was done."""
    progress, rng = progress or Progress(), random.Random(seed)
    system.begin()
    file = directory / "counting.py"
    file.write_text(application_of(system))
    began = time.monotonic()
    try:
        with hosts_in(directory, interval=f"{round(300 * PATIENCE**0.5)}ms") as hosts:
            cluster = Changing(hosts, str(file), rng, flags)
            try:
                feeder = Feeder(system, random.Random(seed), PIECE)
                until = began + at_most_s
                done = _change(cluster, feeder, changes, until, progress)
                _check(cluster, feeder)
            except BaseException:
                keep_what_was_said(hosts)
                raise
    finally:
        end(system)
    struck = sum(cluster.steps.values())
    return (
        f"{len(system.counts()):,} words, each counted once: exact; {done} changes of size "
        f"(epoch {cluster.epoch}; joined {dict(cluster.joins)}, {cluster.left} left), "
        f"{cluster.kills.total()} kills {dict(cluster.kills)} in {struck} changes "
        f"{dict(cluster.steps)}, {len(cluster.restarts)} ended by themselves and were started "
        f"again {cluster.restarts}, seed {seed}, {time.monotonic() - began:.0f} s{told(system)}"
    )


def _change(
    cluster: Changing, feeder: Feeder, changes: int, until: float, progress: Progress
) -> int:
    """Change it under load; returns how often."""
    rng, sizes, done = cluster.rng, cycle(SIZES), 0
    strikes: list[bool] = []
    cluster.begin()
    feeder.sent.update(getattr(feeder.system, "at_first", {}))
    with feeder.feeding():
        while done < changes and time.monotonic() < until and not progress.stop.is_set():
            if feeder.error is not None:
                break
            before, began = set(cluster.members), time.monotonic()
            strikes = strikes or rng.sample([False, True], 2)
            cluster.change(next(sizes))
            struck = cluster.strike() if strikes.pop() else "nobody killed"
            epoch = cluster.settle()
            ways = [f"+{name}" for name in cluster.members if name not in before]
            ways += [f"-{name}" for name in before if name not in cluster.members]
            done += 1
            if time.monotonic() - began > SLOW_S:
                _keep(cluster, done)
            took = (
                f"in {time.monotonic() - began:.0f} s, epoch {epoch}, {feeder.sent.total()} words"
            )
            progress.tell_now(f"{done} of {changes}: {' '.join(ways)} {took}; {struck}")
            time.sleep(rng.random() * BETWEEN_S)
    return done


def _keep(cluster: Changing, number: int) -> None:
    """Keep what was said in a change that took long."""
    directory = cluster.hosts.directory / f"slow-{number:03}"
    directory.mkdir()
    for place, worker in enumerate(cluster.hosts.workers):
        (directory / f"said-{place:03}-{worker.name}").write_text(worker.said[-SAID:])


def _check(cluster: Changing, feeder: Feeder) -> None:
    """Wait until all is counted: each word as often as it was fed, also after an orderly end."""
    system = feeder.system
    getattr(system, "hurry", lambda: None)()
    total, wait = feeder.sent.total(), Wait(COUNTED_S)
    while len(found := system.counts()) < total:
        cluster.until_settled()
        assert wait.left_s(), f"{len(found)} of {total} results\n{cluster.said}"
        time.sleep(1)
    expected = {word: list(range(1, count + 1)) for word, count in feeder.sent.items()}
    check_counts(found, expected)
    cluster.end()
    check_counts(system.counts(), expected)


def main() -> None:
    """Change the cluster as often as is asked for, then check the output."""
    parser = argparse.ArgumentParser(prog="support.walk", description=__doc__)
    parser.add_argument("changes", type=int)
    parser.add_argument("--of", choices=sorted({*WITHOUT_SERVER, *SYSTEMS}), default="files")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=math.inf, help="to change for at most")
    parser.add_argument("--replicas", type=int, choices=(0, 1), help="checkpoint.replicas")
    asked = parser.parse_args()
    directory = Path(tempfile.mkdtemp(prefix=f"wallarood-walk-{asked.of}-"))
    progress = Progress(lambda line: print(f"{asked.of}: {line}", flush=True))
    progress.stop_on_signals()
    print(f"{asked.of}: a run that fails leaves what workers said in {directory}", flush=True)
    own = CONFIGURATION
    if asked.replicas is not None:
        own += f"checkpoint.replicas = {asked.replicas}\n"
    (directory / "own.toml").write_text(own)
    flags = ("--config", str(directory / "own.toml"))
    with fed_through(asked.of, directory) as system:
        said = walk(
            system,
            directory,
            changes=asked.changes,
            seed=asked.seed,
            flags=flags,
            at_most_s=60 * asked.minutes,
            progress=progress,
        )
    progress.tell_now(said)
    shutil.rmtree(directory)


if __name__ == "__main__":
    main()
