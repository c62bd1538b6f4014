"""Ours as a cluster of one, with a checkpoint a second, to the end of its input."""

import subprocess
import sys
import tempfile
from pathlib import Path

from support.ports import free_port

CONTESTANTS = Path(__file__).with_name("contestants")
CONFIG = '[checkpoint]\ninterval = "1s"\n'


def run_alone(application: str, *arguments: str) -> None:
    """Run *application*, ``FILE:NAME`` of the contestants. Raises CalledProcessError: it failed."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "bench.toml")
        config.write_text(CONFIG)
        command = [
            *(sys.executable, "-m", "wallarood", "run", f"{CONTESTANTS}/{application}"),
            *("--worker-name", "a", "--worker-count", "1", "--topology-initializer"),
            *("--control-channel", f"127.0.0.1:{free_port()}"),
            *("--state-directory", f"{folder}/state", "--config", str(config)),
            *("--exit-on-completion", "--", *arguments),
        ]
        subprocess.run(command, check=True, capture_output=True)
