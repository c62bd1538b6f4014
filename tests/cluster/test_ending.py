"""A worker ends within its time, whatever still runs in it, and says what has not finished."""

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.harness import Hosts, WorkerProcess, hosts_in, wait_for
from support.patience import in_time

from wallarood.admin import client
from wallarood.admin.status import JobState
from wallarood.model.errors import WallaroodError

STOP_S = 2
LATE_S = 5
"""For a machine that is busy."""

SOURCE = 'w.source("n", w.GeneratorSource(rate=50))'
APPLICATIONS = {
    "thread": f"""
threading.Thread(target=time.sleep, args=(600,), name="poller").start()
app = w.application("x", {SOURCE}.to_sink(w.FileSink("out")))
""",
    "fifo": """
app = w.application("x", w.source("lines", w.FileSource("fifo")).to_sink(w.FileSink("out")))
""",
    "loop": f"""
def held(number: int) -> int:
    pathlib.Path("begun").touch()
    time.sleep(600)
    return number
app = w.application("x", {SOURCE}.map(held).to_sink(w.FileSink("out")))
""",
    "blocking": f"""
@w.computation(blocking=True)
def held(number: int) -> int:
    pathlib.Path("begun").touch()
    time.sleep(600)
    return number
app = w.application("x", {SOURCE}.to(held).to_sink(w.FileSink("out")))
""",
    "child": f"""
def build(args):
    multiprocessing.get_context("fork").Process(target=time.sleep, args=(600,), name="kid").start()
    return w.application("x", {SOURCE}.to_sink(w.FileSink("out")))
app = build
""",
    "atexit": f"""
atexit.register(time.sleep, 600)
app = w.application("x", {SOURCE}.to_sink(w.FileSink("out")))
""",
}
SAID = {
    "thread": "thread 'poller' of the application",
    "fifo": "",
    "loop": "user code at",
    "blocking": "",
    "child": "child process 'kid'",
    "atexit": "ending without waiting",
}


def started(hosts: Hosts, text: str) -> WorkerProcess:
    directory = hosts.directory
    (directory / "stop.toml").write_text(f'timing.stop = "{STOP_S}s"\n')
    file = directory / "app.py"
    imports = "import atexit, multiprocessing, pathlib, threading, time\nimport wallarood as w\n"
    file.write_text(imports + text)
    return hosts.start("alpha", str(file), "--config", str(directory / "stop.toml"))


@pytest.mark.parametrize("what", APPLICATIONS)
def test_a_stop_ends_the_process_in_time(tmp_path: Path, what: str) -> None:
    os.mkfifo(tmp_path / "fifo")
    with hosts_in(tmp_path) as hosts:
        worker = started(hosts, APPLICATIONS[what])
        wait_for("it runs", lambda: "running" in worker.said or worker.process.poll() is not None)
        if what in ("loop", "blocking"):
            wait_for("user code runs", (tmp_path / "begun").exists)
        began = time.monotonic()
        worker.send(signal.SIGTERM)
        assert worker.wait() == 0, worker.said
        assert in_time(began, STOP_S + LATE_S)
        assert SAID[what] in worker.said


def read_by(worker: WorkerProcess) -> int:
    return sum(each.records for each in worker.told().sources)


def test_a_worker_whose_output_nobody_reads_ends_in_time(tmp_path: Path) -> None:
    text = """
numbers = w.source("n", w.GeneratorSource())
app = w.application("x", numbers.map(lambda n: "x" * 1000).to_sink(w.StdoutSink(), name="shown"))
"""
    os.mkfifo(tmp_path / "stdout")
    reader = os.open(tmp_path / "stdout", os.O_RDONLY | os.O_NONBLOCK)
    with hosts_in(tmp_path) as hosts:
        worker = started(hosts, text)
        wait_for("there is more than a pipe holds", lambda: read_by(worker) > 1000)
        began = time.monotonic()
        worker.send(signal.SIGTERM)
        assert worker.wait() == 0, worker.said
        assert in_time(began, STOP_S + LATE_S)
        assert "from sink 'shown'" in worker.said
    os.close(reader)


def test_a_worker_that_fails_ends_with_its_status_whatever_runs_in_it(tmp_path: Path) -> None:
    text = f"""
threading.Thread(target=time.sleep, args=(600,)).start()
def broken(number: int) -> int:
    raise ValueError("no good")
app = w.application("x", {SOURCE}.map(broken).to_sink(w.FileSink("out")))
"""
    with hosts_in(tmp_path) as hosts:
        worker = started(hosts, text)
        assert worker.wait() == 65, worker.said
        assert "ValueError: no good" in worker.said


@pytest.mark.parametrize("reader_leaves", [False, True])
def test_a_worker_whose_log_nobody_reads_goes_on_and_stops(
    tmp_path: Path, *, reader_leaves: bool
) -> None:
    text = f"app = w.application('x', {SOURCE}.to_sink(w.FileSink('out', if_exists='append')))"
    (tmp_path / "app.py").write_text(f"import wallarood as w\n{text}\n")
    (tmp_path / "stop.toml").write_text(f'timing.stop = "{STOP_S}s"\n')
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    state = tmp_path / "state"
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "wallarood", "run", "app.py", "--config", "stop.toml"),
            *("--worker-name", "alpha", "--state-directory", str(state)),
        ],
        cwd=tmp_path, stderr=writer, stdin=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        os.close(writer)
        worker_runs(state)
        if reader_leaves:
            os.close(reader)
        for _ in range(100):  # each is answered by a line
            client.reload(state / "admin.sock")
        worker_runs(state)
        process.send_signal(signal.SIGTERM)
        assert process.wait(120) == 0
    finally:
        process.kill()
        process.wait()
        if not reader_leaves:
            os.close(reader)


def worker_runs(state: Path) -> None:
    def runs() -> bool:
        with contextlib.suppress(WallaroodError, OSError):
            return client.status(state / "admin.sock", timeout_s=2.0).job is JobState.RUNNING
        return False

    wait_for("it runs", runs)
