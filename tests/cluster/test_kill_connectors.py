"""The guarantee of each connector, shown by kill -9."""

import random
import shutil
import signal
import socket
import threading
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest
from support.harness import count_lines, hosts_in, wait_for
from support.killer import Killer
from support.ports import free_port
from support.receiver import LineReceiver, Receiver

from wallarood.client import SourceClient

COUNT = """
class Seen:
    count = 0

@w.state_computation(state=Seen)
def seen(word: str, state: Seen) -> tuple[str, int]:
    state.count += 1
    return word, state.count
"""


def application(directory: Path, source: str, sink: str) -> str:
    """A file with an application that counts words from *source* into *sink*."""
    file = directory / "words.py"
    file.write_text(
        f"import wallarood as w\n{COUNT}\n"
        f'app = w.application("words", w.source("in", {source})'
        '.key_by(lambda word: word, name="by-word").to(seen)'
        f'.to_sink({sink}, name="out"))\n'
    )
    return str(file)


def words_of(client: int, count: int = 2000) -> list[str]:
    """What a client sends: its own words, so that each key comes from one client in order."""
    rng = random.Random(client)
    return [f"c{client}w{rng.randrange(40)}" for _ in range(count)]


def counted(words: list[str]) -> dict[str, list[int]]:
    """What must come out: every word 1, 2, 3, …"""
    return {word: list(range(1, times + 1)) for word, times in Counter(words).items()}


def test_what_was_acknowledged_is_counted_and_received_exactly_once(tmp_path: Path) -> None:
    """Clients send with acknowledgements, a receiver takes each number once; workers die."""
    port = free_port()
    with Receiver() as receiver, hosts_in(tmp_path) as hosts:
        app = application(
            tmp_path,
            f'w.TcpSource("127.0.0.1:{port}", record=str)',
            f'w.TcpSink("127.0.0.1:{receiver.port}", format="tsv")',
        )
        cluster = Killer(hosts, app, 3)
        cluster.until("running")
        done = threading.Semaphore(0)

        def send(client: int) -> None:
            with SourceClient(f"127.0.0.1:{port}", f"till-{client}", timeout_s=60) as till:
                for number, word in enumerate(words_of(client)):
                    till.send(f'"{word}"'.encode())
                    if number % 100 == 0:
                        till.flush()
            done.release()

        senders = [threading.Thread(target=send, args=(n,), daemon=True) for n in range(2)]
        for each in senders:
            each.start()
        rng = random.Random(5)
        for _ in range(8):
            cluster.strike(rng, most=2)
        assert all(done.acquire(timeout=120) for _ in senders)
        expected = counted([word for n in range(2) for word in words_of(n)])
        total = sum(map(len, expected.values()))
        wait_for(
            "all is received",
            lambda: sum(map(len, receiver.records.values())) >= total,
            wait_s=60,
        )
        cluster.until("running")
        cluster.end()
    found: dict[str, list[int]] = {}
    for records in receiver.records.values():
        for record in records:
            word, _, count = record.decode().partition("\t")
            found.setdefault(word, []).append(int(count))
    assert receiver.wrong == []
    assert receiver.repeats > 0
    assert found == expected


def test_lines_that_were_counted_stay_counted_once(tmp_path: Path) -> None:
    """Nothing acknowledges a line; but none is counted twice, and none that came out is lost."""
    port = free_port()
    with hosts_in(tmp_path) as hosts:
        app = application(tmp_path, f'w.LineTcpSource("127.0.0.1:{port}")', 'w.FileSink("out")')
        cluster = Killer(hosts, app, 3)
        sent: list[str] = []
        rng = random.Random(6)
        for turn in range(4):
            cluster.until("running")
            words = words_of(turn, 500)
            sent += words
            send_lines(port, words)
            if not turn:
                wait_for("lines are counted", lambda: count_lines(tmp_path / "out"))
            cluster.kill(*rng.sample(list(cluster.workers), rng.randrange(1, 3)))
        cluster.until("running")
        cluster.end()
    expected = Counter(sent)
    found = count_lines(tmp_path / "out")
    assert found
    for word, each in found.items():
        assert [count for _, count in each] == list(range(1, len(each) + 1)), word
        assert len(each) <= expected[word]


