"""`--chaos` as a newcomer meets it."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.command import end_of


def wallarood(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "wallarood", *arguments]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=directory, stdout=pipe, stderr=pipe, text=True) as process:
        out, said = end_of(process)
        return subprocess.CompletedProcess(command, process.returncode, out, said)


@pytest.mark.long
def test_the_demo_counts_right_while_workers_are_killed(tmp_path: Path) -> None:
    done = wallarood(tmp_path, "demo", "--chaos", "--seed", "3", "--", "--repeat", "30")
    assert done.returncode == 0, done.stderr
    assert "counts verified" in done.stdout
    found = re.search(r"chaos: (\d+) kills? \(.*\), (\d+) recover", done.stderr)
    assert found, done.stderr
    kills, recoveries = map(int, found.groups())
    assert kills >= recoveries >= 1
    assert done.stderr.count("SIGKILL") >= recoveries
    assert "Traceback" not in done.stderr


def test_dev_kills_too_and_one_worker_is_enough(tmp_path: Path, slow_count: str) -> None:
    done = wallarood(tmp_path, "dev", slow_count, "--workers", "1", "--chaos", "--seed", "1")
    assert done.returncode == 0, done.stderr
    assert "chaos: SIGKILL alpha" in done.stderr
    assert "completed in" in done.stderr


def test_an_application_that_fails_ends_chaos(tmp_path: Path, slow_count: str) -> None:
    file = Path(slow_count)
    text = file.read_text().replace("state.count += 1", "state.count += 1 / (number - 4000)")
    file.write_text(text)
    done = wallarood(tmp_path, "dev", slow_count, "--chaos", "--seed", "1")
    assert done.returncode == 65, done.stderr
    assert "ZeroDivisionError" in done.stderr
