"""Webhooks on workers that are killed: what was answered with 200 is counted once."""

import http.client
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
from support.harness import count_lines, hosts_in, wait_for
from support.killer import Killer
from support.ports import free_port
from support.web import post

APPLICATION = """
import wallarood as w

class Seen:
    count = 0

@w.state_computation(state=Seen)
def seen(word: str, state: Seen) -> tuple[str, int]:
    state.count += 1
    return word, state.count

app = w.application(
    "hooks",
    w.source("in", w.HttpSource("127.0.0.1:{port}", record=str{options}))
    .key_by(lambda word: word, name="by-word").to(seen)
    .to_sink(w.FileSink("out"), name="out"),
)
"""
CLIENTS = 4
WORDS = 40


def application(directory: Path, port: int, options: str = "") -> str:
    file = directory / "hooks.py"
    file.write_text(APPLICATION.format(port=port, options=options))
    return str(file)


class Sender:
    """Sends words until told to stop, each until it is answered, with the same name."""

    def __init__(self, port: int, number: int) -> None:
        self.port, self.number = port, number
        self.answered: list[str] = []
        self.codes: Counter[int] = Counter()
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        rng = random.Random(self.number)
        while not self.stop.is_set():
            word = f"c{self.number}w{rng.randrange(WORDS)}"
            name = f"{self.number}-{len(self.answered)}"
            while not self._sent(word, name):
                time.sleep(0.05)
            self.answered.append(word)

    def _sent(self, word: str, name: str) -> bool:
        try:
            said = post(self.port, f'"{word}"'.encode(), Idempotency_Key=name)
        except (OSError, http.client.HTTPException):
            return False
        self.codes[said.code] += 1
        return said.code == 200


@pytest.mark.parametrize("workers", [pytest.param(1, marks=pytest.mark.long), 3])
def test_what_was_answered_is_counted_once_whoever_dies(tmp_path: Path, workers: int) -> None:
    port, rng = free_port(), random.Random(workers)
    with hosts_in(tmp_path) as hosts:
        cluster = Killer(hosts, application(tmp_path, port), workers)
        cluster.until("running")
        senders = [Sender(port, number) for number in range(CLIENTS)]
        for _ in range(6):
            cluster.strike(rng, most=min(2, workers))
        cluster.until("running")
        wait_for("much is answered", lambda: sum(len(s.answered) for s in senders) > 100)
        for each in senders:
            each.stop.set()
        for each in senders:
            each.thread.join(60)
            assert not each.thread.is_alive()
        sent = Counter(word for each in senders for word in each.answered)

        def counted() -> int:
            return sum(map(len, count_lines(tmp_path / "out").values()))

        wait_for("all is counted", lambda: counted() >= sum(sent.values()), wait_s=60)
        cluster.until("running")
        cluster.end()
    found = count_lines(tmp_path / "out")
    assert {word: [count for _, count in each] for word, each in found.items()} == {
        word: list(range(1, count + 1)) for word, count in sent.items()
    }
    assert all(set(each.codes) <= {200, 409, 503} for each in senders)


def test_wrong_files_end_check_and_worker_with_the_same_words(tmp_path: Path) -> None:
    options = ', certificate_file="none.pem", key_file="none.key"'
    app = application(tmp_path, free_port(), options)
    command = [sys.executable, "-m", "wallarood", "check", app]
    checked = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert checked.returncode == 78, checked.stderr
    assert "HttpSource: none.pem: No such file or directory" in checked.stdout + checked.stderr
    with hosts_in(tmp_path) as hosts:
        worker = hosts.start("alpha", app, initializer=True)
        assert worker.wait() == 78
        assert "HttpSource: none.pem: No such file or directory" in worker.said
