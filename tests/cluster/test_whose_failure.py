"""Whose failure ends whom: what a worker has of its own, and what is the job's."""

import signal
import socket
from pathlib import Path

import pytest
from support.harness import WorkerProcess, count_lines, hosts_in, wait_for
from support.ports import free_port

COUNTED = """
import wallarood as w

app = w.application(
    "counted",
    w.source("in", w.LineTcpSource("127.0.0.1:{port}"))
    .key_by(lambda word: word, name="by-word")
    .aggregate(w.count())
    .to_sink(w.FileSink("out"), name="out"),
)
"""


def send(port: int, words: list[str]) -> None:
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall("".join(f"{word}\n" for word in words).encode())


def journal_of(worker: WorkerProcess) -> list[Path]:
    """The files of the journals that a worker keeps."""
    found = (worker.state / "cluster" / "sources").rglob("*")
    return [each for each in found if each.is_file() and each.stat().st_size > 500]


def test_a_worker_whose_state_is_damaged_ends_alone_and_the_others_wait(tmp_path: Path) -> None:
    port = free_port()
    app = tmp_path / "counted.py"
    app.write_text(COUNTED.format(port=port))
    with hosts_in(tmp_path) as hosts:
        workers = hosts.start_cluster(2, str(app))
        wait_for("it listens", lambda: any("source listening" in each.said for each in workers))
        send(port, [f"w{n}" for n in range(500)])
        wait_for("all is counted", lambda: len(count_lines(tmp_path / "out")) == 500)
        [reader] = [each for each in workers if journal_of(each)]
        [other] = [each for each in workers if each is not reader]
        reader.process.kill()
        reader.wait()
        [journal] = journal_of(reader)
        kept = journal.read_bytes()
        journal.write_bytes(kept[:300] + bytes([kept[300] ^ 1]) + kept[301:])

        def again() -> WorkerProcess:
            first = reader.name == "alpha"
            return hosts.start(
                reader.name, str(app), "--cluster-id", "auto", count=2, initializer=first
            )

        hurt = again()
        assert hurt.wait() == 65, hurt.said
        wait_for("the other says so", lambda: "ended with status 65" in other.said)
        other.says(f"{reader.name} ends with status 65, by trouble of its own")
        journal.write_bytes(kept)
        mended = again()
        both = (mended, other)
        wait_for("all run again", lambda: all(each.phase() == "running" for each in both))
        assert other.process.poll() is None


FAILING = """
import wallarood as w


@w.computation
def checked(number: int) -> int:
    try:
        return number // (number - 400)
    except ZeroDivisionError as error:
        raise ValueError("no good") from error


app = w.application(
    "failing",
    w.source("n", w.GeneratorSource(rate=500)).to(checked).to_sink(w.FileSink("out"), name="out"),
)
"""


@pytest.mark.parametrize("count", [pytest.param(1, marks=pytest.mark.long), 3])
def test_a_failure_of_the_job_ends_all_with_cause_step_and_record(
    tmp_path: Path, count: int
) -> None:
    app = tmp_path / "failing.py"
    app.write_text(FAILING)
    with hosts_in(tmp_path) as hosts:
        for worker in hosts.start_cluster(count, str(app), "--log-level", "debug"):
            assert worker.wait() == 65, worker.said
            assert f"computation 'checked' failed at {app}:10" in worker.said
            assert "ValueError: no good" in worker.said
            assert "record: 400" in worker.said
        assert any("ZeroDivisionError" in each.said for each in hosts.workers)


def test_a_worker_that_cannot_write_ends_alone(tmp_path: Path) -> None:
    """What its host refuses a sink is no fault of the application."""
    app = tmp_path / "broken_sink.py"
    app.write_text(
        "import wallarood as w\n"
        'app = w.application("broken", w.source("n", w.GeneratorSource(rate=100))'
        '.collect().to_sink(w.FileSink("/proc/none")))\n'
    )
    with hosts_in(tmp_path) as hosts:
        workers = hosts.start_cluster(2, str(app))
        wait_for("one ends", lambda: any(each.process.poll() is not None for each in workers))
        [ended] = [each for each in workers if each.process.poll() is not None]
        [other] = [each for each in workers if each is not ended]
        assert ended.wait() == 73, ended.said
        wait_for("the other waits", lambda: other.phase() == "paused")
        other.says(f"{ended.name} (ended with status 73)")
        other.send(signal.SIGTERM)
        assert other.wait() == 0


def test_a_worker_that_lacks_an_input_file_ends_alone_until_it_is_there(tmp_path: Path) -> None:
    names = [f"{number}.txt" for number in range(4)]
    for worker in ("alpha", "beta"):
        (tmp_path / worker).mkdir()
        for name in names if worker == "alpha" else names[:1]:
            (tmp_path / worker / name).write_text(f"{name}\n")
    app = tmp_path / "files.py"
    app.write_text(
        "import os\n"
        "import wallarood as w\n"
        'os.chdir(os.environ["HAS"])\n'
        'files = w.source("files", w.FileSource("*.txt"))\n'
        f'app = w.application("files", files.to_sink(w.FileSink("{tmp_path}/out")))\n'
    )
    flags = ("--exit-on-completion", "--cluster-id", "auto")
    with hosts_in(tmp_path) as hosts:

        def start(name: str) -> WorkerProcess:
            hosts.environment["HAS"] = str(tmp_path / name)
            return hosts.start(name, str(app), *flags, count=2, initializer=name == "alpha")

        alpha, beta = start("alpha"), start("beta")
        assert beta.wait() == 73, beta.said
        assert "No such file or directory; this worker is to read it" in beta.said
        wait_for("alpha waits", lambda: "beta (ended with status 73)" in alpha.said)
        for name in names:
            (tmp_path / "beta" / name).write_text(f"{name}\n")
        assert [start("beta").wait(), alpha.wait()] == [0, 0]
    written = [f.read_text() for f in (tmp_path / "out").glob("[!.]*")]
    assert sorted("".join(written).split()) == names
