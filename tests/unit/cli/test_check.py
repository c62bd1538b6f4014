"""`wallarood check`: all that is wrong at once, nothing touched, and what would be pickled."""

from pathlib import Path

from support.command import wallarood

COUNT = "wallarood.examples.word_count"


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
    here = wallarood("check", "app.py", cwd=tmp_path)
    assert here.returncode == 0, here.stderr
    [note] = [line for line in here.stdout.splitlines() if "pickled" in line]
    assert note.startswith(f"computation 'inexact' ({tmp_path}/app.py:18): its records are pickled")
    assert note.endswith("between hosts this needs mutual TLS")


def test_check_says_what_would_be_refused_between_hosts(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(HINTED)
    (tmp_path / "key").write_text("0123456789abcdef" * 4)
    (tmp_path / "key").chmod(0o600)
    away = ("--control-channel", "alpha.example:7700", "--key-file", "key")
    done = wallarood("check", "app.py", *away, cwd=tmp_path)
    assert done.returncode == 65
    place = f"({tmp_path}/app.py:18)"
    assert f"computation 'inexact' {place} makes records of type object" in done.stderr
    assert "needs mutual TLS (security.certificate)" in done.stderr
    assert "computation 'exact'" not in done.stderr


def test_check_says_everything_that_is_wrong_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = wallarood(
        "check", "none.py", "--state-directory", "file/x", "--key-file", "missing", cwd=tmp_path
    )
    assert done.returncode == 65
    for part in ("none.py: it does not exist", "cluster key missing", "worker.state-directory"):
        assert part in done.stderr


def test_check_passes_and_touches_nothing(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("a\n")
    before = sorted(tmp_path.iterdir())
    done = wallarood("check", COUNT, "--values", "--", "--input", "text", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("configuration OK\n")
    assert 'timing.heartbeat = "1s"    # default' in done.stdout
    assert sorted(tmp_path.iterdir()) == before


def test_check_names_sinks_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")  # a place where not even root may write
    (tmp_path / "locked.py").write_text(
        "import wallarood as w\n"
        'numbers = w.source("numbers", w.GeneratorSource(count=1))\n'
        'app = w.application("x", numbers.to_sink(w.FileSink("taken/counts")))\n'
    )
    done = wallarood("check", "locked.py", cwd=tmp_path)
    assert done.returncode == 73
    assert f"no permission to write in {tmp_path}/taken" in done.stderr
    assert f"ReadWritePaths={tmp_path}/taken/counts" in done.stderr


LEDGER = """
import wallarood as w
from support.ledger_sink import LedgerSink

numbers = w.source("in", w.GeneratorSource(count=1))
app = w.application("x", numbers.to_sink(LedgerSink("127.0.0.1:1")))
"""


def test_servers_are_connected_to_only_if_that_is_wanted(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(LEDGER)
    (tmp_path / "support").symlink_to(Path(__file__).parents[2] / "support")
    assert wallarood("check", "app.py", cwd=tmp_path).returncode == 0
    done = wallarood("check", "app.py", "--connect", cwd=tmp_path)
    assert done.returncode == 69
    assert "app.py:6: spooled-sink: ledger 127.0.0.1:1: " in done.stderr


def test_check_reads_the_files_that_watching_needs(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("a\n")
    (tmp_path / "short").write_text("x\n")
    (tmp_path / "c.toml").write_text(
        '[admin]\nhttp = "127.0.0.1:0"\ntoken-file = "short"\n'
        '[otel]\nendpoint = "http://127.0.0.1:4318"\nheaders-file = "none"\n'
    )
    done = wallarood("check", COUNT, "--config", "c.toml", "--", "--input", "text", cwd=tmp_path)
    assert done.returncode != 0
    assert "admin.token-file: short: expected 16 ASCII characters" in done.stderr
    assert "otel.headers-file: none: No such file" in done.stderr


def test_what_is_dropped_is_said_of_an_upgrade_only(tmp_path: Path) -> None:
    done = wallarood("check", COUNT, "--drop", "lines", cwd=tmp_path)
    assert done.returncode == 64
    assert "--drop NAME: expected --upgrade with it" in done.stderr
