"""Standard output: lines as they come, a header first, and a quiet end when nobody reads."""

import subprocess
import sys
from pathlib import Path

APPLICATION = """
import wallarood as w
endless = w.application(
    "endless", w.source("n", w.GeneratorSource(lambda i: i)).to_sink(w.StdoutSink())
)
rows = w.application(
    "rows",
    w.source("n", w.GeneratorSource(lambda i: {"number": i, "twice": 2 * i}, count=3, rate=100))
    .to_sink(w.StdoutSink(format="csv")),
)
"""


def started(directory: Path, name: str, *flags: str) -> "subprocess.Popen[bytes]":
    (directory / "app.py").write_text(APPLICATION)
    command = [sys.executable, "-m", "wallarood", "run", f"app.py:{name}", *flags]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=directory, stdout=pipe, stderr=pipe)


def test_the_end_of_the_reader_ends_the_worker_without_a_word(tmp_path: Path) -> None:
    with started(tmp_path, "endless", "--log-level", "warning") as worker:
        assert worker.stdout is not None
        assert worker.stderr is not None
        assert [worker.stdout.readline() for _ in range(2)] == [b"0\n", b"1\n"]
        worker.stdout.close()
        assert worker.wait(120) == 0
        assert worker.stderr.read() == b""


def test_the_header_comes_once(tmp_path: Path) -> None:
    with started(tmp_path, "rows", "--exit-on-completion") as worker:
        out, _ = worker.communicate(timeout=120)
    assert out == b"number,twice\r\n0,0\r\n1,2\r\n2,4\r\n"