def test_files_are_read_once_and_lines_are_sent_at_least_once(tmp_path: Path) -> None:
    """Three files, which three workers read; every result arrives, some of them again."""
    words = {number: words_of(number, 60_000) for number in range(3)}
    for number, each in words.items():
        (tmp_path / f"in-{number}.txt").write_text("".join(f"{word}\n" for word in each))
    with LineReceiver() as receiver, hosts_in(tmp_path) as hosts:
        sink = f'w.TcpSink("127.0.0.1:{receiver.port}", format="tsv", delivery="at-least-once")'
        app = application(tmp_path, 'w.FileSource("in-*.txt")', sink)
        cluster = Killer(hosts, app, 3)
        for name in ("beta", "alpha", "gamma"):
            before = len(receiver.lines)
            wait_for("lines come", lambda before=before: len(receiver.lines) > before + 15_000)
            cluster.kill(name)
        cluster.until("completed")
        expected = counted([word for each in words.values() for word in each])
        results = {f"{word}\t{count}" for word, each in expected.items() for count in each}
        wait_for("all is received", lambda: results <= set(receiver.lines))
        cluster.end()
    assert set(receiver.lines) == results
    assert len(receiver.lines) > len(results), "nobody was killed while lines were sent"


def test_standard_output_has_every_line_some_of_them_again(tmp_path: Path) -> None:
    words, shown = words_of(0, 150_000), tmp_path / "stdout"
    (tmp_path / "in.txt").write_text("".join(f"{word}\n" for word in words))
    with hosts_in(tmp_path) as hosts:
        app = application(tmp_path, 'w.FileSource("in.txt")', 'w.StdoutSink(format="tsv")')
        cluster = Killer(hosts, app, 3)
        for name in ("alpha", "gamma"):
            before = shown.stat().st_size
            wait_for("lines come", lambda before=before: shown.stat().st_size > before + 200_000)
            cluster.kill(name)
        cluster.until("completed")
        cluster.end()
    lines = shown.read_text().splitlines()
    results = {f"{word}\t{n}" for word, each in counted(words).items() for n in each}
    assert results <= set(lines)
    assert len(lines) > len(results), "nobody was killed while lines were written"


def send_lines(port: int, words: list[str]) -> None:
    """Send lines and close, as `nc` does, as soon as the source listens.

    A source is opened when its worker runs, which the worker may have said a moment before.
    """
    found: list[socket.socket] = []

    def connected() -> bool:
        with suppress(ConnectionRefusedError):
            found.append(socket.create_connection(("127.0.0.1", port), timeout=10))
        return bool(found)

    wait_for("the source listens", connected)
    with found[0] as connection:
        connection.sendall("".join(f"{word}\n" for word in words).encode())


TWO_SOURCES = """
import wallarood as w

class Seen:
    count = 0

@w.state_computation(state=Seen)
def as_it_came(number: int, seen: Seen) -> str:
    return str(number)

one = w.source("one", w.GeneratorSource(lambda n: n, count=900, rate=90))
two = w.source("two", w.GeneratorSource(lambda n: 900 + n, count=500, rate=50))
app = w.application(
    "both", one.merge(two).collect().to(as_it_came).to_sink(w.TcpSink("127.0.0.1:{port}"))
)
"""


@pytest.mark.long
def test_a_receiver_has_every_result_once_after_a_kept_checkpoint_was_put_back(
    tmp_path: Path,
) -> None:
    """What is made again comes in another order: numbers alone do not tell what is repeated."""
    app = tmp_path / "both.py"
    with Receiver() as receiver, hosts_in(tmp_path) as hosts:
        app.write_text(TWO_SOURCES.replace("{port}", str(receiver.port)))
        cluster = Killer(hosts, str(app), 2)
        cluster.until("running")
        beta = cluster.workers["beta"]
        wait_for("some is received", lambda: any(receiver.records.values()))
        assert beta.ctl("checkpoint", "--keep", "copy").returncode == 0
        beta.send(signal.SIGTERM)
        assert beta.wait() == 0
        shutil.copytree(beta.state, tmp_path / "copy")

        def committed() -> int:
            status = cluster.workers["alpha"].status()
            return status.checkpoint.committed if status is not None else 0

        def received() -> int:
            return sum(map(len, receiver.records.values()))

        copied = committed()
        beta = cluster.workers["beta"] = cluster.start("beta")
        # What the copy has prepared may be published only now: it is not what is replaced.
        wait_for(
            "later ones are committed, or all",
            lambda: committed() > copied + 1 or cluster.in_phase("completed"),
        )
        before = received()
        wait_for("more is received", lambda: received() >= min(before + 50, 1400))
        beta.process.kill()
        beta.wait()
        shutil.rmtree(beta.state)
        shutil.copytree(tmp_path / "copy", beta.state)
        cluster.workers["beta"] = cluster.start("beta")
        cluster.until("completed")
        cluster.end()
        for worker in cluster.workers.values():
            assert worker.said.count("line 1 of the output begins") == 1
    assert receiver.wrong == []
    assert receiver.replaced > 0
    found = sorted(int(each) for records in receiver.records.values() for each in records)
    assert found == list(range(1400))
