"""A cluster of three that counts words through a system, while they are fed; and the oracle."""

import contextlib
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import attrs

from support.harness import Hosts, hosts_in, wait_for
from support.killer import Killer
from support.patience import PATIENCE, Wait
from support.systems.system import Counts, Fed, System, end

APPLICATION = """
from typing import Any

import wallarood as w

class Seen:
    count = 0

def word_of(record: Any) -> str:
    return record["word"] if isinstance(record, dict) else record

@w.state_computation(state=Seen)
def seen(word: str, state: Seen) -> tuple[str, int]:
    state.count += 1
    return word, state.count

app = w.application(
    "counting",
    w.source("in", {source})
    .map(word_of)
    .key_by(lambda word: word, name="by-word")
    .to(seen)
    .to_sink({sink}, name="out"),
)
"""
WORDS = 40
"""How many there are in each part."""
PIECE = 10
EVERY_S = 0.25
"""So many words are fed to each part so often."""
COUNTED_S = 180.0
FED_S = 30.0


@attrs.define(eq=False)
class Feeder:
    """Feeds `system` in a thread of its own, `piece` words a part at a time; `sent` are all.

    Whoever holds `quiet` keeps it from that.
    """

    system: Fed
    rng: random.Random
    piece: int = PIECE
    sent: Counter[str] = attrs.field(factory=Counter)
    quiet: threading.Lock = attrs.field(factory=threading.Lock)
    _ended: threading.Event = attrs.field(factory=threading.Event)
    error: BaseException | None = attrs.field(default=None, init=False)
    """Why nothing is fed any more; it is raised when feeding ends."""

    def feed(self) -> None:
        """Feed some words to each part."""
        words = {
            part: [f"p{part}w{self.rng.randrange(WORDS)}" for _ in range(self.piece)]
            for part in range(self.system.parts)
        }
        self.system.feed(words)
        for each in words.values():
            self.sent.update(each)

    def _run(self) -> None:
        try:
            while not self._ended.wait(EVERY_S * PATIENCE):
                with self.quiet:
                    self.feed()
        except BaseException as error:
            self.error = error

    @contextlib.contextmanager
    def feeding(self) -> Iterator[None]:
        """Feed for as long as the `with` statement runs."""
        self._ended.clear()
        thread = threading.Thread(target=self._run, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._ended.set()
            thread.join(120 * PATIENCE)
        assert not thread.is_alive(), "the feeder is stuck"
        if self.error is not None:
            raise self.error


@attrs.define(eq=False)
class Run:
    """Three workers of *system*, how they are fed, and what must come out."""

    system: System
    hosts: Hosts
    cluster: Killer
    feeder: Feeder
    rng: random.Random
    server_kills: int = 0
    lost_disks: int = 0

    def kill_server(self) -> None:
        """Kill the server at a random moment, and start it with its data."""
        self.cluster.wait_for_moment(self.rng)
        with self.unfed():
            self.system.server.restart_killed()
        self.server_kills += 1

    def unfed(self) -> contextlib.AbstractContextManager[object]:
        """While it lasts nothing is fed, if that takes the server."""
        return self.feeder.quiet if self.system.fed_by_server else contextlib.nullcontext()

    def until_fed(self, words: int) -> None:
        """Wait until so many more are fed."""
        enough = self.feeder.sent.total() + words
        wait_for(
            "enough is fed", lambda: self.feeder.sent.total() >= enough, wait_s=FED_S + words / 10
        )

    def until_counted(self, total: int) -> Counts:
        """Wait until there are *total* results, and return them."""
        wait, looked = Wait(COUNTED_S), time.monotonic()
        while len(found := self.system.counts()) < total:
            self.cluster.phases_now()
            assert wait.left_s(), (
                f"{len(found)} of {total} results after {wait.ends_after_s:.0f} s:\n{self.said}"
            )
            threading.Event().wait(max(0.5, 2 * (time.monotonic() - looked)))
            looked = time.monotonic()
        return found

    @property
    def said(self) -> str:
        """The last that each worker has said."""
        workers = self.cluster.workers.values()
        return "\n".join(f"--- {each.name}\n{each.said[-3000:]}" for each in workers)

    def check_so_far(self) -> int:
        """What is counted by now is counted once and in order; returns how much that is."""
        with self.feeder.quiet:
            found, sent = self.system.counts(), Counter(self.feeder.sent)
        there = Counter(word for word, _ in found)
        check_counts(found, {word: list(range(1, n + 1)) for word, n in (there & sent).items()})
        return len(found)

    def check(self, expected: Mapping[str, list[int]]) -> None:
        """Wait until all is counted; then nothing more may come, also not by an orderly end."""
        self.until_counted(sum(map(len, expected.values())))
        self.cluster.until("running")
        check_counts(self.system.counts(), expected)
        self.cluster.end()
        check_counts(self.system.counts(), expected)

    def check_all(self) -> None:
        """Each word was counted 1, 2, 3, … as often as it was sent."""
        sent = self.feeder.sent
        self.check({word: list(range(1, count + 1)) for word, count in sent.items()})


def check_counts(found: Counts, expected: Mapping[str, list[int]]) -> None:
    """The counts of each word are those expected, in this order."""
    counts: dict[str, list[int]] = {}
    for word, count in found:
        counts.setdefault(word, []).append(count)
    wrong = sorted(word for word in counts | expected if counts.get(word) != expected.get(word))
    assert not wrong, f"{len(wrong)} words, as {wrong[0]!r}: {_differs(wrong[0], counts, expected)}"


def _differs(word: str, counts: Mapping[str, list[int]], expected: Mapping[str, list[int]]) -> str:
    found, wanted = counts.get(word, []), expected.get(word, [])
    pairs = enumerate(zip(found, wanted, strict=False))
    place = next((at for at, (a, b) in pairs if a != b), min(len(found), len(wanted)))
    around = slice(max(0, place - 3), place + 4)
    return (
        f"{len(found)} counts where {len(wanted)} are expected; from the {place + 1}th on "
        f"{found[around]}, expected {wanted[around]}"
    )


@contextlib.contextmanager
def running(
    system: System,
    directory: Path,
    seed: int = 1,
    *,
    flags: tuple[str, ...] = (),
    piece: int = PIECE,
) -> Iterator[Run]:
    """Three workers that count the words of *system*, *piece* of which come at a time."""
    system.begin()
    file = directory / "counting.py"
    file.write_text(APPLICATION.format(source=system.source, sink=system.sink()))
    rng = random.Random(seed)
    try:
        with hosts_in(directory, interval=f"{round(300 * PATIENCE**0.5)}ms") as hosts:
            cluster = Killer(hosts, str(file), 3, *flags)
            cluster.until("running")
            feeder = Feeder(system, random.Random(seed), piece)
            run = Run(system, hosts, cluster, feeder, rng)
            try:
                yield run
            except BaseException:
                keep_what_was_said(hosts)
                raise
    finally:
        end(system)


def keep_what_was_said(hosts: Hosts) -> None:
    """For who keeps the directory."""
    for number, worker in enumerate(hosts.workers):
        (hosts.directory / f"said-{number:03}-{worker.name}").write_text(worker.said)
