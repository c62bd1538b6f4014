"""What `wallarood check` says of an application whose records are pickled between workers."""

import subprocess
import sys
from pathlib import Path


def checked(directory: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "wallarood", "check", "app.py", *flags],
        capture_output=True,
        text=True,
        cwd=directory,
        timeout=60,
        check=False,
    )


HINTED = """
import wallarood as w

class Seen:
    n = 0

@w.computation
def exact(i: int) -> tuple[str, int]: return (str(i), i)
@w.computation
def inexact(i: int) -> object: return i
@w.state_computation(state=Seen)
def count(record: object, seen: Seen) -> int: return 1

source = w.source("numbers", w.GeneratorSource(count=9))
app = w.application(
    "x",
    source.to(exact).map(lambda r: r[0], name="first").key_by(str).to_sink(w.FileSink("one")),
    source.to(inexact).key_by(lambda i: str(i)).to(count).to_sink(w.FileSink("two")),
)
"""


def test_check_names_the_steps_whose_records_are_pickled(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(HINTED)
    here = checked(tmp_path)
    assert here.returncode == 0, here.stderr
    [note] = [line for line in here.stdout.splitlines() if "pickled" in line]
    assert note.startswith(f"computation 'inexact' ({tmp_path}/app.py:18): its records are pickled")
    assert note.endswith("between hosts this needs mutual TLS")


def test_check_says_what_would_be_refused_between_hosts(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(HINTED)
    (tmp_path / "key").write_text("0123456789abcdef" * 4)
    (tmp_path / "key").chmod(0o600)
    away = ("--control-channel", "alpha.example:7700", "--key-file", "key")
    done = checked(tmp_path, *away)
    assert done.returncode == 65
    place = f"({tmp_path}/app.py:18)"
    assert f"computation 'inexact' {place} makes records of type object" in done.stderr
    assert "needs mutual TLS (security.certificate)" in done.stderr
    assert "computation 'exact'" not in done.stderr
