"""A process ends in time whatever still runs in it, and says what that was."""

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

HOLDS = {
    "user code on the main thread": (
        "ending.within(0.3)\nwhile True: time.sleep(0.01)",
        r"user code at \S+app\.py:\d+",
    ),
    "a thread of the application": (
        "threading.Thread(target=time.sleep, args=(60,), name='mine').start()\nending.within(0.3)",
        r"thread 'mine' of the application",
    ),
    "a child process": (
        "multiprocessing.get_context('fork').Process(target=time.sleep, args=(60,)).start()\n"
        "ending.within(0.3)",
        r"child process '\S+' \(PID \d+\)",
    ),
}
SCRIPT = """
import multiprocessing, sys, threading, time
from wallarood.daemon.ending import Ending
ending = Ending()
ending.code = 69
{holds}
"""


def run(directory: Path, holds: str) -> tuple[subprocess.CompletedProcess[str], float]:
    script = directory / "app.py"
    script.write_text(SCRIPT.format(holds=holds))
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, timeout=50, check=False
    )
    return done, time.monotonic() - began


@pytest.mark.parametrize("name", HOLDS)
def test_what_holds_the_process_does_not_hold_it_beyond_its_time(tmp_path: Path, name: str) -> None:
    holds, said = HOLDS[name]
    done, took_s = run(tmp_path, holds)
    assert done.returncode == 69
    assert took_s < 40
    assert "ending without waiting for what has not finished" in done.stdout
    assert re.search(said, done.stdout)


def test_a_later_time_counts_instead_of_an_earlier_one(tmp_path: Path) -> None:
    times = "ending.within(2); ending.within(60)"  # two seconds even if it is held up between them
    done, _ = run(tmp_path, f"{times}; time.sleep(2.3); print('got on'); ending.within(60)")
    assert done.returncode == 0
    assert "got on" in done.stdout


def test_a_process_in_which_nothing_runs_ends_by_itself(tmp_path: Path) -> None:
    done, _ = run(tmp_path, "ending.within(60)")
    assert (done.returncode, done.stdout) == (0, "")
