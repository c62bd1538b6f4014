"""An environment for each contestant, made on demand in a cache outside the tree."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROJECT = ROOT / "pyproject.toml"
"""What ours needs: with other requirements it has another environment."""
ORJSON = "orjson==3.11.4"
REQUIREMENTS = {
    "ours": ("--editable", str(ROOT), ORJSON),
    "loop": ("--editable", str(ROOT), ORJSON),  # the same environment as ours
    "timer": ("--editable", str(ROOT), ORJSON),
    "aggregated": ("--editable", str(ROOT), ORJSON),
    "bytewax": ("bytewax==0.21.1", ORJSON),
    "pathway": ("pathway==0.33.0", ORJSON),
    "quix": ("quixstreams==3.24.0", ORJSON),
    "kafka_bytewax": ("bytewax[kafka]==0.21.1",),
    "kafka_quix": ("quixstreams==3.24.0",),
}


class NotInstalledError(Exception):
    """A contestant's environment cannot be made; the message says why."""


def cache() -> Path:
    """Where environments are: $WALLAROOD_BENCH_VENVS, or below the user's cache."""
    chosen = os.environ.get("WALLAROOD_BENCH_VENVS")
    return Path(chosen) if chosen else Path.home() / ".cache" / "wallarood-bench"


def folder_of(contestant: str, interpreter: str) -> Path:
    """Where the environment of *contestant* is, or is to be."""
    requirements = REQUIREMENTS[contestant]
    ours = requirements == REQUIREMENTS["ours"]
    names = (interpreter, *requirements, *([PROJECT.read_text()] if ours else []))
    key = hashlib.sha256("\n".join(names).encode()).hexdigest()[:10]
    return cache() / f"{'ours' if ours else contestant}-{key}"


def python_of(contestant: str, interpreter: str = sys.executable) -> Path:
    """The Python of *contestant*'s environment, which is made if need be with *interpreter*.

    Raises NotInstalledError: it cannot be made.
    """
    requirements, real = REQUIREMENTS[contestant], os.path.realpath(interpreter)
    folder = folder_of(contestant, real)
    python = folder / "bin" / "python"
    if (folder / "installed").exists():
        return python
    if folder.exists():  # making it was interrupted: what is there may be half of something
        shutil.rmtree(folder)
    print(f"making an environment for {contestant} in {folder} ...", file=sys.stderr, flush=True)
    pip = (str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    for command in ((real, "-m", "venv", str(folder)), (*pip, *requirements)):
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except OSError as error:
            raise NotInstalledError(f"{contestant}: {interpreter} is no Python: {error}") from error
        if done.returncode:
            said = [line for line in done.stderr.splitlines() if "ERROR" in line]
            raise NotInstalledError(
                f"{contestant}: {' '.join(requirements)} cannot be installed with {real}: "
                + " ".join(said or done.stderr.splitlines()[-3:])
            )
    (folder / "installed").touch()
    return python
