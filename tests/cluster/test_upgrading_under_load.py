"""Words are counted while the application changes, and whoever upgrades is killed at every step."""

import random
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.harness import hosts_in, wait_for

from tests.cluster.test_upgrading import WORKERS, Upgraded, lines

pytestmark = pytest.mark.long

WORDS = 31
WINDOW = 500
"""How many lines a window of the new version spans."""

COMMON = f"""
import attrs

import wallarood as w


def line(number: int) -> str:
    return f"{{number}} w{{number % {WORDS}}} all"


def source(name: str):
    return w.source(name, w.GeneratorSource(line, rate=600))


@w.computation_multi
def split(line: str) -> list[str]:
    return line.split()[1:]
"""
FIRST = (
    COMMON
    + """

@attrs.define
class Total:
    count: int = 0


@w.computation
def shout(word: str) -> str:
    return word.upper()


@w.state_computation(state=Total)
def count(word: str, total: Total) -> tuple[str, int]:
    total.count += 1
    return word.lower(), total.count


app = w.application(
    "words",
    source("lines")
    .to(split)
    .to(shout)
    .key_by(lambda word: word.lower(), name="by-word")
    .to(count)
    .to_sink(w.FileSink("out"), name="out"),
)
"""
)
SECOND = (
    COMMON
    + f"""

@attrs.define
class Total:
    count: int = 0
    seen_by_the_second: int = 0


@w.state_computation(state=Total)
def count(word: str, total: Total) -> tuple[str, int]:
    total.count += 1
    total.seen_by_the_second += 1
    return word, total.count


@w.computation
def number(line: str) -> int:
    return int(line.split()[0])


@w.computation
def as_row(found: w.Windowed) -> tuple[int, int]:
    return found.value


texts = source("texts")
app = w.application(
    "words",
    texts.to(split)
    .key_by(lambda word: word, name="by-word")
    .to(count)
    .to_sink(w.FileSink("out"), name="out"),
    texts.to(number)
    .key_by(lambda number: 0, name="of-all")
    .window(w.count_window({WINDOW}, ttl=w.forever))
    .aggregate(w.count(), w.max(), name="windows")
    .to(as_row)
    .to_sink(w.FileSink("windows"), name="windows-out"),
    was={{"texts": "lines"}},
)
"""
)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Upgraded]:
    with hosts_in(tmp_path) as hosts:
        made = Upgraded(hosts, tmp_path)
        made.install(FIRST)
        for name in WORKERS:
            made.start(name)
        made.until(1)
        yield made


def kill(cluster: Upgraded, name: str) -> None:
    worker = cluster.workers[name]
    worker.process.kill()
    assert worker.wait() == -signal.SIGKILL, worker.said
    cluster.start(name)


def bring_in(cluster: Upgraded, version: str, rng: random.Random) -> None:
    """Host by host; after each one somebody is killed at a random moment."""
    for name in rng.sample(WORKERS, len(WORKERS)):
        cluster.install(version, name)
        if rng.random() < 0.5:
            cluster.workers[name].process.terminate()
            assert cluster.workers[name].wait() == 0, cluster.workers[name].said
        else:
            cluster.workers[name].process.kill()
            cluster.workers[name].wait()
        cluster.start(name)
        threading.Event().wait(rng.random())
        kill(cluster, rng.choice(WORKERS))


def kill_at_steps(cluster: Upgraded, rng: random.Random, epoch: int) -> None:
    """Kill a participant at each of the next steps of the change, as soon as one is seen."""
    for _ in range(3):
        wait_for("a step, or the end", lambda: changes(cluster, epoch), wait_s=60)
        threading.Event().wait(rng.random() / 2)
        kill(cluster, rng.choice(WORKERS))


def changes(cluster: Upgraded, epoch: int) -> bool:
    found = [worker.status() for worker in cluster.workers.values()]
    return any(
        each is not None and (each.epoch == epoch or "change to epoch" in each.phase)
        for each in found
    )


def check_words(directory: Path) -> None:
    """Each word of each line was counted once, by one version or another: 1, 2, 3, …"""
    found: dict[str, list[int]] = {}
    for written in lines(directory / "out"):
        word, count = written.split("\t")
        found.setdefault(word, []).append(int(count))
    read = len(found["all"])
    expected = Counter(f"w{number % WORDS}" for number in range(read)) + Counter({"all": read})
    assert {word: sorted(counts) for word, counts in found.items()} == {
        word: list(range(1, count + 1)) for word, count in expected.items()
    }


def check_windows(directory: Path) -> None:
    """All windows of the new version are full; each number was in one at most."""
    found = [tuple(map(int, each.split("\t")[-2:])) for each in lines(directory / "windows")]
    assert found
    assert {count for count, _ in found} == {WINDOW}
    assert len({last for _, last in found}) == len(found)


@pytest.mark.parametrize("seed", range(2))
def test_a_window_comes_a_step_goes_and_a_state_grows_under_kills(
    cluster: Upgraded, tmp_path: Path, seed: int
) -> None:
    rng = random.Random(seed)
    done = cluster.ctl("upgrade")
    assert done.returncode == 0, done.stderr
    bring_in(cluster, SECOND, rng)
    kill_at_steps(cluster, rng, 2)
    cluster.until(2)
    wait_for("a window is full", lambda: any(lines(tmp_path / "windows")), wait_s=60)
    cluster.end()
    check_words(tmp_path)
    check_windows(tmp_path)
