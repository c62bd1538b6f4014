"""The command line as a user runs it: a process of its own."""

import os
import subprocess
import tempfile
import threading
from pathlib import Path

from support.forked import SHARED, forker

END_S = 60.0


def wallarood(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run ``wallarood ARGUMENTS`` to its end, which no traceback may tell of."""
    with tempfile.TemporaryFile() as stdout:
        begun = forker().start(
            arguments, stdout=stdout.fileno(), cwd=cwd or Path.cwd(), env=os.environ | SHARED
        )
        assert begun.stderr is not None
        too_late = threading.Timer(END_S, begun.kill)
        too_late.start()
        with begun.stderr as stream:
            stderr = stream.read().decode()
        code = begun.wait()
        too_late.cancel()
        stdout.seek(0)
        done = subprocess.CompletedProcess(arguments, code, stdout.read().decode(), stderr)
    assert "Traceback" not in done.stderr, done.stderr
    return done
