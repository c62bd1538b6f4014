"""The command line as a user runs it: a process of its own."""

import subprocess
import sys
from pathlib import Path


def wallarood(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run ``wallarood ARGUMENTS`` to its end, which no traceback may tell of."""
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
