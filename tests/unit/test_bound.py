"""What a run of the tests, or a benchmark, has started ends with it, also when it is killed."""

import select
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support.bound import bound

TESTS = Path(__file__).parents[1]
EXECUTED = """
import subprocess, sys
from support.bound import bound
sleep = "print('it runs', flush=True); import time; time.sleep(300)"
subprocess.Popen(bound(sys.executable, "-c", sleep)).wait()
"""
FORKED = """
from support.bound import end_with
import os, time
parent = os.getpid()
if not os.fork():
    end_with(parent)
    print("it runs", flush=True)
time.sleep(300)
"""


@pytest.mark.parametrize("program", [EXECUTED, FORKED], ids=["executed", "forked"])
def test_what_was_started_ends_with_who_is_killed(program: str) -> None:
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, cwd=TESTS, stdout=subprocess.PIPE) as starting:
        assert starting.stdout is not None
        assert starting.stdout.readline() == b"it runs\n"
        starting.kill()
        starting.wait()
        # The other end is the started one's alone now, until that has ended.
        ended, _, _ = select.select([starting.stdout], [], [], 60)
        assert ended
        assert starting.stdout.read() == b""


def test_what_another_thread_starts_does_not_end_with_that() -> None:
    with ThreadPoolExecutor() as pool:
        assert pool.submit(bound, "sleep", "1").result() == ["sleep", "1"]
