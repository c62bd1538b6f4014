"""The commands as a user runs them: each a process of its own."""

import contextlib
import os
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path

from support.forked import SHARED, Forked, forker
from support.patience import Wait

END_S = 120.0
Done = subprocess.CompletedProcess[str]


def wallarood(*arguments: str, cwd: Path | None = None) -> Done:
    """Run ``wallarood ARGUMENTS`` to its end, which no traceback may tell of."""
    return _run("wallarood", arguments, cwd or Path.cwd())


def wallarooctl(*arguments: str) -> Done:
    """Run ``wallarooctl ARGUMENTS`` to its end, which no traceback may tell of."""
    return _run("wallarood.cli.ctl", arguments, Path.cwd())


def end_of(process: "subprocess.Popen[str]", wait_s: float = END_S) -> tuple[str, str]:
    """What is on its stdout and stderr when it has ended, as long as that takes on this machine.

    If it takes longer it is terminated, and ends what it has started.
    """
    wait = Wait(wait_s)
    while True:
        try:
            return process.communicate(timeout=wait.left_s())
        except subprocess.TimeoutExpired:
            if not wait.left_s():
                process.terminate()
                raise


def _kill_late(begun: Forked) -> None:
    """Kill what does not end in time, as slow as this machine is."""
    wait = Wait(END_S)
    while left_s := wait.left_s():
        with contextlib.suppress(subprocess.TimeoutExpired):
            begun.wait(left_s)
            return
    begun.kill()


def _run(module: str, arguments: Sequence[str], cwd: Path) -> Done:
    with tempfile.TemporaryFile() as stdout:
        begun = forker().start(
            arguments, stdout=stdout.fileno(), cwd=cwd, env=os.environ | SHARED, module=module
        )
        assert begun.stderr is not None
        threading.Thread(target=_kill_late, args=(begun,), daemon=True).start()
        with begun.stderr as stream:
            stderr = stream.read().decode()
        code = begun.wait()
        stdout.seek(0)
        done = subprocess.CompletedProcess(arguments, code, stdout.read().decode(), stderr)
    assert "Traceback" not in done.stderr, done.stderr
    return done
