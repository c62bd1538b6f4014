"""Operators that know time are imported when a stage has one."""

import subprocess
import sys

LATE = tuple(f"wallarood.flow.{name}." for name in ("joins", "timed", "windows"))
PROGRAM = f"""
import sys
import wallarood.daemon.main
import wallarood.testing
print(*(name for name in sys.modules if name.startswith({LATE!r})), end="")
"""


def test_a_worker_starts_without_those_that_its_application_may_not_have() -> None:
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == ""
