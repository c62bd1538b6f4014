"""The command line: exit codes, messages, and what stands behind ``--``."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


def wallarood(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "wallarood", *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


COUNT = "wallarood.examples.word_count"


@pytest.mark.parametrize("command", ["run", "dev", "demo", "check", "plan", "state"])
def test_every_command_has_help(command: str) -> None:
    done = wallarood(command, "--help")
    assert done.returncode == 0
    assert done.stdout.startswith(f"usage: wallarood {command}")


@pytest.mark.parametrize(
    "arguments",
    [("nonsense",), ("run", "--nonsense"), ("plan",), ("plan", COUNT, "--workers", "a,a"),
     ("plan", COUNT, "--workers", "0"), ("run", COUNT, "--worker-count", "three"),
     ("run", COUNT, "--worker-name", "a b"), ("state", "explode"), ("run",)],
)  # fmt: skip
def test_wrong_usage_ends_64_or_78_with_a_message(
    arguments: tuple[str, ...], tmp_path: Path
) -> None:
    done = wallarood(*arguments, cwd=tmp_path)
    assert done.returncode in (64, 78), done
    assert "error:" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("rnu", "app.py"), "unknown command 'rnu': did you mean run?"),
        (("run", "app.py", "--worker-coutn", "3"), "--worker-coutn: did you mean --worker-count?"),
        (("run", "app.py", "--input", "x"), "--input; flags of the application stand after --"),
        (("plan", "app.py", "--format", "yaml"), "'yaml': expected text, json, dot"),
        (("dev",), "required: APP\n"),
        (("state", "shwo"), "unknown action 'shwo': did you mean show?"),
        (("keys", "isue"), "did you mean issue?"),
        (("run", "notes.txt"), "expected module:name, or the path of a file that ends in .py"),
        (("run", COUNT, "--worker-count", "2"), "error: worker.control-channel: a cluster of 2"),
    ],
)
def test_what_was_meant_is_said(arguments: tuple[str, ...], said: str, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    done = wallarood(*arguments, cwd=tmp_path)
    assert said in done.stderr
    assert "usage:" not in done.stderr


def test_without_a_command_all_of_them_are_listed() -> None:
    done = wallarood()
    assert done.returncode == 64
    assert "run one worker in the foreground" in done.stderr


def test_the_version() -> None:
    assert wallarood("--version").stdout == "wallarood 0.1.0\n"


@pytest.mark.parametrize("shown", ["text", "json", "dot"])
def test_plan_shows_the_stages(shown: str, tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.write_text("a b\n")
    done = wallarood(
        "plan", COUNT, "--workers", "x,y", "--format", shown, "--", "--input", str(text)
    )
    assert done.returncode == 0, done.stderr
    match shown:
        case "json":
            plan = json.loads(done.stdout)
            assert plan["workers"] == ["x", "y"]
            assert plan["stages"][1]["partitions"] == {"x": 128, "y": 128}
        case "dot":
            assert done.stdout.startswith('digraph "word count" {')
            assert "s0 -> s1" in done.stdout
        case _:
            assert "joined:    3 steps run as one" in done.stdout
            assert "count keeps state per key: records change worker here" in done.stdout
            assert "x 128, y 128 of 256 partitions" in done.stdout


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


def test_state_needs_no_keys_to_what_the_worker_does_with_others(tmp_path: Path) -> None:
    (tmp_path / "away.toml").write_text('[worker]\ncount = 3\ncontrol-channel = "alpha:7700"\n')
    flags = ("--config", "away.toml", "--state-directory", "state")
    assert wallarood("run", COUNT, *flags, cwd=tmp_path).returncode == 78
    (tmp_path / "state").mkdir()
    done = wallarood("state", "reset", *flags, cwd=tmp_path)
    assert done.stderr == ""
    assert "holds no cluster record" in done.stdout


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


def test_a_cluster_of_one_without_any_flag_and_its_state(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("a b a\n")
    arguments = ("--exit-on-completion", "--", "--input", "text", "--output", "out")
    done = wallarood("run", COUNT, *arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (output,) = (tmp_path / "out").glob("[!.]*")
    assert output.read_text() == "a\t1\nb\t1\na\t2\n"
    (state,) = (tmp_path / ".wallarood").iterdir()
    shown = wallarood("state", "show", cwd=tmp_path)
    assert shown.returncode == 0, shown.stderr
    assert "(published)" in shown.stdout
    record = json.loads(wallarood("state", "show", "--json", cwd=tmp_path).stdout)
    assert record["worker"] == state.name
    reset = wallarood("state", "reset", cwd=tmp_path)
    assert "archived as" in reset.stdout
    again = wallarood("state", "show", cwd=tmp_path)
    assert "no cluster record" in again.stdout
    assert f"archived: 000001-{record['cluster_id']}" in again.stdout


def test_state_of_a_directory_that_is_not_there(tmp_path: Path) -> None:
    done = wallarood("state", "show", "--state-directory", "none", cwd=tmp_path)
    assert done.returncode == 65
    assert "there is no state directory none" in done.stderr


def test_output_that_nobody_reads_any_more_ends_a_command_without_a_word() -> None:
    """Also where it was written in a task among others, as by ``wallarood dev``."""
    program = (
        "import sys\n"
        "from wallarood.cli.main import guarded\n"
        "def run() -> int:\n"
        "    try:\n"
        "        for _ in range(100_000):\n"
        "            print('line', flush=True)\n"
        "    except BrokenPipeError as error:\n"
        "        raise ExceptionGroup('tasks', [error]) from None\n"
        "    return 1\n"
        "sys.exit(guarded('wallarood', run))\n"
    )
    command = f'"{sys.executable}" -c "$PROGRAM" | head -1; exit ${{PIPESTATUS[0]}}'
    done = subprocess.run(
        ["bash", "-c", command], env={**os.environ, "PROGRAM": program}, check=False, timeout=30,
        capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "line\n", "")
