"""What happens to the workers and the server while words are counted; each says what was done."""

import math
import resource
import shutil
import signal
import time
from collections import Counter
from pathlib import Path

from support.harness import WorkerProcess, wait_for
from support.systems.disks import lose_disk, replicas_in
from support.systems.progress import Progress
from support.systems.running import PIECE, Run, running
from support.systems.system import System, come_back, grow, leave, told

WORDS_FED = 400
WORDS_A_STRIKE = 200
LINE_BEGINS = "line 1 of the output begins"
PUT_BACK = ("alpha", "beta")
"""Whose directories are put back; gamma still has the kept checkpoint, so that all go back."""


def kill_often(
    system: System,
    directory: Path,
    *,
    kills: int,
    server_kills: int,
    seed: int = 1,
    grows: int = 0,
    disks: int = 0,
    piece: int = PIECE,
    at_most_s: float = math.inf,
    progress: Progress | None = None,
) -> str:
    """Kill workers, the server, and let partitions appear, at random moments, for *at_most_s*.

    With *disks*, workers keep copies for each other, and so many of their disks are destroyed. What
    is counted meanwhile is checked whenever *progress* is told.
    """
    progress = progress or Progress()
    until = time.monotonic() + at_most_s
    flags = replicas_in(directory) if disks else ()
    with running(system, directory, seed, flags=flags, piece=piece) as run:
        killed, at_first = run.cluster.kills, system.parts
        with run.feeder.feeding():
            while killed.total() < kills and not _is_over(progress, until):
                run.cluster.strike(run.rng, most=2)
                progress.tell(lambda: f"{_killed(run)}; {run.check_so_far():,} counts exact so far")
                share = killed.total() / kills
                while run.server_kills < min(server_kills, int(share * server_kills)):
                    run.kill_server()
                while run.lost_disks < min(disks, math.ceil(share * disks)):
                    lose_disk(run.cluster, run.rng)
                    run.lost_disks += 1
                if system.parts < at_first + int(share * grows):
                    with run.feeder.quiet:
                        grow(system)
        progress.tell_now(f"{_killed(run)}; to be counted: {run.feeder.sent.total():,} words")
        run.check_all()
    return (
        f"{run.feeder.sent.total():,} words, each counted once and in order: exact; {_killed(run)} "
        f"({dict(run.cluster.phases)}), {system.parts} parts{told(system)}"
    )


def _is_over(progress: Progress, until: float) -> bool:
    return progress.stop.is_set() or time.monotonic() >= until


def _killed(run: Run) -> str:
    cluster = run.cluster
    disks = f", {run.lost_disks} disks destroyed" if run.lost_disks else ""
    return (
        f"{cluster.kills.total()} kills of workers, {cluster.stops} stops, "
        f"{run.server_kills} kills of the server{disks}"
    )


def server_away(
    system: System,
    directory: Path,
    *,
    away_s: float,
    words: int = WORDS_FED,
    piece: int = PIECE,
    seed: int = 1,
    progress: Progress | None = None,
) -> str:
    """Let the server be away for long; workers are killed meanwhile. *words* come before and after.

    What comes meanwhile is more, if it does not take the server.
    """
    progress = progress or Progress()
    with running(system, directory, seed, piece=piece) as run:
        with run.feeder.feeding():
            run.until_fed(words)
            wait_for("something is counted", system.counts)
            with run.unfed():
                leave(system)
                run.cluster.settled += ({"paused"}, {"paused", "running"})  # if there is no room
                began = time.monotonic()
                wait_for("status says so", lambda: away_since(run), wait_s=90)
                while time.monotonic() < began + away_s / 2:
                    run.cluster.strike(run.rng, most=2)
                    progress.tell(lambda: f"{_killed(run)}; the server is away")
                wait_for("it was away", lambda: time.monotonic() > began + away_s, wait_s=away_s)
                said, largest = (
                    away_since(run),
                    max(map(resident_bytes, run.cluster.workers.values())),
                )
                come_back(system)
            run.until_fed(words)
        run.check_all()
    return (
        f"{run.feeder.sent.total():,} words, each counted once and in order; the server was away "
        f"for {away_s:.0f} s, {run.cluster.kills.total()} kills meanwhile; at its end the largest "
        f"worker had {largest >> 20} MiB; status: {said}{told(system)}"
    )


def away_since(run: Run) -> str:
    """What a worker says of the source, or the sink, whose server is away; empty if nothing."""
    wanted = "in" if run.system.fed_by_server else "out"
    for worker in run.cluster.workers.values():
        status = worker.status()
        for stage in status.stages if status is not None else ():
            if "since" in stage.failing and wanted in stage.name.split(" → "):
                return f"{stage.name}: {stage.failing}"
    return ""


def resident_bytes(worker: WorkerProcess) -> int:
    """How many bytes of memory a worker has."""
    pages = int(Path(f"/proc/{worker.process.pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def put_back(system: System, directory: Path, *, words: int = WORDS_FED, seed: int = 1) -> str:
    """Put a kept checkpoint back: the whole cluster goes back, and what follows is made again.

    *words* come before it is kept, as many after that, and as many after it was put back.
    """
    with running(system, directory, seed) as run:
        kept = _fed_and_counted(run, words, again=0)
        _keep(run)
        run.cluster.end()
        copies = directory / "copies"
        for name in PUT_BACK:
            shutil.copytree(run.cluster.workers[name].state, copies / name)
        _start(run)
        before = _fed_and_counted(run, words, again=0)
        _kill_all(run)
        for name in PUT_BACK:
            state = run.cluster.workers[name].state
            shutil.rmtree(state)
            shutil.copytree(copies / name, state)
        _start(run)
        again = before.total() - kept.total()
        _fed_and_counted(run, words, again=again, strikes=max(2, words // WORDS_A_STRIKE))
        sent = run.feeder.sent
        run.check(
            {
                word: [*range(1, before[word] + 1), *range(kept[word] + 1, count + 1)]
                for word, count in sent.items()
            }
        )
        lines = [LINE_BEGINS in each.said for each in run.hosts.workers]  # also those killed since
    assert any(lines), "no new line was begun"
    return f"{sent.total():,} words, of which {again:,} were counted again in order, in a new line"


def _fed_and_counted(run: Run, words: int, *, again: int, strikes: int = 0) -> "Counter[str]":
    """Feed so many *words*, and wait until all is counted; *again* are counted twice."""
    with run.feeder.feeding():
        run.until_fed(words)
        for _ in range(strikes):
            run.cluster.strike(run.rng, most=2)
    run.until_counted(run.feeder.sent.total() + again)
    return Counter(run.feeder.sent)


def _keep(run: Run) -> None:
    run.cluster.until("running")
    done = run.cluster.workers["gamma"].ctl("checkpoint", "--keep", "copy")
    assert done.returncode == 0, done.stderr


def _start(run: Run) -> None:
    cluster = run.cluster
    cluster.workers = {name: cluster.start(name) for name in cluster.workers}
    cluster.until("running")


def _kill_all(run: Run) -> None:
    for worker in run.cluster.workers.values():
        worker.process.kill()
    for worker in run.cluster.workers.values():
        assert worker.wait() == -signal.SIGKILL
