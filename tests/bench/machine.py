"""What a figure was measured on: machine, interpreter, versions, commit, command."""

import datetime
import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

from bench.venvs import ROOT, python_of

VERSIONS = (
    "import json, platform, importlib.metadata as m;"
    "print(json.dumps({'python': platform.python_version(),"
    "**{d.metadata['Name'].lower(): d.version for d in m.distributions()}}))"
)
SHOWN = ("python", "wallarood", "trio", "msgspec", "orjson", "bytewax", "pathway", "quixstreams")
INTERPRETER = """
import platform, sys, sysconfig
optimised = "--enable-optimizations" in (sysconfig.get_config_var("CONFIG_ARGS") or "")
print(platform.python_implementation(), sys.version, "--enable-optimizations" * optimised)
"""
"""Prints what it is and how it was built; distributions may optimise without that option."""


def _lines(file: str, prefix: str) -> str:
    for line in Path(file).read_text().splitlines():
        if line.startswith(prefix):
            return line.partition(":")[2].strip()
    return ""


def _said(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    return done.stdout.strip()


def described(contestants: list[str], interpreter: str) -> dict[str, Any]:
    """Everything that belongs beside a figure, as JSON values."""
    versions: dict[str, str] = {}
    for contestant in contestants:
        found = json.loads(_said(str(python_of(contestant, interpreter)), "-c", VERSIONS) or "{}")
        versions |= {name: found[name] for name in SHOWN if name in found}
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "cpu": _lines("/proc/cpuinfo", "model name"),
        "cores": len(os.sched_getaffinity(0)),
        "memory": _lines("/proc/meminfo", "MemTotal"),
        "system": platform.platform(),
        "interpreter": _said(interpreter, "-c", INTERPRETER),
        "versions": versions,
        "commit": _said("git", "rev-parse", "--short", "HEAD")
        + ("+changes" if _said("git", "status", "--porcelain", "--", "wallarood") else ""),
        "command": " ".join(["python", "-m", "bench", *sys.argv[1:]]),
    }
